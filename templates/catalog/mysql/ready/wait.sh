#!/bin/sh
# The operator starts one node after another: wait for what it says of the whole.
set -eu
kubectl -n mysql wait perconaxtradbcluster --all --for=jsonpath='{.status.state}'=ready --timeout=1200s
