#!/bin/sh
# The pool that Services get addresses of. Variable: METALLB_ADDRESSES, ranges parted by commas.
set -eu
if [ -z "$METALLB_ADDRESSES" ]; then
    echo "metallb-pool: METALLB_ADDRESSES is not set; name it in the Clusterfile: kind Application, configs of metallb-pool" >&2
    exit 1
fi
kubectl apply -f - <<EOF
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: site, namespace: metallb-system}
spec: {addresses: [$METALLB_ADDRESSES]}
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: site, namespace: metallb-system}
spec: {ipAddressPools: [site]}
EOF
