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
nonzero_padding() {
    rest=$(($1 % block))
    [ "$rest" -eq 0 ] && echo 0 && return
    blocks $(($1 / block)) 1 | tail -c $((block - rest)) | tr -d '\000' | wc -c
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

owner_of() {
    # shellcheck disable=SC2046  # split into words on purpose: ls prints the owner as the third
    set -- $(ls -lnL "$1")
    echo "$3"
}

size_of() {
    # shellcheck disable=SC2046  # split into words on purpose: ls prints the size as the fifth
    set -- $(ls -lnL "$1")
    echo "$5"
}
