# shellcheck shell=sh disable=SC2154,SC2015
# What both halves of a copy share. key: of the step. state: our folder. large: bytes from which on it is worth
# to start another program. Lines of items are: NUMBER SIZE SHA256 MODE PATH.
umask 022
box=$state/incoming/$key seen='' near='' last=''
home=$(stat -c %d "$state" 2>/dev/null || stat -c %d /var/lib)
stage() { # sets where an item waits: in our state, or beside its place if that is another file system
    if [ "${path%/*}" != "$seen" ]; then
        seen=${path%/*} near=${path%/*}
        while [ ! -d "$near" ]; do near=${near%/*} near=${near:-/}; done
        staging=$box/
        [ "$(stat -c %d "$near")" = "$home" ] || staging=$seen/.bundler-$key-
    fi
    staged=$staging$n
}
same() {
    [ -f "$1" ] && [ ! -L "$1" ] && [ "$(stat -c %s "$1")" = "$size" ] &&
        case $(sum <"$1") in "$hex "*) ;; *) false ;; esac
}
# OpenSSL is several times as fast as most sha256sums, but slower to start; where it isn't, sha256sum does it.
sum() { [ "$size" -ge "$large" ] && openssl dgst -sha256 -r 2>/dev/null || sha256sum; }
right() { # whether all files of a list are; names the others
    sed 's/^[^*]*[*]//' "$1" | tr '\n' '\000' | xargs -0 openssl dgst -sha256 -r 2>/dev/null |
        cmp -s - "$1" || sha256sum -c --quiet "$1"
}
