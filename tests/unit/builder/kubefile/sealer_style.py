"""Kubefiles written the way those of Sealer's applications and basefs repositories are."""

SEALER_STYLE = {
    "base files": """\
FROM scratch
COPY rootfs .
COPY ${ARCH} .
COPY imageList manifests
LABEL "cluster.alpha.sealer.io/cluster-runtime-type"="kubernetes"
LABEL "cluster.alpha.sealer.io/cluster-runtime-version"="v1.24.1"
LABEL "cluster.alpha.sealer.io/container-runtime-type"="containerd"
CNI calico local://calico.sh
LAUNCH ["calico"]""",
    "old commands": """\
FROM kubernetes:v1.19.8
COPY operator.yaml etc/
COPY imageList manifests
CMD kubectl apply -f etc/operator.yaml
CMD kubectl wait --for=condition=Ready pod --all -n db --timeout=300s
""",
    "registry base": """\
FROM registry.example.com/base/kubernetes:v1.22.15
COPY mysql charts/mysql
CMDS ["helm install mysql charts/mysql -f charts/mysql/values.yaml"]
""",
    "chart as app": """\
FROM docker.io/sealerio/kubernetes:v1-22-15-sealerio-2
APP mysql local://charts/mysql
APPENV mysql MYSQL_ROOT_HOST=% STORAGE="10 Gi"
KUBEVERSION 1.22 - 1.26
LAUNCH ["mysql"]
""",
    "remote manifest": """\
FROM kubernetes:v1.22.15
APP dashboard https://example.com/dashboard/v2.7.0/recommended.yaml
LAUNCH ["dashboard"]
""",
    "two networks": """\
FROM scratch
COPY rootfs .
CNI flannel https://example.com/kube-flannel.yml
CNI calico local://calico.sh
CSI local-path local://local-path.yaml
LAUNCH ["flannel"]
""",
    "several apps": """\
FROM kubernetes:v1.24.1

# data
APP redis local://redis/
APP ingress local://ingress.yaml local://class.yaml

APP setup local://setup.sh
APPCMDS ingress ["kubectl apply -f ingress.yaml -n ingress", "kubectl apply -f class.yaml"]
LAUNCH ["redis","ingress","setup"]
""",
    "build arguments": """\
ARG BASE=kubernetes:v1.24.1
FROM ${BASE}
MAINTAINER platform team <platform@example.com>
ARG CHART_VERSION=1.2.3
ENV PodCIDR=100.64.0.0/10 SvcCIDR=10.96.0.0/16
ADD https://example.com/charts/app-${CHART_VERSION}.tgz charts/app.tgz
RUN tar -xzf charts/app.tgz -C charts && rm charts/app.tgz
LAUNCH app
""",
    "downloads in run": """\
FROM scratch
COPY context .
RUN set -e; \\
    mkdir -p bin; \\
    # the tools of each architecture
    for tool in kubectl kubelet kubeadm; do \\
        curl -fsSLo "bin/$tool" "https://example.com/$TARGETARCH/$tool"; \\
    done && chmod +x bin/*
COPY etc etc/
""",
    "platform": """\
FROM --platform=linux/arm64 kubernetes:v1.22.15
COPY ${ARCH}/* .
COPY statics/audit-policy.yml statics/
COPY plugins plugins
CMD ["kubectl apply -f manifests/app.yaml"]
""",
    "monitoring": """\
FROM kubernetes:v1.19.9
COPY prometheus/ charts/prometheus/
COPY grafana/ charts/grafana/
COPY install.sh scripts/
COPY imageList manifests/
LABEL org.opencontainers.image.title="monitoring" org.opencontainers.image.version=0.3
CMD bash scripts/install.sh
""",
    "lower case": """\
from kubernetes:v1.19.8
copy a.yaml manifests
cmd kubectl apply -f manifests/a.yaml
""",
    "whole folders": """\
FROM scratch
COPY rootfs/* .
COPY ${ARCH}/* .\x20
COPY imageList manifests
LABEL "cluster.alpha.sealer.io/container-runtime-type"="docker"
LABEL "cluster.alpha.sealer.io/container-runtime-version"="20.10.14"
COPY operator.yaml applications/operator.yaml
""",
    "own helm": """\
FROM kubernetes-arm64:v1.20.4
COPY imageList manifests
COPY apollo charts
COPY helm /bin
COPY site.yaml plugins
CMD helm install apollo charts/apollo
CMD helm list
""",
    "download at build": """\
FROM registry.example.com/base/kubernetes:v1.19.8
# the dashboard, at build time
RUN wget https://example.com/dashboard/recommended.yaml
CMD kubectl apply -f recommended.yaml
""",
}
