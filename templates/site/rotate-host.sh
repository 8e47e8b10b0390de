# shellcheck shell=sh disable=SC2154
# Bring this node to a stage of the rotation. Variables: stage (1: it trusts both authorities; 2: what it shows comes from
# the new one, too; 3: it trusts the new one alone), node (its name), control (not empty: a control plane), client (in
# stage 2, on workers: a file with the kubelet's new certificate and key in base64; gone afterwards). Standard input, on
# control planes: kubeadm's configuration. A stage that was reached is left as it is; one that was cut begins anew.
set -eu
export LC_ALL=C.UTF-8
umask 077
state=/var/lib/bundler
dir=$state/rotate-ca
etc=/etc/kubernetes
work=$(mktemp -d $state/rotate.XXXXXX)
trap 'rm -rf "$work" ${client:+"$client"}' EXIT
trap 'exit 1' HUP INT TERM
reached=$(cat $dir/stage 2>/dev/null || echo 0)
if [ "$reached" -ge "$stage" ]; then exit 0; fi
if [ -n "$control" ]; then cat >"$work/config"; fi

if [ ! -e $dir/kept ]; then
    # What the old ones were, for a way back by hand.
    rm -rf $state/kept-ca
    mkdir -p $state/kept-ca
    for old in "$etc"/pki "$etc"/*.conf; do
        [ ! -e "$old" ] || cp -a "$old" "$state/kept-ca/$(printf '%s' "${old#/}" | tr / -)"
    done
    : >$dir/kept
fi

replace() { # FILE MODE, from standard input; never half of it
    cat >"$1.new"
    chmod "$2" "$1.new"
    mv -f "$1.new" "$1"
}
# Whoever signs takes the first of a file, whoever verifies takes all.
trusted() { # NAME
    case $stage in
    1) cat "$dir/old/$1.crt" "$dir/new/$1.crt" ;;
    2) cat "$dir/new/$1.crt" "$dir/old/$1.crt" ;;
    3) cat "$dir/new/$1.crt" ;;
    esac
}
# The controller that signs wants a file with one certificate and no more.
signer() { # FILE
    file=$etc/manifests/kube-controller-manager.yaml
    sed "s#--cluster-signing-cert-file=$etc/pki/\(signing-\)\{0,1\}ca\.crt\$#--cluster-signing-cert-file=$1#" \
        "$file" >"$work/manifest"
    replace $etc/manifests/.kube-controller-manager.yaml 600 <"$work/manifest"
    mv -f $etc/manifests/.kube-controller-manager.yaml "$file"
}

systemctl stop kubelet.service
if [ -n "$control" ]; then
    for name in ca front-proxy-ca etcd/ca; do
        [ "$stage" -lt 2 ] || replace "$etc/pki/$name.key" 600 <"$dir/new/$name.key"
        trusted $name | replace "$etc/pki/$name.crt" 644
    done
    case $stage in
    1) replace $etc/pki/signing-ca.crt 644 <$dir/old/ca.crt ;;
    2) replace $etc/pki/signing-ca.crt 644 <$dir/new/ca.crt ;;
    esac
    if [ "$stage" -lt 3 ]; then signer $etc/pki/signing-ca.crt; else signer $etc/pki/ca.crt; fi
else
    trusted ca | replace $etc/pki/ca.crt 644
fi

if [ "$stage" -eq 2 ]; then
    if [ -n "$control" ]; then
        kubeadm certs renew all --config "$work/config" 2>&1
        kubelet_client "$node" "$work/config" >"$work/client.pem"
    else
        base64 -d "$client" >"$work/client.pem"
    fi
    kubelet_take "$work/client.pem"
fi

# After kubeadm, which puts the first authority alone into what it writes.
ca=$(base64 -w0 $etc/pki/ca.crt)
for conf in "$etc"/*.conf; do
    [ -e "$conf" ] || continue
    sed "s|^\\( *certificate-authority-data:\\).*|\\1 $ca|" "$conf" >"$work/conf"
    replace "$conf" 600 <"$work/conf"
done
if [ -e /etc/bundler/cluster-ca.crt ]; then
    replace /etc/bundler/cluster-ca.crt 644 <$etc/pki/ca.crt
    ! systemctl is-active -q bundler-endpoint.service || systemctl reload bundler-endpoint.service
fi
if [ -n "$control" ]; then
    # Of its certificates etcd reads those anew that it shows, and not those that it trusts.
    [ "$stage" -eq 2 ] || pods_anew "$(date +%s)" etcd
    pods_anew "$(date +%s)" kube-apiserver kube-controller-manager kube-scheduler
    [ "$stage" -lt 3 ] || rm -f $etc/pki/signing-ca.crt
fi
systemctl start kubelet.service
sync
echo "$stage" >$dir/stage
