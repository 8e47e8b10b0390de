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
select_platform() {
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
    runtime_kib=$1 runtime_sha256=$2 runtime_size=$runtime_length
}

# What the answers are about: the platform that was asked for, else this machine's where the file has it, else the first.
choose_platform() {
    if [ -n "$wanted" ]; then
        select_platform "$wanted" || fail $absent "there is nothing for $wanted in this file" "" "name one of $(platforms)"
    elif [ -n "$others" ] && [ -n "$(command -v uname)" ]; then
        select_platform "$(architecture)" || return 0
    fi
}

fit_architecture() {
    here=$(uname -s)/$(architecture)
    case $here in Linux/*) ! select_platform "${here#*/}" || return 0 ;; esac
    fail $unsupported "this file is for $(platforms), this machine is $here" \
        "" "get the build of $name for this machine; docs/security.md has commands that verify a file on any"
}
