#!/bin/sh
# @NAME@ @VERSION@ for @PLATFORM@
#
# This file is a shell script, followed by the frozen installer, one archive with everything it installs, and a
# seal with the place and sha256 of each part (tail -c 8192 FILE | head -c 4096). The script needs a POSIX shell
# and dd, head, tail, tar, gzip, sha256sum and a few more of their kind; busybox has them all.
#
#   sh FILE --info      what it is             sh FILE --list    what is inside
#   sh FILE --version   name and version       sh FILE --check   verify every byte
#   sh FILE --help      how to install, and what else it can
set -u
BUNDLER_UMASK=$(umask)
umask 077

name='@NAME@' version='@VERSION@' platform='@PLATFORM@'
runtime_offset=@RUNTIME_OFFSET@ runtime_length=@RUNTIME_LENGTH@ runtime_kib=@RUNTIME_KIB@
runtime_sha256=@RUNTIME_SHA256@
info_offset=@INFO_OFFSET@ info_length=@INFO_LENGTH@
list_offset=@LIST_OFFSET@ list_length=@LIST_LENGTH@
index_offset=@INDEX_OFFSET@ index_length=@INDEX_LENGTH@
# Further platforms, a + between two: their names, places and lengths of runtime, index, info and list, KiB, sha256.
others='@OTHERS@'
# What this file rests on where it has only what changed; an empty runtime is that one's.
base_name='@BASE_NAME@' base_version='@BASE_VERSION@'
seal_offset=@SEAL_OFFSET@ file_size=@FILE_SIZE@
block=65536
pieces=1 piece_blocks=$((file_size / block + 1))  # of a file that is whole

# The exit codes are those of docs/exit-codes.md.
usage=2 absent=4 integrity=6 trust=7 space=8 unsupported=14 interrupted=130

case $0 in
/*) self=$0 ;;
*) self=$PWD/$0 ;;
esac
[ -f "$self" ] || self=
fresh=''  # a folder that is being filled, removed when that fails

# Run a command without its complaints. There may be no /dev/null to send them to.
quiet() {
    # shellcheck disable=SC2034  # it is only taken away
    { complaint=$("$@" 2>&1 >&3); } 3>&1
}

say() { printf '%s\n' "$*" >&2; }

# A line of the answer, unless --quiet was given.
tell() { [ -n "$silent" ] || printf '%s\n' "$*"; }

# fail CODE WHAT [WHY] [FIX]
fail() {
    say "${0##*/}: $2"
    [ -z "${3:-}" ] || say "  why: $3"
    [ -z "${4:-}" ] || say "  fix: $4"
    exit "$1"
}

need() {
    missing=
    for tool in "$@"; do
        found=$(command -v "$tool") || missing="$missing $tool"
    done
    [ -z "$missing" ] || fail $unsupported "this machine lacks:$missing" \
        "they are needed to read this file" "install them (coreutils, tar, gzip), or put busybox on PATH"
}

# Which piece of the file is number N: sets piece. The file itself, FILE.001, FILE.002, ...
piece() {
    case $1 in
    0) piece=$self ;;
    ?) piece=$self.00$1 ;;
    ??) piece=$self.0$1 ;;
    *) piece=$self.$1 ;;
    esac
}

# Print COUNT blocks from block FIRST on, out of as many pieces as they lie in. dd seeks there, however large they are.
blocks() {
    at=$1 left=$2
    while [ "$left" -gt 0 ]; do
        piece $((at / piece_blocks))
        take=$((piece_blocks - at % piece_blocks))
        [ "$take" -le "$left" ] || take=$left
        quiet dd if="$piece" bs=$block skip=$((at % piece_blocks)) count="$take"
        at=$((at + take)) left=$((left - take))
    done
}

# Print LENGTH bytes of this file from OFFSET, a multiple of 65536.
part() {
    first=$(($1 / block)) whole=$(($2 / block)) rest=$(($2 % block))
    blocks $first $whole
    [ "$rest" -eq 0 ] || blocks $((first + whole)) 1 | head -c $rest
}

