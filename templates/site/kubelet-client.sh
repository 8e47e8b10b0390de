# shellcheck shell=sh
# A kubelet's certificate and key as one PEM text, signed by the cluster's CA on this control plane, API or not:
# kubelet_client NODE CONFIG
kubelet_client() (
    conf=$(kubeadm kubeconfig user --config "$2" --org system:nodes --client-name "system:node:$1")
    for part in certificate key; do
        printf '%s\n' "$conf" | sed -n "s/^ *client-$part-data: *//p" | base64 -d
    done
)
