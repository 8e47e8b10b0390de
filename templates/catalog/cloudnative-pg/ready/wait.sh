#!/bin/sh
set -eu
kubectl -n database wait clusters.postgresql.cnpg.io/pg --for=condition=Ready --timeout=900s
