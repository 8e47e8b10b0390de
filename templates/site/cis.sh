# shellcheck shell=sh
# Print how this node of a running cluster stands to the CIS Kubernetes Benchmark (numbers of its version 1.10): a line
# for each recommendation that a program can check, fields parted by tabs: NUMBER, PASS, FAIL or NOTE, what, what was
# found. What is of the control plane is left out on workers. Changes nothing; exit 0 whatever is found.
set -u
manifests=/etc/kubernetes/manifests
pki=/etc/kubernetes/pki
kubelet=/var/lib/kubelet/config.yaml
drop_ins=/etc/kubernetes/kubelet.conf.d

line() { printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4"; }
verdict() { # NUMBER WHAT FOUND, of the command's status that stands before it
    if [ "$4" = 0 ]; then line "$1" PASS "$2" "$3"; else line "$1" FAIL "$2" "${3:-not set}"; fi
}
# The value of a static pod's argument; nothing if it has none.
argument() { sed -n "s/^ *- --$2=//p" "$manifests/$1.yaml" 2>/dev/null | tail -n 1; }
# argument_is NUMBER POD NAME PATTERN...: its value is one of these shell patterns.
argument_is() {
    recommendation=$1 pod=$2 name=$3
    shift 3
    found=$(argument "$pod" "$name")
    status=1
    for pattern in "$@"; do
        # shellcheck disable=SC2254
        case $found in $pattern) status=0 ;; esac
    done
    verdict "$recommendation" "$pod --$name" "$found" "$status"
}
# A field of the kubelet's configuration; a drop-in goes over the file.
field() {
    cat "$kubelet" "$drop_ins"/*.conf 2>/dev/null | sed -n "s/^ *$1: *//p" | tail -n 1 | tr -d '"'
}
field_is() { # NUMBER NAME PATTERN DEFAULT
    found=$(field "$2")
    found=${found:-$4}
    status=1
    # shellcheck disable=SC2254
    case $found in $3) status=0 ;; esac
    verdict "$1" "kubelet $2" "$found" "$status"
}
# at_most NUMBER MODE PATH...: no more permission bits than these, and root's.
at_most() {
    recommendation=$1 mode=$2
    shift 2
    for path in "$@"; do
        [ -e "$path" ] || continue
        found=$(stat -c '%a %U:%G' "$path")
        [ "$((0${found%% *} & ~0$mode & 0777))" = 0 ] && [ "${found#* }" = root:root ]
        verdict "$recommendation" "$path at most $mode root:root" "$found" "$?"
    done
}

control_plane() {
    number=1
    for pod in kube-apiserver kube-controller-manager kube-scheduler etcd; do
        at_most "1.1.$number" 600 "$manifests/$pod.yaml"
        number=$((number + 2))
    done
    at_most 1.1.11 700 /var/lib/etcd
    at_most 1.1.13 600 /etc/kubernetes/admin.conf /etc/kubernetes/super-admin.conf
    at_most 1.1.15 600 /etc/kubernetes/scheduler.conf
    at_most 1.1.17 600 /etc/kubernetes/controller-manager.conf
    at_most 1.1.20 644 "$pki"/*.crt "$pki"/etcd/*.crt
    at_most 1.1.21 600 "$pki"/*.key "$pki"/etcd/*.key

    file=$(argument kube-apiserver authentication-config)
    anonymous=$(argument kube-apiserver anonymous-auth)
    paths=$([ -z "$file" ] || sed -n 's/^ *- path: *//p' "$file" | tr '\n' ' ')
    [ "$anonymous" = false ] || [ "$paths" = '/healthz /livez /readyz ' ]
    verdict 1.2.1 'anonymous requests: none, or for health alone' "${anonymous:-$paths}" "$?"
    [ -z "$(argument kube-apiserver token-auth-file)" ]
    verdict 1.2.2 'no --token-auth-file' "$(argument kube-apiserver token-auth-file)" "$?"
    argument_is 1.2.4 kube-apiserver kubelet-client-certificate '?*'
    argument_is 1.2.5 kube-apiserver kubelet-certificate-authority '?*'
    argument_is 1.2.7 kube-apiserver authorization-mode 'Node,RBAC' '*Node*'
    argument_is 1.2.8 kube-apiserver authorization-mode '*RBAC*'
    argument_is 1.2.14 kube-apiserver enable-admission-plugins '*NodeRestriction*'
    argument_is 1.2.15 kube-apiserver profiling false
    argument_is 1.2.16 kube-apiserver audit-log-path '?*'
    argument_is 1.2.17 kube-apiserver audit-log-maxage '[3-9]?' '[1-9]??*'
    argument_is 1.2.18 kube-apiserver audit-log-maxbackup '??*'
    argument_is 1.2.19 kube-apiserver audit-log-maxsize '???*'
    argument_is 1.2.22 kube-apiserver service-account-key-file '?*'
    argument_is 1.2.23 kube-apiserver etcd-certfile '?*'
    argument_is 1.2.24 kube-apiserver tls-cert-file '?*'
    argument_is 1.2.25 kube-apiserver client-ca-file '?*'
    argument_is 1.2.26 kube-apiserver etcd-cafile '?*'
    argument_is 1.2.27 kube-apiserver encryption-provider-config '?*'
    file=$(argument kube-apiserver encryption-provider-config)
    found=$(grep -o 'secretbox\|aescbc\|kms' "${file:-/dev/null}" | head -n 1)
    [ -n "$found" ]
    verdict 1.2.28 'Secrets are encrypted at rest' "$found" "$?"
    argument_is 1.2.29 kube-apiserver tls-cipher-suites '*GCM*'
    argument_is 1.3.1 kube-controller-manager terminated-pod-gc-threshold '?*'
    argument_is 1.3.2 kube-controller-manager profiling false
    argument_is 1.3.3 kube-controller-manager use-service-account-credentials true
    argument_is 1.3.4 kube-controller-manager service-account-private-key-file '?*'
    argument_is 1.3.5 kube-controller-manager root-ca-file '?*'
    argument_is 1.3.7 kube-controller-manager bind-address 127.0.0.1
    argument_is 1.4.1 kube-scheduler profiling false
    argument_is 1.4.2 kube-scheduler bind-address 127.0.0.1
    argument_is 2.1 etcd cert-file '?*'
    argument_is 2.2 etcd client-cert-auth true
    argument_is 2.3 etcd auto-tls '' false
    argument_is 2.4 etcd peer-cert-file '?*'
    argument_is 2.5 etcd peer-client-cert-auth true
    argument_is 2.6 etcd peer-auto-tls '' false
    argument_is 2.7 etcd trusted-ca-file "$pki/etcd/*"
    argument_is 3.2.1 kube-apiserver audit-policy-file '?*'
    file=$(argument kube-apiserver admission-control-config-file)
    found=$(sed -n 's/^ *enforce: *//p' "${file:-/dev/null}")
    [ "$found" = baseline ] || [ "$found" = restricted ]
    verdict 5.2.1 'Pod Security admission holds pods to a level by default' "$found" "$?"
}

