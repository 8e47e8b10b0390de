#!/bin/sh
set -eu
kubectl -n postgresql wait postgresqls/site-postgresql --for=jsonpath='{.status.PostgresClusterStatus}'=Running --timeout=900s
