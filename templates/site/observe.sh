# shellcheck shell=sh disable=SC2154
# What a host shows of its site: record, traces of a cluster, our files and units as they are; on a control plane also
# nodes, stored configuration and etcd's members. It changes nothing. `tell NAME` begins a section.
state=/var/lib/bundler
conf=/etc/kubernetes/admin.conf

tell identity
cat /etc/machine-id 2>/dev/null || echo unknown
cat /proc/sys/kernel/random/boot_id 2>/dev/null || echo unknown
tell record
[ ! -f $state/record.json ] || { cat $state/record.json && echo; }
tell marks
[ ! -e $state/removing ] || echo removing
[ ! -f $state/ledger ] || echo ledger
[ ! -e $state/renewing ] || echo renewing
[ ! -e $state/rotate-ca ] || echo rotating
tell renewed
[ ! -f $state/renewed ] || cat $state/renewed
tell traces
[ ! -e /etc/kubernetes/pki/ca.key ] || echo pki
[ ! -e /etc/kubernetes/kubelet.conf ] || echo kubelet_conf
[ ! -d /var/lib/etcd/member ] || echo etcd_data
for pod in /etc/kubernetes/manifests/*.yaml; do
    [ ! -e "$pod" ] || { echo static_pods && break; }
done
tell components
for pod in /etc/kubernetes/manifests/*.yaml; do
    [ ! -e "$pod" ] || sed -n 's/^ *image: *//p' "$pod" | head -n 1
done
# The kubelet that runs, not the file that the next one would be started from:
kubelet=$(systemctl show -p MainPID --value kubelet.service 2>/dev/null)
[ "${kubelet:-0}" = 0 ] || "/proc/$kubelet/exe" --version 2>/dev/null
tell flags
# What processes run with, not what their manifests say. The kernel cuts names off after 15 characters.
grep -lxE 'kube-apiserver|kube-controller|kube-scheduler' /proc/[0-9]*/comm 2>/dev/null | while read -r comm; do
    tr '\0' '\n' <"${comm%comm}cmdline" 2>/dev/null
done
tell kubelet-config
# A kubelet that was started before its configuration was written runs with another one.
if [ "${kubelet:-0}" != 0 ] && [ -r /var/lib/kubelet/config.yaml ]; then
    [ "$(stat -c %Y /var/lib/kubelet/config.yaml)" -gt "$(stat -c %Y "/proc/$kubelet")" ] || cat /var/lib/kubelet/config.yaml
fi
tell generations
for kept in "$state"/kept/*/done; do
    [ -e "$kept" ] || continue
    kept=${kept%/done}
    echo "${kept##*/} $(cut -c1-64 "$kept/etcd.db.sha256" 2>/dev/null)"
done
tell written
[ ! -f $state/written ] || sort -u $state/written | xargs -r -d '\n' sha256sum 2>/dev/null
tell contents
[ ! -f $state/contents ] || cat $state/contents
tell sizes
[ ! -f $state/contents ] || cut -c66- $state/contents | sort -u | xargs -r -d '\n' stat -c '%s %n' 2>/dev/null
tell units
systemctl show -p Id,LoadState,UnitFileState,ActiveState kubelet.service containerd.service bundler-registry.service \
    bundler-endpoint.service bundler-vip.service bundler-snapshot.timer 2>/dev/null
tell sysctls
[ ! -f /etc/sysctl.d/90-bundler.conf ] || sed 's/ = .*//' /etc/sysctl.d/90-bundler.conf | while read -r key; do
    [ ! -r "/proc/sys/$key" ] || echo "$key $(cat "/proc/sys/$key")"
done
tell images
[ ! -S /run/containerd/containerd.sock ] || timeout 10 ctr -n k8s.io images ls -q 2>/dev/null

