#!/bin/sh
# Composes the images: php-fpm and nginx, each with WordPress' files, which both share as one layer.
#
#   compose.sh SUITE VERSION LAYOUT    works in $TMPDIR
#
# WordPress is PHP alone, so a newer one may come from a newer Debian and run on the PHP of SUITE. A version keeps the
# theme of the one before: a site that is brought up to it shows it on.
set -eu
suite=$1 version=$2 layout=$3
case $version in
6.1) origin=bookworm themes=wordpress-theme-twentytwentythree ;;
6.8) origin=trixie themes="wordpress-theme-twentytwentythree wordpress-theme-twentytwentyfive" ;;
*)
  echo "There is no WordPress $version here. Fix: --build-arg WORDPRESS=6.1 or 6.8" >&2
  exit 1
  ;;
esac
here=$(dirname "$0")
root=$here/../debian_root.py
work=$TMPDIR

"$root" base "$suite" "$work/base"
# shellcheck disable=SC2086  # one word for each theme
"$root" packages "$origin" "$work/wordpress" wordpress $themes \
    --without apache2 --without libapache2-mod-php --without php-gd --without php-mysql --without php-common \
    --without default-mysql-client --without ca-certificates --without libjs-prototype --without libjs-scriptaculous
rm -rf "$work/wordpress/var" "$work/wordpress/etc" "$work/wordpress/usr/share/wordpress/.htaccess"
cp -R "$here/site/." "$work/wordpress/usr/share/wordpress/"
mkdir -p "$work/wordpress/usr/share/wordpress/wp-content/uploads"
"$root" packages "$suite" "$work/php" --user www-data:33 \
    php8.2-fpm php8.2-mysql php8.2-redis php8.2-xml php8.2-mbstring php8.2-curl ca-certificates
"$root" packages "$suite" "$work/nginx" --user www-data:33 nginx --without iproute2

mkdir -p "$work/php/etc/wordpress" "$work/php/etc/ssl/certs" "$work/nginx/etc/wordpress"
cp "$here/etc/php.ini" "$here/etc/fpm.conf" "$here/etc/install.php" "$work/php/etc/wordpress/"
find "$work/php/usr/share/ca-certificates" -name '*.crt' | sort | xargs cat >"$work/php/etc/ssl/certs/ca-certificates.crt"
cp "$here/etc/nginx.conf" "$work/nginx/etc/wordpress/"

compose="$here/../oci_layout.py $layout"
$compose "bundler.local/wordpress:$version" --layer "$work/base" --layer "$work/php" --layer "$work/wordpress"
$compose "bundler.local/wordpress-nginx:$version" --layer "$work/base" --layer "$work/nginx" --layer "$work/wordpress"
