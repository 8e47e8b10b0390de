#!/bin/sh
# Make the passwords on site, once: they are in no bundle. kubectl reads them from its standard input.
set -eu
namespace=opensearch
name=opensearch-admin
kubectl get namespace "$namespace" >/dev/null 2>&1 || kubectl create namespace "$namespace"
if kubectl -n "$namespace" get secret "$name" >/dev/null 2>&1; then
    exit 0
fi
random() {
    head -c 24 /dev/urandom | base64 | tr -d '\n=+/'
}
# It wants letters of both kinds, a digit and a sign.
printf '%s\n' "user=admin" "password=Aa1-$(random)" | kubectl -n "$namespace" create secret generic "$name" --from-env-file=/dev/stdin
