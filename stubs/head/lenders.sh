# Print SIZE bytes of another file from OFFSET, a multiple of 65536.
elsewhere() {
    quiet dd if="$1" bs=$block skip=$(($2 / block)) count=$((($3 + block - 1) / block)) | head -c "$3"
}

# Whether FILE is one that root, the caller, or whoever owns this very file answers for.
vouched_for() {
    its_owner=$(owner_of "$1")
    case $its_owner in 0 | "$me" | "$(owner_of "$self")") return 0 ;; esac
    note "$1: belongs to user $its_owner, so the installer is not taken from it"
    return 1
}

# Put the installer out of FILE, where its copy has the right sha256, into COPY. Another user may change FILE at any
# time: its bytes are read once, into a folder of the caller alone, and what is verified there is what is unpacked.
copy_lent() {
    elsewhere "$1" "$2" "$runtime_size" >"$3" && [ "$(sha256 <"$3")" = "$runtime_sha256" ]
}

# try_lender FILE COPY: whether FILE, a .run, had the installer that this file has left out; it is in COPY then.
try_lender() {
    [ -f "$1" ] && vouched_for "$1" || return 1
    size=$(size_of "$1")
    number "$size" && [ $((size % block)) -eq 8192 ] || return 1
    place=$(elsewhere "$1" $((size - 8192)) 4096 | while read -r section offset length digest; do
        case $section:$digest in runtime*:"sha256:$runtime_sha256") echo "$offset $length" && break ;; esac
    done)
    number "${place% *}" && [ "${place#* }" = "$runtime_size" ] && [ $((${place% *} % block)) -eq 0 ] || return 1
    copy_lent "$1" "${place% *}" "$2"
}

# Find the installer that this file has left out, and put it into COPY: out of the .run of --base, of one beside this
# file, or out of what a control plane keeps. find_lender COPY ARGUMENT...
find_lender() {
    copy=$1
    shift
    taken=''
    for word in "$@"; do
        case $taken$word in
        yes*) try_lender "$word" "$copy" && return ;;
        --base=?*) try_lender "${word#*=}" "$copy" && return ;;
        esac
        [ "$word" = --base ] && taken=yes || taken=''
    done
    for candidate in "${self%/*}"/*.run; do
        try_lender "$candidate" "$copy" && return
    done
    kept=/var/lib/bundler/runtime.tar.gz
    [ -r $kept ] && vouched_for $kept && copy_lent $kept 0 "$copy"
}
