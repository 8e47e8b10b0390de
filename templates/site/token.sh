# shellcheck shell=sh disable=SC2154
# A token that lets workers join. lock.sh takes it back when the run ends, however it ends; two hours are for a control
# plane that is cut off just then. Variables: lock_folder (guard.sh).
set -eu
if [ -s "$lock_folder/token" ]; then
    kubeadm token delete "$(cat "$lock_folder/token")" >/dev/null 2>&1 || :
fi
token=$(kubeadm token create --ttl 2h)
printf '%s\n' "${token%%.*}" >"$lock_folder/token"
server=$(sed -n 's/^ *server: *//p' /etc/kubernetes/admin.conf | head -n 1)
tries=0
until /usr/local/bin/kubectl --kubeconfig /dev/null --server "$server" --token "$token" \
    --certificate-authority /etc/kubernetes/pki/ca.crt get --raw /version >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || break # kubeadm goes on asking
    sleep 0.1
done
printf '%s\n' "$token"