# How many bytes from OFFSET to the next multiple of 65536 are not zero.
dirt() {
    rest=$(($1 % block))
    [ "$rest" -eq 0 ] && echo 0 && return
    blocks $(($1 / block)) 1 | tail -c $((block - rest)) | tr -d '\000' | wc -c
}

# Print the sha256 of standard input. OpenSSL is several times as fast as most sha256sums, where it is and works.
sha256() {
    if [ "$openssl" = yes ]; then
        sum=$(openssl dgst -sha256 -r)
    else
        sum=$(sha256sum)
    fi
    echo "${sum%% *}"
}

choose_sha256() {
    openssl=no
    sum=$(printf '' | quiet openssl dgst -sha256 -r) || return 0
    case $sum in e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855*) openssl=yes ;; esac
}

# Every question about the content of a file that was cut would get half an answer. Split into pieces it is whole.
whole() {
    need ls
    size=$(size_of "$self")
    [ "$size" != $file_size ] || return 0
    if [ "$size" -lt $file_size ] && [ "$size" -gt 0 ] && [ $((size % block)) -eq 0 ]; then
        pieces=$(((file_size + size - 1) / size))
        piece_blocks=$((size / block))
        [ $pieces -gt 1000 ] || { all_there "$size" && return; }
    fi
    fail $integrity "the file is not whole: it has $size bytes and should have $file_size" "" "copy it again"
}

# Whether all pieces are there and of the right size, EACH being that of the first. One ls asks for all, and tells
# them in order, as they only differ in three digits.
all_there() {
    each=$1 lost='' number=1
    set --
    while [ $number -lt $pieces ]; do
        piece $number
        [ -e "$piece" ] || lost="$lost ${piece##*/}"
        set -- "$@" "$piece"
        number=$((number + 1))
    done
    [ -z "$lost" ] || fail $absent "missing:$lost" \
        "this is the first $each bytes of $file_size: it was cut, or its parts are elsewhere" \
        "put all parts into one folder, under the names that they were made with"
    ls -lndL "$@" | {
        wrong='' number=0
        while read -r _ _ _ _ has _; do
            number=$((number + 1))
            want=$((file_size - number * each))
            [ $want -lt "$each" ] || want=$each
            piece $number
            [ "$has" = "$want" ] || wrong="$wrong ${piece##*/}"
        done
        [ -z "$wrong" ] || fail $integrity "damaged:$wrong" "the size is wrong" "copy it again"
    } || exit
}

size_of() {
    # shellcheck disable=SC2046  # split into words on purpose: ls prints the size as the fifth
    set -- $(ls -lnL "$1")
    echo "$5"
}

# Print which pieces are not what FILE.sha256 says, where that is there: " (in FILE.002)".
blame() {
    [ $pieces -gt 1 ] && [ -f "$self.sha256" ] || return 0
    number=0 blamed=''
    while [ $number -lt $pieces ] && read -r sum line; do
        piece $number
        [ "$(sha256 <"$piece")" = "$sum" ] || blamed="$blamed ${piece##*/}"
        number=$((number + 1))
    done <"$self.sha256"
    [ -z "$blamed" ] || printf %s " (in$blamed)"
}

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
        echo "$part_name sha256:$found $(dirt $((offset + length)))"
    done
}

# Verify the sections in $lines and the gaps behind them: adds to bad what is damaged. The archive is hashed while the
# others are: a pipe, because what runs in the background would not end with Ctrl-C.
check_sections() {
    results=$(sums archive | { sums others && cat; })
    newline='
'
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

check() {
    part $seal_offset 4096 | {
        check_seal
        case $(part $seal_offset $((2 * 4096)) | tail -c 4096 | tr -d '\n' | head -c 29 | tr '\000' '?') in
        '') ;;
        '-----BEGIN SSH SIGNATURE-----') tell "signature: there is one; --verify-sig checks it" ;;
        *) bad="$bad signature" ;;
        esac
        [ -z "$bad" ] || fail $integrity "damaged:$bad$(blame)" "the bytes are not what the seal says" "copy it again"
    } || exit
    tell "$name $version: every byte is as it was sealed"
}

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

