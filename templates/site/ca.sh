# shellcheck shell=sh
# The cluster's certificate, in one line.
base64 -w0 /etc/kubernetes/pki/ca.crt