# The API is asked through this host's own server; the first control plane that answers speaks for the cluster.
ask() { timeout 10 /usr/local/bin/kubectl --kubeconfig $conf --cache-dir $state/cache/kubectl --request-timeout 6s "$@" 2>/dev/null; }
if [ -e $conf ] && [ -x /usr/local/bin/kubectl ]; then
    tell nodes
    # The templates are kubectl's:
    # shellcheck disable=SC2016
    ask get nodes -o go-template='{{range .items}}{{$n := .}}node{{"\t"}}{{.metadata.name}}{{"\t"}}{{range .status.addresses}}{{if eq .type "InternalIP"}}{{.address}} {{end}}{{end}}{{"\t"}}{{range $k, $v := .metadata.labels}}{{$k}}={{$v}} {{end}}{{"\t"}}{{range .spec.taints}}{{.key}}{{if .value}}={{.value}}{{end}}:{{.effect}} {{end}}{{"\t"}}{{range .status.conditions}}{{if eq .type "Ready"}}{{.status}}{{end}}{{end}}{{"\t"}}{{.status.nodeInfo.kubeletVersion}}{{"\t"}}{{.status.nodeInfo.machineID}}{{"\t"}}{{if .spec.unschedulable}}cordoned{{end}}{{"\t"}}{{with .metadata.annotations}}{{index . "bundler/cordoned"}}{{end}}{{"\n"}}{{end}}' &&
        echo answered
    tell stored
    # shellcheck disable=SC2016
    ask -n kube-system get configmaps -o go-template='{{range .items}}{{$n := .metadata.name}}{{if or (eq $n "kubeadm-config") (eq $n "kubelet-config") (eq $n "kube-proxy") (eq $n "coredns") (eq $n "bundler-record")}}{{with .metadata.annotations}}{{with index . "bundler/settings"}}{{$n}}{{"\t"}}@settings{{"\t"}}{{printf "%q" .}}{{"\n"}}{{end}}{{end}}{{range $k, $v := .data}}{{$n}}{{"\t"}}{{$k}}{{"\t"}}{{printf "%q" $v}}{{"\n"}}{{end}}{{end}}{{end}}'
    # Apps: what was noted of them, Helm's own storage (a table from the server: the releases stay where they are), and
    # which of their objects are there. The first object is always there, so that no answer is told from none.
    tell app-notes
    # shellcheck disable=SC2016
    ask -n kube-system get configmaps -l bundler/app -o go-template='{{range .items}}{{$n := .metadata.name}}{{range $k, $v := .data}}{{$n}}{{"\t"}}{{$k}}{{"\t"}}{{printf "%q" $v}}{{"\n"}}{{end}}{{end}}' &&
        echo answered
    tell app-releases
    ask get secrets -A -l owner=helm -L name,status,version --no-headers && echo answered
    tell app-objects
    {
        echo v1 Namespace - kube-system
        ask -n kube-system get configmaps -l bundler/app -o go-template='{{range .items}}{{.data.objects}}{{end}}'
    } | objects_json | ask get -f - --ignore-not-found -o "go-template=$objects_template"
    # What an upgrade would stumble over: pods that nothing recreates, budgets that allow no drain.
    tell bare
    ask get pods -A -o go-template='{{range .items}}{{if not .metadata.ownerReferences}}{{if and (ne .status.phase "Succeeded") (ne .status.phase "Failed") .spec.nodeName}}{{.metadata.namespace}}/{{.metadata.name}}{{"\t"}}{{.spec.nodeName}}{{"\n"}}{{end}}{{end}}{{end}}'
    tell budgets
    ask get poddisruptionbudgets -A -o go-template='{{range .items}}{{if .status.expectedPods}}{{.metadata.namespace}}/{{.metadata.name}}{{"\t"}}{{.status.expectedPods}}{{"\t"}}{{.status.desiredHealthy}}{{"\n"}}{{end}}{{end}}'
    tell uid
    ask get namespace kube-system -o 'jsonpath={.metadata.uid}'
    echo
    tell members
    etcdctl --endpoints "$etcd_here" member list -w json 2>/dev/null
    echo
    tell status
    etcdctl --endpoints "$etcd_here" endpoint status --cluster -w json 2>/dev/null
    echo
fi
