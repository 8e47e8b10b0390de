# Print the keys in .pub and allowed_signers files as lines of the latter.
allowed_signers() {
    for file in "$@"; do
        [ -f "$file" ] || continue
        while read -r first rest || [ -n "$first" ]; do
            case $first in
            '' | '#'*) ;;
            ssh-* | sk-*) echo "a-trusted-key $first $rest" ;;
            *) echo "$first $rest" ;;
            esac
        done <"$file"
    done
}

# Make a folder with what ssh-keygen reads: the seal, its signature, who is trusted, and who no more.
lay_out_signature() {
    for base in "${TMPDIR:-}" /var/tmp /tmp "$PWD"; do
        [ -n "$base" ] && quiet mkdir "$base/.bundler-sig.$$" && fresh=$base/.bundler-sig.$$ && break
    done
    [ -n "$fresh" ] || fail $space "there is no place for a few KiB" "" "TMPDIR=FOLDER sh $0 --verify-sig"
    own=${XDG_CONFIG_HOME:-${HOME:-/nonexistent}/.config}/bundler/trust.d
    part $seal_offset 4096 >"$fresh/seal" &&
        part $seal_offset $((2 * 4096)) | tail -c 4096 >"$fresh/sig" &&
        allowed_signers /etc/bundler/trust.d/*.pub "$own"/*.pub >"$fresh/allowed" &&
        cat_keys /etc/bundler/trust.d/*.revoked "$own"/*.revoked >"$fresh/revoked" && return
    fail $space "cannot write to $fresh"
}

cat_keys() {
    for file in "$@"; do
        [ ! -f "$file" ] || cat "$file"
    done
}

# verify_sig [--trust FILE|KEY]...: whether a key that is trusted here has signed the seal.
verify_sig() {
    [ -n "$(part $seal_offset $((2 * 4096)) | tail -c 4096 | tr -d '\n' | head -c 1)" ] ||
        fail $trust "$name $version is not signed" "" "get a signed one from its vendor"
    lay_out_signature
    named=' '
    while [ $# -gt 0 ]; do
        case $1=${2:-} in
        --trust=?*) ;;
        *) fail $usage "--verify-sig takes --trust FILE|KEY, but there is: $1" ;;
        esac
        case $2 in
        SHA256:*) named="$named$2 " ;;
        ssh-*' '* | sk-*' '*) echo "a-trusted-key $2" >>"$fresh/allowed" ;;
        *)
            [ -f "$2" ] || fail $absent "$2: there is no such file" "" "--trust FILE.pub, a key or its SHA256:..."
            allowed_signers "$2" >>"$fresh/allowed"
            ;;
        esac
        shift 2
    done
    said=$(ssh-keygen -Y check-novalidate -n bundler-run -s "$fresh/sig" <"$fresh/seal" 2>&1) ||
        fail $trust "the signature is wrong" "$said" "do not use the file; get it again from its vendor"
    key=SHA256:${said##*SHA256:}
    case $(quiet ssh-keygen -l -f "$fresh/revoked") in
    *" $key "*) fail $trust "$name $version is signed by $key, which is revoked here" ;;
    esac
    case $named in *" $key "*) tell "signed by $key" && return ;; esac
    who=$(quiet ssh-keygen -Y find-principals -s "$fresh/sig" -f "$fresh/allowed" | head -n 1)
    who=${who%%,*}
    if [ -n "$who" ] && said=$(ssh-keygen -Y verify -f "$fresh/allowed" -I "$who" -n bundler-run \
        -s "$fresh/sig" <"$fresh/seal" 2>&1); then
        [ "$who" != a-trusted-key ] || who=
        tell "signed by ${who:+$who, }$key"
        return
    fi
    fail $trust "$name $version is signed by $key, which nobody here trusts" "" \
        "compare that with what the vendor says, then add --trust $key"
}
