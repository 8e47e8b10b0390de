# shellcheck shell=sh disable=SC2154
# Count what was created since a moment, by kind: KIND NUMBER. What the cluster itself writes all the time is left out.
# Variables: since (as 2027-06-08T09:12:40Z).
set -eu
kinds=$(kubectl api-resources --verbs=list -o name | grep -v '^events\|^leases\.\|^endpoint\|\.metrics\.k8s\.io$' | paste -sd, -)
kubectl get "$kinds" -A --ignore-not-found -o 'custom-columns=KIND:.kind,AT:.metadata.creationTimestamp' --no-headers 2>/dev/null |
    awk -v since="$since" '$2 > since { count[$1]++ } END { for (kind in count) print kind, count[kind] }' | sort
