# shellcheck shell=sh disable=SC2154,SC2015
# Writes standard input beside its place; it gets there when its digest is `wanted`.
umask 077
failed() {
    ! full_disk || exit "$bundler_full"
    exit 1
}
new=$path.bundler-new
mkdir -p "${path%/*}" || failed
trap 'rm -f "$new"' EXIT
cat >"$new" || failed
found=$(sha256sum <"$new" | cut -c1-64)
[ "$found" = "$wanted" ] || {
    echo "$path arrived with digest $found instead of $wanted" >&2
    exit 1
}
printf '%s  %s\n' "$wanted" "$path" >"$path.sha256" || failed
mv -fT "$new" "$path" || failed
noted