architecture() {
    machine=$(uname -m)
    case $machine in
    x86_64 | amd64) echo amd64 ;;
    aarch64 | arm64) echo arm64 ;;
    armv7* | armv8l) echo arm ;;
    i?86) echo 386 ;;
    *) echo "$machine" ;;
    esac
}

# Print all platforms of this file.
platforms() {
    all=$platform left=$others
    while [ -n "$left" ]; do
        all="$all, ${left%%:*}"
        case $left in *+*) left=${left#*+} ;; *) left= ;; esac
    done
    echo "$all"
}

# Make the places those of PLATFORM, or of the platform with this ARCHITECTURE: sets edition. Gives 1 where there is none.
take() {
    edition=$platform left=$others
    case $platform in "$1" | */"$1" | */"$1"/*) return 0 ;; esac
    while [ -n "$left" ]; do
        one=${left%%+*}
        case ${one%%:*} in "$1" | */"$1" | */"$1"/*) places "$one" && return ;; esac
        case $left in *+*) left=${left#*+} ;; *) left= ;; esac
    done
    return 1
}

places() {
    old=$IFS IFS=:
    # shellcheck disable=SC2086  # split into words on purpose
    set -- $1
    IFS=$old
    edition=$1
    runtime_offset=$2 runtime_length=$3 index_offset=$4 index_length=$5
    info_offset=$6 info_length=$7 list_offset=$8 list_length=$9
    shift 9
    runtime_kib=$1 runtime_sha256=$2
}

# What the answers are about: the platform that was asked for, else this machine's where the file has it, else the first.
choose_platform() {
    if [ -n "$wanted" ]; then
        take "$wanted" || fail $absent "there is nothing for $wanted in this file" "" "name one of $(platforms)"
    elif [ -n "$others" ] && [ -n "$(command -v uname)" ]; then
        take "$(architecture)" || return 0
    fi
}

fit_architecture() {
    here=$(uname -s)/$(architecture)
    case $here in Linux/*) ! take "${here#*/}" || return 0 ;; esac
    fail $unsupported "this file is for $(platforms), this machine is $here" \
        "" "get the build of $name for this machine"
}

