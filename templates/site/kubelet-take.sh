# shellcheck shell=sh
# Give the kubelet, which is stopped, another certificate and key for the API, in the form in which it keeps them:
# kubelet_take FILE. It serves with one that it asks for itself as soon as the API hears it.
kubelet_take() (
    pki=/var/lib/kubelet/pki
    conf=/etc/kubernetes/kubelet.conf
    grep -q '^-----BEGIN CERTIFICATE' "$1"
    mkdir -p $pki
    made=$pki/kubelet-client-$(date +%Y-%m-%d-%H-%M-%S).pem
    mv "$1" "$made"
    ln -sfn "$made" $pki/kubelet-client-current.pem
    rm -f $pki/kubelet-server-current.pem $pki/kubelet.crt $pki/kubelet.key
    # A kubeconfig with the old key in it has to lead to the new one.
    if grep -q 'client-certificate-data:' $conf; then
        sed "s|client-certificate-data:.*|client-certificate: $pki/kubelet-client-current.pem|; s|client-key-data:.*|client-key: $pki/kubelet-client-current.pem|" \
            $conf >$conf.new
        mv $conf.new $conf
    fi
)
