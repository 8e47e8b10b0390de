# shellcheck shell=sh disable=SC2154,SC2016
# What `status` asks beyond a host's facts: units, disks, certificates, the registry, versions, earlier runs; on a control
# plane also pods, workloads and Helm releases. It changes nothing and prints no secret: of files that hold a certificate
# beside its key only the certificate is printed. `tell`, `ask`, state and conf are observe.sh's. Variables: port (of the
# registry), store (of its repositories), lock_folder, manifests (apps made of manifests, NAME:NAMESPACE each).
tell status-units
for unit in kubelet containerd bundler-registry bundler-endpoint bundler-vip; do
    systemctl show -p Id,LoadState,ActiveState,SubState,NRestarts,ActiveEnterTimestampMonotonic \
        -p InactiveEnterTimestampMonotonic "$unit.service" 2>/dev/null
done
tell status-uptime
cut -d' ' -f1 /proc/uptime
tell status-load
cut -d' ' -f1-3 /proc/loadavg
tell status-memory
sed -n 's/^\(MemTotal\|MemAvailable\): *\([0-9]*\) kB$/\1 \2/p' /proc/meminfo
tell status-disks
for path in / /var/lib/containerd /var/lib/etcd /var/lib/kubelet $state /var/log; do
    [ ! -d "$path" ] || timeout 3 df -Pk "$path" 2>/dev/null | sed -n "2s|\$| $path|p"
done
tell status-versions
for name in containerd runc; do
    found=$(command -v "$name" 2>/dev/null || ls "/usr/local/bin/$name" 2>/dev/null) || continue
    [ -z "$found" ] || echo "$name $(timeout 3 "$found" --version 2>/dev/null | head -n 1)"
done
tell status-certificates
for file in /etc/kubernetes/pki/*.crt /etc/kubernetes/pki/etcd/*.crt /var/lib/kubelet/pki/kubelet-client-current.pem \
    /var/lib/kubelet/pki/kubelet-server-current.pem /var/lib/kubelet/pki/kubelet.crt /etc/bundler/*.crt; do
    [ ! -f "$file" ] || { echo "file $file" && sed -n '/^-----BEGIN CERTIFICATE-----$/,/^-----END CERTIFICATE-----$/p' "$file"; }
done
for file in /etc/kubernetes/*.conf; do
    [ ! -f "$file" ] || { echo "file $file" && sed -n 's/^ *client-certificate-data: */data /p' "$file"; }
done
tell status-registry
if [ -d "$store" ]; then
    echo there
    if command -v curl >/dev/null; then
        at=$(sed -n 's/^  addr: *"*\([^"]*\)"*$/\1/p' /etc/bundler/registry.yml 2>/dev/null)
        case $at in '' | :*) at=127.0.0.1:$port ;; esac
        # The login of this host's containerd, through a pipe: a command line is for all to read.
        echo "code $(sed -n '/Authorization = /{s/^ *Authorization = "\(.*\)"$/header = "Authorization: \1"/p;q}' \
            /etc/bundler/certs.d/_default/hosts.toml 2>/dev/null |
            curl -sk -K - -o /dev/null -w '%{http_code}' --max-time 3 "https://$at/v2/" 2>/dev/null)"
    fi
    find "$store" -path '*/_manifests/revisions/sha256/*/link' 2>/dev/null | sed -n 's|.*/sha256/\([0-9a-f]\{64\}\)/link$|has \1|p' |
        sort -u | head -n 20000
fi
tell status-holder
# Who works on this host now: the process that the lock names is there and has it open. Nothing is locked to find out.
if read -r _ pid who 2>/dev/null <"$lock_folder/lock" &&
    [ "$(stat -L -c %i "/proc/$pid/fd/9" 2>/dev/null)" = "$(stat -c %i "$lock_folder/lock" 2>/dev/null)" ]; then
    echo "$who"
fi
tell status-runs
[ ! -f "$state/runs" ] || tail -n 20 "$state/runs"
# One question decides whether the others are asked: a dead API would let each of them wait for its end.
if [ -e "$conf" ] && [ -x /usr/local/bin/kubectl ] && [ -n "$(ask get --raw /readyz)" ]; then
    # A pod's age is by the clock of the host that is asked, not by that of the person who asks.
    tell status-clock
    date -u +%s
    tell status-pods
    ask get pods -A -o go-template='{{range .items}}{{.metadata.namespace}}{{"\t"}}{{.metadata.name}}{{"\t"}}{{with .spec.nodeName}}{{.}}{{end}}{{"\t"}}{{.status.phase}}{{"\t"}}{{range .status.containerStatuses}}{{if .ready}}1{{else if .started}}0{{else}}s{{end}}{{end}}{{"\t"}}{{range .status.containerStatuses}}{{.restartCount}} {{end}}{{"\t"}}{{range .status.containerStatuses}}{{with .state}}{{with .waiting}}{{.reason}} {{end}}{{end}}{{end}}{{"\t"}}{{with .metadata.labels}}{{with index . "app.kubernetes.io/instance"}}{{.}}{{end}}{{end}}{{"\t"}}{{with .metadata.deletionTimestamp}}{{.}}{{end}}{{"\t"}}{{with .status.startTime}}{{.}}{{end}}{{"\n"}}{{end}}' &&
        echo answered
    tell status-workloads
    ask get deployments,statefulsets,daemonsets -A -o go-template='{{range .items}}{{.kind}}{{"\t"}}{{.metadata.namespace}}{{"\t"}}{{.metadata.name}}{{"\t"}}{{with .status.desiredNumberScheduled}}{{.}}{{end}}{{with .spec.replicas}}{{.}}{{end}}{{"\t"}}{{with .status.numberReady}}{{.}}{{end}}{{with .status.readyReplicas}}{{.}}{{end}}{{"\t"}}{{with .metadata.annotations}}{{with index . "meta.helm.sh/release-name"}}{{.}}{{end}}{{"\t"}}{{with index . "meta.helm.sh/release-namespace"}}{{.}}{{end}}{{else}}{{"\t"}}{{end}}{{"\n"}}{{end}}' &&
        echo answered
    # A table from the server: names and labels travel, the releases themselves stay where they are.
    tell status-releases
    ask get secrets -A -l owner=helm --show-labels --no-headers
    tell status-manifests
    for app in $manifests; do
        folder=$state/apps/${app%%:*} namespace=${app#*:}
        [ ! -d "$folder" ] || ask get ${namespace:+-n "$namespace"} -f "$folder" --ignore-not-found -o 'jsonpath={range .items[*]}{.kind}{"\t"}{.metadata.namespace}{"\t"}{.metadata.name}{"\n"}{end}{.kind}{"\t"}{.metadata.namespace}{"\t"}{.metadata.name}{"\n"}' |
            sed "s|^|${app%%:*}	|"
    done
fi
tell status-end
