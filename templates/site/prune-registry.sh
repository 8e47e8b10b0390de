# shellcheck shell=sh disable=SC2154
# Remove content from the registry's store: first what leads to it, then the content. Standard input: digests in hex.
# Variables: store (its folder).
set -eu
[ -d "$store" ] || exit 0
doomed=$(mktemp /var/lib/bundler/prune.XXXXXX)
trap 'rm -f "$doomed"' EXIT
cat >"$doomed"
among() { awk 'NR == FNR { doomed[$1]; next } ($1 in doomed) { sub(/^[^ ]* /, ""); print }' "$doomed" -; }
if [ -d "$store/repositories" ]; then
    find "$store/repositories" -path '*/_manifests/tags/*/current/link' | while read -r link; do
        printf '%s %s\n' "$(sed 's/^sha256://' "$link")" "${link%/current/link}"
    done | among | while read -r tag; do rm -rf "$tag"; done
    find "$store/repositories" -type d -path '*/sha256/*' -printf '%f %p\n' | among | while read -r link; do rm -rf "$link"; done
fi
while read -r digest; do
    rest=${digest#??}
    rm -rf "$store/blobs/sha256/${digest%"$rest"}/$digest"
done <"$doomed"
