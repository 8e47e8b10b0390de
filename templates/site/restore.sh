# shellcheck shell=sh
# Walk the ledger backwards: units, packages, files, settings, as they were.
set -u
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
if [ ! -f "$BUNDLER_LEDGER" ]; then exit 0; fi
tab=$(printf '\t')
failed=0

packages=
rpms=
while IFS=$tab read -r kind subject value; do
    case $kind in
    unit) [ "$value" = was-on ] || systemctl disable -q --now "$subject" 2>/dev/null ;;
    package)
        if [ "$(dpkg-query -W -f '${db:Status-Status}' "$subject" 2>/dev/null)" = installed ]; then
            packages="$packages $subject"
        fi
        ;;
    rpm) if rpm -q --quiet "$subject"; then rpms="$rpms $subject"; fi ;;
    esac
done <"$BUNDLER_LEDGER"
if [ -n "$packages" ]; then
    # Package names are plain words:
    # shellcheck disable=SC2086
    dpkg --force-unsafe-io --purge $packages >/var/lib/bundler/purge.log 2>&1 || {
        tail -n 20 /var/lib/bundler/purge.log >&2
        failed=1
    }
fi

if [ -n "$rpms" ]; then
    # shellcheck disable=SC2086
    rpm -e $rpms >/var/lib/bundler/erase.log 2>&1 || {
        tail -n 20 /var/lib/bundler/erase.log >&2
        failed=1
    }
fi

put_back() { # SUBJECT COPY
    rm -rf "$1.bundler-old"
    cp -a "$2" "$1.bundler-old" && mv -f "$1.bundler-old" "$1"
}
take_away() { # FOLDER; keys and revocations that an operator put into ours later are not ours to remove
    if [ "$1" != /etc/bundler ] || { [ ! -e "$1/trust.d" ] && [ ! -L "$1/trust.d" ]; }; then
        rm -rf "$1"
    else
        find "$1" -mindepth 1 -maxdepth 1 ! -name trust.d -exec rm -rf {} +
    fi
}
take_out() { # FILE NAME
    [ -e "$1" ] || return 0
    cp -p "$1" "$1.bundler-new"
    sed "/^# bundler begin $2\$/,/^# bundler end $2\$/d" "$1" >"$1.bundler-new"
    mv -f "$1.bundler-new" "$1" 2>/dev/null || { cat "$1.bundler-new" >"$1" && rm -f "$1.bundler-new"; }
}
set_back() { # KEY VALUE
    if [ ! -e "/proc/sys/$1" ] || [ "$(cat "/proc/sys/$1")" = "$2" ]; then return 0; fi
    printf '%s\n' "$2" >"/proc/sys/$1"
}
tac "$BUNDLER_LEDGER" >"$BUNDLER_STATE/backwards"
while IFS=$tab read -r kind subject value; do
    case $kind in
    tree) take_away "$subject" || failed=1 ;;
    file) rm -f "$subject" || failed=1 ;;
    dir) rmdir "$subject" 2>/dev/null ;; # somebody else may have put something there
    saved)
        put_back "$subject" "$value" || failed=1
        [ "$subject" != /etc/hostname ] || hostname "$(cat /etc/hostname)" || failed=1
        ;;
    block) take_out "$subject" "$value" || failed=1 ;;
    sysctl) set_back "$subject" "$value" || failed=1 ;;
    module) modprobe -rq "$subject" 2>/dev/null ;; # others may use it by now
    swap) grep -qs "^${subject}[[:space:]]" /proc/swaps || swapon "$subject" || failed=1 ;;
    upgraded) echo "the package $subject stays upgraded (it was $value)" ;;
    esac
done <"$BUNDLER_STATE/backwards"

systemctl daemon-reload
systemctl reset-failed 2>/dev/null
while IFS=$tab read -r kind subject value; do
    if [ "$kind $value" = "unit was-on" ]; then systemctl restart "$subject" || failed=1; fi
done <"$BUNDLER_LEDGER"
exit "$failed"
