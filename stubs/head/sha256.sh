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

# Print which pieces are not what FILE.sha256 says, where that is there: " (in FILE.002)".
damaged_parts() {
    [ $pieces -gt 1 ] && [ -f "$self.sha256" ] || return 0
    number=0 damaged=''
    while [ $number -lt $pieces ] && read -r sum line; do
        piece $number
        [ "$(sha256 <"$piece")" = "$sum" ] || damaged="$damaged ${piece##*/}"
        number=$((number + 1))
    done <"$self.sha256"
    [ -z "$damaged" ] || printf %s " (in$damaged)"
}