# Print why nobody else could have a hand in what lies below FOLDER; nothing when that is so.
doubt() {
    walk=$1
    set -- "$walk"
    while [ "$walk" != / ]; do
        walk=${walk%/*}
        walk=${walk:-/}
        set -- "$@" "$walk"
    done
    # In a user namespace / may belong to "nobody"; whoever owns / is trusted like root.
    trusted=$(ls -ldn / | { read -r _ _ owner _ && echo "$owner"; })
    ls -ldn "$@" | while read -r mode _ owner group rest; do
        case $owner in 0 | "$me" | "$trusted") ;; *) echo "${rest##* } belongs to user $owner" ;; esac
        case $mode in
        ????????w[!tT]*) echo "anyone may write to ${rest##* }" ;;
        ?????w???[!tT]*) [ "$group" = 0 ] || echo "group $group may write to ${rest##* }" ;;
        esac
    done
}

# shellcheck disable=SC2317  # called by way of quiet
write_probe() {
    printf '#!/bin/sh\nexit 0\n' >"$1" && chmod 700 "$1"
}

# Try a folder as the place of the runtime: sets home, or complains and gives 1.
try() {
    base=$(cd -P -- "$1" 2>&1 && pwd -P) || { note "$1: cannot be entered" && return 1; }
    why=$(doubt "$base" | head -n 1)
    [ -z "$why" ] || { note "$base: $why" && return 1; }
    home=$base/bundler-$me
    quiet mkdir "$home"
    own=$(quiet ls -ldn "$home")
    # shellcheck disable=SC2086  # split into words on purpose
    set -- $own
    case ${1:-none}:${3:-} in
    drwx------:"$me" | drwx------.:"$me") ;;
    none:*) note "$base: not writable" && return 1 ;;
    *) note "$home: is not a folder that only user $me may use" && return 1 ;;
    esac
    probe=$home/.probe.$host.$$
    if ! quiet write_probe "$probe"; then
        rm -f "$probe"
        note "$base: not writable, or full"
        return 1
    fi
    quiet "$probe"
    ran=$?
    rm -f "$probe"
    [ $ran -eq 0 ] || { note "$base: programs may not be started there (noexec)" && noexec=1 && return 1; }
}

notes=
noexec=
note() {
    notes="$notes
    $*"
}

# Free KiB below FOLDER; a lot where df can't tell.
free() {
    # shellcheck disable=SC2046  # split into words on purpose
    set -- $(quiet df -Pk "$1" | tail -n 1)
    case ${4:-} in '' | *[!0-9]*) echo 999999999 ;; *) echo "$4" ;; esac
}

# Print LENGTH bytes of another whole file from OFFSET, a multiple of 65536.
elsewhere() {
    quiet dd if="$1" bs=$block skip=$(($2 / block)) count=$((($3 + block - 1) / block)) | head -c "$3"
}

# Print the installer: this file's own, or the one that was found elsewhere.
installer() {
    case $lender in
    '') part "$runtime_offset" "$runtime_length" ;;
    *) elsewhere "$lender" "$lender_offset" "$lender_length" ;;
    esac
}

# Whether FILE, a .run, has the installer that this file has left out: sets lender and its place.
lend() {
    [ -f "$1" ] && size=$(size_of "$1") && number "$size" && [ $((size % block)) -eq 8192 ] || return 1
    found=$(elsewhere "$1" $((size - 8192)) 4096 | while read -r section offset length digest; do
        case $section:$digest in runtime*:"sha256:$runtime_sha256") echo "$offset $length" && break ;; esac
    done)
    # shellcheck disable=SC2086  # split into words on purpose
    set -- "$1" $found
    [ $# -eq 3 ] && number "$2" && number "$3" && [ $(($2 % block)) -eq 0 ] || return 1
    lender=$1 lender_offset=$2 lender_length=$3
    [ "$(installer | sha256)" = "$runtime_sha256" ] || { lender='' && return 1; }
}

# Find the installer that this file has left out: in the .run of --base, in one beside it, on a control plane.
borrow() {
    choose_sha256
    taken=''
    for word in "$@"; do
        case $taken$word in
        yes*) lend "$word" && return ;;
        --base=?*) lend "${word#*=}" && return ;;
        esac
        [ "$word" = --base ] && taken=yes || taken=''
    done
    for candidate in "${self%/*}"/*.run; do
        lend "$candidate" && return
    done
    candidate=/var/lib/bundler/runtime.tar.gz
    if [ -r $candidate ]; then
        lender=$candidate lender_offset=0 lender_length=$(size_of $candidate)
        [ "$(installer | sha256)" = "$runtime_sha256" ] || lender=''
    fi
}

# Unpack the runtime below $home, so that it appears whole or not at all; gives 1 when there is no room.
unpack() {
    have=$(free "$home")
    [ -n "$nodiskspace" ] || [ "$have" -ge $((runtime_kib + 1024)) ] || {
        note "$home: $((runtime_kib / 1024 + 1)) MiB are needed, $((have / 1024)) MiB are free" && return 1
    }
    [ "$runtime_length" -ne 0 ] || [ -n "$lender" ] ||
        fail $absent "this file has only what changed since $base_name $base_version, and no installer" \
            "neither the .run of $base_name $base_version nor what it put on a control plane is here" \
            "put that .run into the same folder, or name it with --base FILE, or start this on the control plane"
    choose_sha256
    [ "$(installer | sha256)" = "$runtime_sha256" ] ||
        fail $integrity "the installer in this file is damaged$(blame)" "its sha256 is wrong" "copy the file again"
    fresh=$home/.new.$host.$$
    if mkdir "$fresh" && installer | gzip -dc | tar -xof - -C "$fresh"; then
        # For this start alone: it stays under the name by which a later start knows what a killed one left.
        [ -z "$private" ] || { runtime=$fresh && return 0; }
        # Where another start was quicker, ours lands inside of its folder and goes again.
        mv "$fresh" "$runtime" || fail $space "cannot rename $fresh"
        rm -rf "$runtime/.new.$host.$$"
        fresh=
        return 0
    fi
    rm -rf "$fresh"
    fresh=
    note "$home: unpacking failed, see above"
    return 1
}

# Remove what starts that were killed, and runtimes from before this machine's last restart, have left.
sweep() {
    for left in "$home/.new.$host."* "$home/.probe.$host."*; do
        quiet kill -0 "${left##*.}" || rm -rf "$left"
    done
    for left in "$home"/*."$host".*; do
        [ "${left##*.}" = "$boot" ] || rm -rf "$left"
    done
}

# Find or make the unpacked runtime below the folder given by --target: sets runtime.
place_below() {
    [ -d "$1" ] || { quiet mkdir "$1" && made=$1; } || fail $usage "$1: the folder cannot be made"
    private=yes
    [ -z "$keep" ] || private=''
    try "$1" && place_in_home && return
    code=$space
    [ -z "$noexec" ] || code=$unsupported
    fail $code "the installer cannot be unpacked there:$notes" "" "name another --target, or none"
}

# Find or make the runtime below $home; gives 1 when there is no room.
place_in_home() {
    sweep
    runtime=$home/$runtime_sha256.$host.$boot
    [ -d "$runtime" ] || unpack
}

# Remove what was unpacked for this start alone, and what was left half-made.
# shellcheck disable=SC2317  # called by the trap
clean() {
    [ -z "$fresh" ] || rm -rf "$fresh"
    [ -z "$private" ] || quiet rmdir "$home"
    [ -z "$made" ] || [ -n "$keep" ] || quiet rmdir "$made"
}

# Find or make the unpacked runtime: sets runtime.
place() {
    me=$(id -u)
    # An unpacked runtime is used until the machine restarts: a power cut can tear files that were not yet on disk.
    boot=$(quiet cat /proc/sys/kernel/random/boot_id) || boot=0
    host=$(uname -n)
    case $host in '' | *[!A-Za-z0-9-]*) host=host ;; esac
    [ -z "$1" ] || { place_below "$1" && return; }
    [ -d /var/lib/bundler ] || [ "$me" != 0 ] || (umask 022 && quiet mkdir -p /var/lib)
    for candidate in "${TMPDIR:-}" /var/tmp "${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}" /var/lib/bundler; do
        [ -n "$candidate" ] || continue
        [ -d "$candidate" ] || [ "$candidate" = "${TMPDIR:-}" ] || quiet mkdir "$candidate"
        try "$candidate" && place_in_home && return
    done
    code=$space
    [ -z "$noexec" ] || code=$unsupported
    fail $code "there is no place to unpack the installer to; tried:$notes" "" \
        "TMPDIR=FOLDER sh $0 ..., a folder of yours with $((runtime_kib / 1024 + 1)) MiB free, not mounted noexec"
}

# No here-document: some shells write those to /tmp, which may be full.
help() {
    printf '%s\n' "$name $version for $(platforms)" '' \
        "  ./${0##*/} --clusterfile site.yaml    bring it up on your machines, over ssh; again: go on" \
        "  ./${0##*/} COMMAND --help             everything about a command:" \
        '      apply plan delete facts        the site' \
        '      extract export                 take files, images, charts, packages or the SBOM out' \
        '      serve push-images              hand them out, or over to a registry' '' \
        'Looking into the file: at once, without root, on any machine' \
        '  --info             what it is' \
        '  --list [--json]    what is inside' \
        '  --check            verify every byte' \
        '  --verify-sig       and that a trusted key has signed it; --trust FILE|KEY names more keys' \
        '  --version          name and version' \
        '  --platform OS/ARCH which of its platforms is meant, where it is for several; also with --noexec' '' \
        'In front of a command' \
        '  --target DIR       unpack the installer to DIR for this start, and remove it again' \
        '  --keep             leave it there' \
        '  --noexec           start nothing: unpack all files to --target DIR, or to ./NAME-VERSION' \
        '  --nodiskspace      do not ask how much room there is' \
        '  --quiet            say only what went wrong' \
        '  --noprogress       no moving display' \
        '  --accept           nothing: there is no licence to accept' \
        '  --                 what follows is for the command' '' \
        "TMPDIR=DIR says where to unpack ($((runtime_kib / 1024 + 1)) MiB; stays there until the machine restarts)."
}

ask='' silent='' json='' wanted='' target='' keep='' nostart='' nodiskspace='' private='' made=''
while [ $# -gt 0 ]; do
    case $1 in
    --help | -h | --version | --info | --list | --check)
        [ -z "$ask" ] || fail $usage "$1 and --$ask are two questions" "" "ask one after the other"
        ask=${1#-} ask=${ask#-}
        ;;
    --json) [ "$ask" = list ] || break; json=yes ;;
    --quiet) silent=yes BUNDLER_QUIET=yes && export BUNDLER_QUIET ;;
    --noprogress) BUNDLER_NOPROGRESS=yes && export BUNDLER_NOPROGRESS ;;
    --accept) ;;
    --nodiskspace) nodiskspace=yes ;;
    --noexec) nostart=yes ;;
    --keep) keep=yes ;;
    --target=?*) target=${1#*=} ;;
    --target)
        [ -n "${2:-}" ] || fail $usage "--target needs a folder"
        target=$2
        shift
        ;;
    --platform=?*) wanted=${1#*=} ;;
    --platform)
        [ -n "${2:-}" ] || fail $usage "--platform needs one of $(platforms)"
        wanted=$2
        shift
        ;;
    --) shift && break ;;
    *) break ;;
    esac
    shift
