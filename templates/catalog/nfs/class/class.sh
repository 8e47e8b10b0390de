#!/bin/sh
# The StorageClass for the site's server. Variables: NFS_SERVER, NFS_PATH.
set -eu
if [ -z "$NFS_SERVER" ] || [ -z "$NFS_PATH" ]; then
    echo "nfs-class: NFS_SERVER and NFS_PATH are not set; name them in the Clusterfile: kind Application, configs of nfs-class" >&2
    exit 1
fi
kubectl apply -f - <<EOF
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata:
  name: nfs
  annotations: {storageclass.kubernetes.io/is-default-class: "true"}
provisioner: nfs.csi.k8s.io
parameters: {server: "$NFS_SERVER", share: "$NFS_PATH"}
reclaimPolicy: Delete
mountOptions: [nfsvers=4.1, hard]
EOF
