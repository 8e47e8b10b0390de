# shellcheck shell=sh
# The cluster's certificate, as it stands in files.
cat /etc/kubernetes/pki/ca.crt
