#!/bin/sh
set -eu
kubectl -n kafka wait kafka/site --for=condition=Ready --timeout=900s
