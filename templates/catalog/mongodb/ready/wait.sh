#!/bin/sh
set -eu
kubectl -n mongodb wait perconaservermongodb --all --for=jsonpath='{.status.state}'=ready --timeout=1200s
