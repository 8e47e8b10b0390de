# shellcheck shell=sh disable=SC2154
# What the cluster itself hands out as its authority: to who joins, to pods, to servers that extend the API. Variables:
# only (not empty: the new one alone from now on). Exit 0 when all of it is as this control plane trusts.
set -eu
umask 077
pki=/etc/kubernetes/pki
work=$(mktemp -d /var/lib/bundler/rotate.XXXXXX)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
patch() { # NAMESPACE NAME: the patch is standard input
    cat >"$work/patch"
    kubectl -n "$1" patch configmap "$2" --type merge --patch-file "$work/patch" >/dev/null
}
if kubectl -n kube-public get configmap cluster-info -o 'jsonpath={.data.kubeconfig}' >"$work/info" 2>/dev/null; then
    ca=$(base64 -w0 $pki/ca.crt)
    sed "s|^\\( *certificate-authority-data:\\).*|\\1 $ca|" "$work/info" >"$work/wanted"
    cmp -s "$work/info" "$work/wanted" ||
        { printf 'data:\n  kubeconfig: |\n' && sed 's/^/    /' "$work/wanted"; } | patch kube-public cluster-info
fi
if [ -n "$only" ]; then
    # API servers add what they trust and take nothing away.
    { printf 'data:\n  client-ca-file: |\n' && sed 's/^/    /' $pki/ca.crt &&
        printf '  requestheader-client-ca-file: |\n' && sed 's/^/    /' $pki/front-proxy-ca.crt; } |
        patch kube-system extension-apiserver-authentication
fi
wanted=$(awk '{printf "%s\\n", $0}' $pki/ca.crt)
found=$(kubectl get configmaps -A --field-selector metadata.name=kube-root-ca.crt -o json |
    sed -n 's/^ *"ca\.crt": "\(.*\)",\{0,1\}$/\1/p' | sort -u)
if [ "$found" != "$wanted" ]; then
    echo "kube-root-ca.crt is not up to date in all namespaces yet" >&2
    exit 1
fi
