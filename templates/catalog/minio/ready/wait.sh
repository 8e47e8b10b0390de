#!/bin/sh
set -eu
kubectl -n minio wait tenant/site --for=jsonpath='{.status.currentState}'=Initialized --timeout=900s
