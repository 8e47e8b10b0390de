#!/bin/sh
# Ceph's daemons are started by the operator one after another: wait for what it says of the whole.
set -eu
kubectl -n rook-ceph wait cephcluster --all --for=jsonpath='{.status.phase}'=Ready --timeout=1500s
