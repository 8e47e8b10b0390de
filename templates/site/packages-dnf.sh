# shellcheck shell=sh disable=SC2154
# Install rpm packages from the folder that came with the bundle, and from nothing else.
# Variables: pool (a repository), names, inputs (a digest of what is in the pool).
set -eu
: "$inputs"
umask 022
export LC_ALL=C.UTF-8
dnf=/var/lib/bundler/dnf
mkdir -p "$dnf/cache" "$dnf/log" "$dnf/repos"
# A configuration of our own: the host's exclusions, plugins and repositories have no say. Every file in the pool was
# checked against the bundle's index on arrival; the packages of modules were chosen when the bundle was made.
cat >"$dnf/dnf.conf" <<END
[main]
reposdir=$dnf/repos
cachedir=$dnf/cache
logdir=$dnf/log
plugins=0
install_weak_deps=0
best=0
gpgcheck=0
localpkg_gpgcheck=0
exit_on_lock=0

[bundler]
name=what the bundle carries
baseurl=file://$pool
gpgcheck=0
repo_gpgcheck=0
module_hotfixes=1
metadata_expire=1
END
for file in history.sqlite history.sqlite-shm history.sqlite-wal; do ledger_new "/var/lib/dnf/$file"; done

# Name and version of all that is installed; kept until the work is done, so that a cut run loses nothing.
installed() { rpm -qa --qf '%{NAME} %{EVR}\n' | sort; }
if [ ! -e "$dnf/before" ]; then
    installed >"$dnf/before.new"
    mv -f "$dnf/before.new" "$dnf/before"
fi
for file in "$pool"/*.rpm; do
    [ -e "$file" ] || continue
    name=$(rpm -qp --nosignature --qf '%{NAME}' "$file" 2>/dev/null)
    rpm -q --quiet "$name" || ledger_rpm "$name"
done

# Package names are plain words:
# shellcheck disable=SC2086
dnf -y -q --config "$dnf/dnf.conf" --disablerepo='*' --enablerepo=bundler install $names

installed >"$dnf/after"
comm -23 "$dnf/before" "$dnf/after" | while read -r name old; do ledger_note upgraded "$name" "$old"; done
rm -f "$dnf/before" "$dnf/after"
sync -f "$(rpm --eval '%{_dbpath}')"
