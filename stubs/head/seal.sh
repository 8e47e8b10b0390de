# Whether WORD is a number as the seal writes it. Nothing else may reach $(( )), where some shells would run it.
number() {
    case $1 in '' | 0?* | *[!0-9]* | ???????????????????*) return 1 ;; esac
}

# Take a section's line of the seal apart: sets part_name offset length digest. Gives 1 for what is no such line.
section() {
    case $1 in *[!a-z0-9:!\ -]*) return 1 ;; esac
    # shellcheck disable=SC2086  # split into words on purpose
    set -- "$1" $1
    [ $# -eq 5 ] && [ "$1" = "$2 $3 $4 $5" ] && number "$3" && number "$4" || return 1
    part_name=$2 offset=$3 length=$4 digest=$5
    [ "$offset" -eq "$expected" ] && [ "$length" -le $((seal_offset - offset)) ] || return 1
    expected=$(((offset + length + block - 1) / block * block))
}

# Print what the sections in $lines come to, a line each: name, sha256, how many bytes of the gap behind are not zero.
# Of the archive alone, or of all the others.
sums() {
    expected=0
    printf %s "$lines" | while IFS= read -r line; do
        section "$line"
        case $1-$part_name in archive-archive) ;; archive-* | others-archive) continue ;; esac
        found=$(part "$offset" "$length" | sha256)
        echo "$part_name sha256:$found $(nonzero_padding $((offset + length)))"
    done
}

# Verify the sections in $lines and the gaps behind them: adds to bad what is damaged. The archive is hashed while the
# others are: a pipe, because what runs in the background would not end with Ctrl-C.
check_sections() {
    results=$(sums archive | { sums others && cat; })
    results=$newline$results$newline
    old=$IFS IFS=$newline
    # shellcheck disable=SC2086  # split into lines on purpose
    set -- $lines
    IFS=$old expected=0
    for line in "$@"; do
        section "$line"
        case $results in
        *"$newline$part_name $digest 0$newline"*) tell "$part_name: OK" ;;
        *)
            tell "$part_name: DAMAGED"
            bad="$bad $part_name"
            ;;
        esac
    done
}

# Read the seal from standard input: exactly its one valid text, and every section as its line says.
check_seal() {
    bad='' seen='' text='' ended='' lines='' expected=0
    for want in 'bundler-run 1' "name $name" "version $version" "platform $platform"; do
        IFS= read -r line
        [ "$line" = "$want" ] || { bad=' seal' && return; }
        text=$text$line
    done
    while IFS= read -r line; do
        text=$text$line
        [ -n "$line" ] || { ended=yes && continue; }
        if [ -n "$ended" ] || ! section "$line"; then
            bad=' seal'
            return
        fi
        seen="$seen $part_name"
        lines="$lines$line
"
    done
    case $seen in
    ' stub runtime archive index info list'*) ;;
    *) bad=' seal' ;;
    esac
    # A shell passes over NUL; counting does not.
    [ "$expected" -eq $seal_offset ] && [ "$(part $seal_offset 4096 | tr -d '\n' | wc -c)" -eq ${#text} ] ||
        bad=' seal'
    check_sections
}

# Whether TEXT, 4096 bytes without the newlines at their end, is one armor in the form that ssh-keygen writes.
is_armor() {
    old=$IFS IFS='
'
    set -f
    # shellcheck disable=SC2086  # split into lines on purpose
    set -- "$1" $1
    set +f
    IFS=$old
    [ $# -ge 4 ] || return 1
    joined=$2 short=''
    [ "$2" = '-----BEGIN SSH SIGNATURE-----' ] || return 1
    armor=$1
    shift 2
    while [ $# -gt 1 ]; do
        case $short$1 in *[!A-Za-z0-9+/=]*) return 1 ;; esac
        [ ${#1} -eq 70 ] || short=!
        [ ${#1} -le 70 ] || return 1
        joined="$joined
$1"
        shift
    done
    [ "$1" = '-----END SSH SIGNATURE-----' ] && [ "$armor" = "$joined
$1" ]
}

# The signature's armor, or nothing where there is none.
signature_room() {
    part $seal_offset $((2 * 4096)) | tail -c 4096 | tr '\000' '?'
}

# Print whose signature the file has, as ssh-keygen -l names a key; whether it is right is for --verify-sig to say.
# An armor holds SSHSIG, a version of 4 bytes, then the key: 4 bytes with its length, and as many bytes.
signer() {
    room=$(signature_room)
    case $room in '') echo 'no one: this file is not signed' && return ;; esac
    is_armor "$room" || { echo 'nobody can tell: the signature is damaged' && return; }
    for tool in base64 od sha256sum; do
        found=$(command -v $tool) || { echo "a key that --verify-sig names (this machine lacks $tool)" && return; }
    done
    text=$(printf '%s\n' "$room" | while read -r line; do
        case $line in -*) ;; *) printf '%s\n' "$line" ;; esac
    done)
    # shellcheck disable=SC2046  # split into words on purpose
    set -- $(printf '%s\n' "$text" | base64 -d | tail -c +11 | head -c 4 | od -An -tu1)
    choose_sha256
    sum=$(printf '%s\n' "$text" | base64 -d | tail -c +15 | head -c $(($3 * 256 + $4)) | sha256)
    octal=''
    while [ -n "$sum" ]; do
        rest=${sum#??}
        octal="$octal\\0$(printf %o "0x${sum%"$rest"}")"
        sum=$rest
    done
    key=$(printf %b "$octal" | base64)
    echo "SHA256:${key%%=*} (--verify-sig tells whether it is trusted)"
}

check() {
    part $seal_offset 4096 | {
        check_seal
        room=$(signature_room)
        case $room in
        '') ;;
        *)
            if is_armor "$room"; then
                tell "signature: there is one; --verify-sig checks it"
            else
                bad="$bad signature"
            fi
            ;;
        esac
        [ -z "$bad" ] || fail $integrity "damaged:$bad$(damaged_parts)" "the bytes are not what the seal says" "copy it again"
    } || exit
    tell "$name $version: every byte is as it was sealed"
}
