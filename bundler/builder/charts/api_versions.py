"""What the API of a site's cluster may offer, for templates that ask `.Capabilities.APIVersions`. Pure data.

Helm itself knows the groups and versions of the built-in API. A cluster answers with its kinds, too, and with
what operators have added to it; a chart that asks for these comes out differently on site.
"""

import re
from collections.abc import Iterator

_BUILT_IN = (  # group and version, first minor version of Kubernetes, the one that no longer has it, kinds
    ("v1", 0, 0, "ConfigMap Namespace Node PersistentVolumeClaim Pod Secret Service ServiceAccount"),
    ("admissionregistration.k8s.io/v1", 16, 0, "MutatingWebhookConfiguration ValidatingWebhookConfiguration"),
    ("admissionregistration.k8s.io/v1", 30, 0, "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding"),
    ("apiextensions.k8s.io/v1", 16, 0, "CustomResourceDefinition"),
    ("apiregistration.k8s.io/v1", 0, 0, "APIService"),
    ("apps/v1", 0, 0, "DaemonSet Deployment ReplicaSet StatefulSet"),
    ("autoscaling/v1", 0, 0, "HorizontalPodAutoscaler"),
    ("autoscaling/v2", 23, 0, "HorizontalPodAutoscaler"),
    ("autoscaling/v2beta2", 0, 26, "HorizontalPodAutoscaler"),
    ("batch/v1", 0, 0, "Job"),
    ("batch/v1", 21, 0, "CronJob"),
    ("batch/v1beta1", 0, 25, "CronJob"),
    ("coordination.k8s.io/v1", 0, 0, "Lease"),
    ("networking.k8s.io/v1", 19, 0, "Ingress IngressClass NetworkPolicy"),
    ("networking.k8s.io/v1beta1", 0, 22, "Ingress IngressClass"),
    ("policy/v1", 21, 0, "PodDisruptionBudget"),
    ("policy/v1beta1", 0, 25, "PodDisruptionBudget PodSecurityPolicy"),
    ("rbac.authorization.k8s.io/v1", 0, 0, "ClusterRole ClusterRoleBinding Role RoleBinding"),
    ("scheduling.k8s.io/v1", 0, 0, "PriorityClass"),
    ("storage.k8s.io/v1", 0, 0, "CSIDriver StorageClass VolumeAttachment"),
)
_ADDED = (  # by operators that are common; none that only a vendor's own distribution of Kubernetes has
    ("acid.zalan.do/v1", "postgresql"),
    ("argoproj.io/v1alpha1", "Application AppProject Rollout Workflow"),
    ("autoscaling.k8s.io/v1", "VerticalPodAutoscaler"),
    ("cert-manager.io/v1", "Certificate ClusterIssuer Issuer"),
    ("cilium.io/v2", "CiliumNetworkPolicy"),
    ("elasticsearch.k8s.elastic.co/v1", "Elasticsearch"),
    ("external-secrets.io/v1", "ExternalSecret SecretStore"),
    ("external-secrets.io/v1beta1", "ExternalSecret SecretStore"),
    ("gateway.networking.k8s.io/v1", "Gateway GatewayClass GRPCRoute HTTPRoute"),
    ("gateway.networking.k8s.io/v1beta1", "Gateway HTTPRoute ReferenceGrant"),
    ("grafana.integreatly.org/v1beta1", "GrafanaDashboard"),
    ("keda.sh/v1alpha1", "ScaledObject TriggerAuthentication"),
    ("kyverno.io/v1", "ClusterPolicy Policy"),
    ("metrics.k8s.io/v1beta1", "NodeMetrics PodMetrics"),
    ("monitoring.coreos.com/v1", "Alertmanager PodMonitor Probe Prometheus PrometheusRule ServiceMonitor"),
    ("monitoring.coreos.com/v1alpha1", "AlertmanagerConfig ScrapeConfig"),
    ("monitoring.grafana.com/v1alpha1", "GrafanaAgent"),
    ("networking.istio.io/v1", "DestinationRule Gateway ServiceEntry Sidecar VirtualService"),
    ("networking.istio.io/v1beta1", "DestinationRule Gateway ServiceEntry Sidecar VirtualService"),
    ("opentelemetry.io/v1beta1", "OpenTelemetryCollector"),
    ("operator.victoriametrics.com/v1beta1", "VMPodScrape VMRule VMServiceScrape"),
    ("policy.linkerd.io/v1beta3", "Server"),
    ("postgresql.cnpg.io/v1", "Cluster Pooler"),
    ("secrets-store.csi.x-k8s.io/v1", "SecretProviderClass"),
    ("security.istio.io/v1", "AuthorizationPolicy PeerAuthentication"),
    ("security.istio.io/v1beta1", "AuthorizationPolicy PeerAuthentication"),
    ("snapshot.storage.k8s.io/v1", "VolumeSnapshot VolumeSnapshotClass"),
    ("traefik.io/v1alpha1", "IngressRoute Middleware ServersTransport TLSOption"),
)
_MINOR = re.compile(r"v?1\.([0-9]+)")


def api_versions(kubernetes: str) -> tuple[str, ...]:
    """What a cluster may have: `apps/v1`, `apps/v1/Deployment`; kubernetes: `v1.20.2`, "" for the newest."""
    found = _MINOR.match(kubernetes)
    minor = int(found[1]) if found else 1 << 20
    return tuple(dict.fromkeys((*_built_in(minor), *_added())))


def _built_in(minor: int) -> Iterator[str]:
    for version, since, until, kinds in _BUILT_IN:
        if since <= minor and (not until or minor < until):
            yield version
            yield from (f"{version}/{kind}" for kind in kinds.split())


def _added() -> Iterator[str]:
    for version, kinds in _ADDED:
        yield version
        yield from (f"{version}/{kind}" for kind in kinds.split())


def removed_in(version: str, kind: str) -> int:
    """The minor of Kubernetes that no longer has this kind; 0 for one that every version has, or unknown."""
    gone = (until for known, _, until, kinds in _BUILT_IN if known == version and kind in kinds.split())
    return next(gone, 0)
