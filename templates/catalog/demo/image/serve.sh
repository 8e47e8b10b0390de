#!/bin/sh
# Serves the page on port 8080, with the node's name put in. Needs NODE_NAME and a writable /srv.
set -eu
sed "s,@NODE@,${NODE_NAME:-unknown}," /usr/share/web/index.html >/srv/index.html
exec busybox httpd -f -p 8080 -h /srv