done
case $target in '' | /*) ;; *) target=$PWD/$target ;; esac

[ -n "$self" ] || fail $usage "cannot find this file as $0" "" "start it as sh FILE or ./FILE, not through a pipe"
[ -z "$ask" ] || [ $# -eq 0 ] || fail $usage "--$ask takes nothing behind it, but there is: $1"
case $ask in
help | h) help && exit ;;
version) echo "$name $version" && exit ;;
esac
need dd head
whole
[ -z "$ask" ] || choose_platform
case $ask$json in
info) part "$info_offset" "$info_length"; exit ;;
list) part "$list_offset" "$list_length"; exit ;;
listyes) part "$index_offset" "$index_length"; exit ;;
check)
    need cat sha256sum tail tr wc
    choose_sha256
    check
    exit
    ;;
esac

# Where there is no ssh-keygen, the installer does it.
if [ "${1:-}" = --verify-sig ] && [ -n "$(command -v ssh-keygen)" ]; then
    need cat mkdir rm sha256sum tail tr wc ls
    trap clean EXIT
    trap 'exit $interrupted' HUP INT TERM
    choose_sha256
    check
    shift
    verify_sig "$@"
    exit
fi

[ -z "$wanted" ] || [ -n "$nostart" ] ||
    fail $usage "--platform is for --info, --list and --noexec" "" "some commands take it: extract --platform $wanted ..."
need cat chmod gzip id ls mkdir mv rm rmdir sha256sum tail tar uname
fit_architecture
if [ -n "$nostart" ]; then
    [ $# -eq 0 ] || fail $usage "--noexec starts nothing, but there is a command: $1"
    set -- extract '*' ${wanted:+--platform "$wanted"} --target "${target:-$PWD/$name-$version}"
    target=''
fi
trap clean EXIT
trap 'exit $interrupted' HUP INT TERM
lender=''
[ "$runtime_length" -ne 0 ] || borrow "$@"
place "$target"
BUNDLER_RUN_FILE=$self
BUNDLER_RUNTIME=$runtime
BUNDLER_ARGV0=$0
BUNDLER_PLATFORM=$edition
export BUNDLER_RUN_FILE BUNDLER_RUNTIME BUNDLER_ARGV0 BUNDLER_UMASK BUNDLER_PLATFORM
[ -n "$private" ] || exec "$runtime/start" "$@"
"$runtime/start" "$@"
exit  # behind this line the file is no script
