#!/bin/sh
# Make the passwords on site, once: they are in no bundle. kubectl reads them from its standard input.
set -eu
namespace=minio
name=minio-login
kubectl get namespace "$namespace" >/dev/null 2>&1 || kubectl create namespace "$namespace"
if kubectl -n "$namespace" get secret "$name" >/dev/null 2>&1; then
    exit 0
fi
random() {
    head -c 24 /dev/urandom | base64 | tr -d '\n=+/'
}
printf 'export MINIO_ROOT_USER=admin\nexport MINIO_ROOT_PASSWORD=%s\n' "$(random)" |
    kubectl -n "$namespace" create secret generic "$name" --from-file=config.env=/dev/stdin