# The benchmark knows no registry of a site's own; where there is one, it is held to the same.
registry() {
    config=/etc/bundler/registry.yml
    [ -e /etc/systemd/system/bundler-registry.service ] || return 0
    process=$(systemctl show -p MainPID bundler-registry.service)
    found=$(sed -n 's/^Uid:[^0-9]*\([0-9]*\).*/\1/p' "/proc/${process#MainPID=}/status" 2>/dev/null)
    [ "${found:-0}" != 0 ]
    verdict R.1 "the site's registry runs as a user of its own" "uid ${found:-unknown}" "$?"
    found=$(sed -n '/^auth:/,/^[^ ]*$/s/^ *path: *//p' "$config")
    [ -n "$found" ]
    verdict R.2 "the site's registry asks for a login" "$found" "$?"
    found=$(sed -n '/^ *readonly:/,/enabled:/s/^ *enabled: *//p' "$config")
    [ "$found" = true ]
    verdict R.3 "the site's registry lets nobody write" "read-only: $found" "$?"
    found=$(sed -n 's/^  addr: *"*\([^"]*\)"*$/\1/p' "$config")
    case $found in
    :*) line R.4 NOTE "the site's registry listens on all addresses: the site's is not this host's own" "$found" ;;
    *) line R.4 PASS "the site's registry listens on the site's address" "$found" ;;
    esac
}

node() {
    found=$(stat -c '%a %U:%G' /etc/systemd/system/kubelet.service 2>/dev/null)
    line 4.1.1 NOTE 'kubelet.service: systemd wants units readable; it holds no secret' "$found"
    at_most 4.1.5 600 /etc/kubernetes/kubelet.conf
    at_most 4.1.7 644 "$pki/ca.crt"
    at_most 4.1.9 600 "$kubelet" "$drop_ins"/*.conf
    found=$(sed -n '/^ *anonymous:/,/enabled:/s/^ *enabled: *//p' "$kubelet")
    [ "$found" = false ]
    verdict 4.2.1 'kubelet authentication.anonymous' "$found" "$?"
    field_is 4.2.2 mode Webhook AlwaysAllow
    field_is 4.2.3 clientCAFile '?*' ''
    field_is 4.2.4 readOnlyPort 0 0
    field_is 4.2.6 makeIPTablesUtilChains true true
    field_is 4.2.8 eventRecordQPS '[0-9]*' 50
    field_is 4.2.9 serverTLSBootstrap true ''
    field_is 4.2.10 rotateCertificates true false
    found=$(sed -n '/^tlsCipherSuites:/,/^[^-]/p' "$kubelet" | grep -c GCM)
    [ "$found" -gt 0 ]
    verdict 4.2.12 'kubelet tlsCipherSuites' "$found strong ones" "$?"
    field_is 4.2.13 podPidsLimit '[1-9]*' -1
    field_is 4.2.14 seccompDefault true false
    [ -e /var/lib/kubelet/pki/kubelet-server-current.pem ]
    verdict 4.2.11 "a serving certificate of the cluster's CA" /var/lib/kubelet/pki/kubelet-server-current.pem "$?"
}

if [ -e "$manifests/kube-apiserver.yaml" ]; then control_plane && registry; fi
node
