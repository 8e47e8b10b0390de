# shellcheck shell=sh
# Exit 0 when no file that a node's programs read trusts an authority of before.
set -eu
dir=/var/lib/bundler/rotate-ca
found=$(mktemp /var/lib/bundler/rotate.XXXXXX)
trap 'rm -f "$found"' EXIT
for name in ca front-proxy-ca etcd/ca; do
    [ -e "$dir/old/$name.crt" ] || continue
    # The last line but one holds a part of the signature: no other certificate has it.
    part=$(sed -n '/^-----END/!{h;d};x;p;q' "$dir/old/$name.crt")
    find /etc/kubernetes /var/lib/kubelet/pki /etc/bundler -type f | while read -r file; do
        if grep -qF -e "$part" "$file" || sed -n 's/^ *certificate-authority-data: *//p' "$file" | base64 -d 2>/dev/null |
            grep -qF -e "$part"; then
            echo "$file still has the old $name" | tee -a "$found" >&2
        fi
    done
done
[ ! -s "$found" ]
