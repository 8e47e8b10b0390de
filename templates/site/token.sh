# shellcheck shell=sh
# A token that lets workers join, good for two hours. It is handed out once the API server takes it: a join that comes
# earlier is refused, and kubeadm asks again only after 5 s.
set -eu
token=$(kubeadm token create --ttl 2h)
server=$(sed -n 's/^ *server: *//p' /etc/kubernetes/admin.conf | head -n 1)
tries=0
until /usr/local/bin/kubectl --kubeconfig /dev/null --server "$server" --token "$token" \
    --certificate-authority /etc/kubernetes/pki/ca.crt get --raw /version >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || break # kubeadm goes on asking
    sleep 0.1
done
printf '%s\n' "$token"
