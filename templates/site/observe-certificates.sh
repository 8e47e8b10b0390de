# shellcheck shell=sh
# The certificates of a host: `name NAME`, then PEM blocks. `tell NAME` begins a section. It changes nothing.
tell certificates
# Public parts only: keys stand in some of these files, too.
certificate() { [ ! -r "$2" ] || { echo "name $1" && sed -n '/^-----BEGIN CERT/,/^-----END CERT/p' "$2"; }; }
for file in ca front-proxy-ca etcd/ca apiserver apiserver-kubelet-client apiserver-etcd-client front-proxy-client \
    etcd/server etcd/peer etcd/healthcheck-client; do
    certificate $file /etc/kubernetes/pki/$file.crt
done
for file in admin super-admin controller-manager scheduler; do
    [ ! -r /etc/kubernetes/$file.conf ] || {
        echo "name $file.conf"
        sed -n 's/^ *client-certificate-data: *//p' /etc/kubernetes/$file.conf | base64 -d 2>/dev/null
    }
done
certificate kubelet-client /var/lib/kubelet/pki/kubelet-client-current.pem
if [ -e /var/lib/kubelet/pki/kubelet-server-current.pem ]; then
    certificate kubelet-server /var/lib/kubelet/pki/kubelet-server-current.pem
else
    certificate kubelet-server /var/lib/kubelet/pki/kubelet.crt
fi
certificate site/ca /etc/bundler/ca.crt
certificate site/registry /etc/bundler/registry.crt
