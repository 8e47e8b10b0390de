#!/bin/sh
set -eu
kubectl -n tidb wait tidbclusters.pingcap.com/site --for=condition=Ready --timeout=1500s
