# shellcheck shell=sh disable=SC2154
# Make the cluster's new certificate authorities, once: they lie beside the old ones until every host trusts both.
# Standard input: kubeadm's configuration of the cluster. Run again, it leaves what is there.
set -eu
export LC_ALL=C.UTF-8
umask 077
state=/var/lib/bundler
dir=$state/rotate-ca
pki=/etc/kubernetes/pki
[ ! -e $dir ] || exit 0
for name in ca front-proxy-ca etcd/ca; do
    [ -s $pki/$name.key ] || {
        echo "$pki/$name.key is missing: whoever holds that key must replace the authority" >&2
        exit 1
    }
done
rm -rf $dir.new
mkdir -p $dir.new/new $dir.new/old/etcd
sed "/^certificatesDir:/d; s|^kind: ClusterConfiguration\$|&\\ncertificatesDir: $dir.new/new|" >$dir.new/config
for phase in ca front-proxy-ca etcd-ca; do
    kubeadm init phase certs $phase --config $dir.new/config 2>&1
done
rm -f $dir.new/config
for name in ca front-proxy-ca etcd/ca; do
    cp $pki/$name.crt $dir.new/old/$name.crt
    [ -s $dir.new/new/$name.crt ]
done
sync
mv $dir.new $dir
