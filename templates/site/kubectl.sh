# shellcheck shell=sh
# kubectl as the cluster's administrator; its cache stays among our own files.
kubectl() {
    /usr/local/bin/kubectl --kubeconfig /etc/kubernetes/admin.conf --cache-dir /var/lib/bundler/cache/kubectl "$@"
}
