# shellcheck shell=sh disable=SC2154
# Configure the cluster's DNS. Variables: config (a ConfigMap), patch (of CoreDNS' Deployment; {} for none).
set -eu
printf '%s\n' "$config" | kubectl apply --server-side --force-conflicts --field-manager=bundler -f -
if [ "$patch" != '{}' ]; then kubectl -n kube-system patch deployment coredns -p "$patch"; fi
