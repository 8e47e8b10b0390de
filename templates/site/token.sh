# shellcheck shell=sh disable=SC2154
# A token that lets workers join. lock.sh takes it back when the run ends, however it ends; two hours are for a control
# plane that is cut off just then. Variables: lock_folder (guard.sh).
set -eu
if [ -s "$lock_folder/token" ]; then
    kubeadm token delete "$(cat "$lock_folder/token")" >/dev/null 2>&1 || :
fi
token=$(kubeadm token create --ttl 2h)
printf '%s\n' "${token%%.*}" >"$lock_folder/token"
printf '%s\n' "$token"
