"""The fields of kubeadm's, the kubelet's and kube-proxy's configuration: what documents are held against.

A mapping's value is what may stand below its name: ANY for everything, a mapping for its fields, a list of
one for the parts of a list. A name may end in the versions of kubeadm's API that have it: `x@3` from v1beta3
on, `x@-3` up to v1beta3.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

ANY: Final = None

_ARGUMENTS: Final = {"extraArgs": ANY, "extraEnvs@4": ANY}
_ENDPOINT: Final = {"advertiseAddress": ANY, "bindPort": ANY}
_VOLUME: Final = {"name": ANY, "hostPath": ANY, "mountPath": ANY, "readOnly": ANY, "pathType": ANY}
_COMPONENT: Final = {**_ARGUMENTS, "extraVolumes": [_VOLUME]}
_REGISTRATION: Final = {
    **dict.fromkeys(("name", "criSocket", "taints", "kubeletExtraArgs", "ignorePreflightErrors")),
    "imagePullPolicy@3": ANY,
    "imagePullSerial@4": ANY,
}
_TIMEOUTS: Final = dict.fromkeys(
    (
        *("controlPlaneComponentHealthCheck", "kubeletHealthCheck", "kubernetesAPICall", "etcdAPICall"),
        *("tlsBootstrap", "discovery", "upgradeManifests"),
    )
)
_COMMON: Final = {
    "nodeRegistration": _REGISTRATION,
    "skipPhases@3": ANY,
    "patches@3": {"directory": ANY},
    "dryRun@4": ANY,
    "timeouts@4": _TIMEOUTS,
}
_LOGGING: Final = {
    **dict.fromkeys(("format", "flushFrequency", "verbosity", "vmodule")),
    "options": {name: dict.fromkeys(("splitStream", "infoBufferSize")) for name in ("text", "json")},
}

_KUBELET: Final = """
address allowedUnsafeSysctls defaultPodSysctls cgroupDriver cgroupRoot cgroupsPerQOS clusterDNS
clusterDomain configMapAndSecretChangeDetectionStrategy containerLogMaxFiles containerLogMaxSize
containerLogMaxWorkers containerLogMonitorInterval containerRuntimeEndpoint contentType cpuCFSQuota
cpuCFSQuotaPeriod cpuManagerPolicy cpuManagerPolicyOptions cpuManagerReconcilePeriod
enableContentionProfiling enableControllerAttachDetach enableDebugFlagsHandler enableDebuggingHandlers
enableProfilingHandler enableServer enableSystemLogHandler enableSystemLogQuery enforceNodeAllocatable
eventBurst eventRecordQPS evictionHard evictionMaxPodGracePeriod evictionMinimumReclaim
evictionPressureTransitionPeriod evictionSoft evictionSoftGracePeriod failCgroupV1 failSwapOn featureGates
fileCheckFrequency hairpinMode healthzBindAddress healthzPort httpCheckFrequency imageGCHighThresholdPercent
imageGCLowThresholdPercent imageMaximumGCAge imageMinimumGCAge imagePullCredentialsVerificationPolicy
imageServiceEndpoint iptablesDropBit iptablesMasqueradeBit kernelMemcgNotification kubeAPIBurst kubeAPIQPS
kubeReserved kubeReservedCgroup kubeletCgroups localStorageCapacityIsolation makeIPTablesUtilChains
maxOpenFiles maxParallelImagePulls maxPods memoryManagerPolicy memoryReservationPolicy
memoryThrottlingFactor mergeDefaultEvictionSettings nodeLeaseDurationSeconds nodeStatusMaxImages
nodeStatusReportFrequency nodeStatusUpdateFrequency oomScoreAdj podCIDR podLogsDir podPidsLimit podsPerCore
port preloadedImagesVerificationAllowlist protectKernelDefaults providerID qosReserved readOnlyPort
registerNode registryBurst registryPullQPS reservedSystemCPUs resolvConf rotateCertificates runOnce
runtimeRequestTimeout seccompDefault serializeImagePulls serverTLSBootstrap showHiddenMetricsForVersion
shutdownGracePeriod shutdownGracePeriodCriticalPods singleProcessOOMKill staticPodPath staticPodURL
staticPodURLHeader streamingConnectionIdleTimeout syncFrequency systemCgroups systemReserved
systemReservedCgroup tlsCertFile tlsCipherSuites tlsCurvePreferences tlsMinVersion tlsPrivateKeyFile
topologyManagerPolicy topologyManagerPolicyOptions topologyManagerScope volumePluginDir volumeStatsAggPeriod
"""

_PROXY: Final = """
bindAddress bindAddressHardFail clusterCIDR configSyncPeriod detectLocalMode enableProfiling featureGates
healthzBindAddress hostnameOverride metricsBindAddress mode nodePortAddresses oomScoreAdj portRange
resourceContainer showHiddenMetricsForVersion udpIdleTimeout windowsRunAsService
"""

FIELDS: Final[Mapping[str, Mapping[str, Any]]] = {
    "InitConfiguration": {
        **_COMMON,
        "bootstrapTokens": [
            dict.fromkeys(("token", "description", "ttl", "expires", "usages", "groups")),
        ],
        "localAPIEndpoint": _ENDPOINT,
        "certificateKey": ANY,
    },
    "JoinConfiguration": {
        **_COMMON,
        "caCertPath": ANY,
        "discovery": {
            "bootstrapToken": dict.fromkeys(
                ("token", "apiServerEndpoint", "caCertHashes", "unsafeSkipCAVerification")
            ),
            "file": {"kubeConfigPath": ANY},
            "tlsBootstrapToken": ANY,
            "timeout@-3": ANY,
        },
        "controlPlane": {"localAPIEndpoint": _ENDPOINT, "certificateKey": ANY},
    },
    "ClusterConfiguration": {
        "etcd": {
            "local": {
                **_ARGUMENTS,
                **dict.fromkeys(("imageRepository", "imageTag", "dataDir", "serverCertSANs", "peerCertSANs")),
            },
            "external": dict.fromkeys(("endpoints", "httpEndpoints", "caFile", "certFile", "keyFile")),
        },
        "networking": dict.fromkeys(("serviceSubnet", "podSubnet", "dnsDomain")),
        "apiServer": {**_COMPONENT, "certSANs": ANY, "timeoutForControlPlane@-3": ANY},
        "controllerManager": _COMPONENT,
        "scheduler": _COMPONENT,
        "dns": {"type@-2": ANY, "imageRepository": ANY, "imageTag": ANY, "disabled@4": ANY},
        "proxy@4": {"disabled": ANY},
        **dict.fromkeys(
            (
                *("kubernetesVersion", "controlPlaneEndpoint", "certificatesDir", "imageRepository"),
                *("useHyperKubeImage@-2", "featureGates", "clusterName", "encryptionAlgorithm@4"),
                *("certificateValidityPeriod@4", "caCertificateValidityPeriod@4"),
            )
        ),
    },
    "KubeletConfiguration": {
        **dict.fromkeys(_KUBELET.split()),
        "authentication": {
            "x509": {"clientCAFile": ANY},
            "webhook": {"enabled": ANY, "cacheTTL": ANY},
            "anonymous": {"enabled": ANY},
        },
        "authorization": {
            "mode": ANY,
            "webhook": {"cacheAuthorizedTTL": ANY, "cacheUnauthorizedTTL": ANY},
        },
        "crashLoopBackOff": {"maxContainerRestartPeriod": ANY},
        "logging": _LOGGING,
        "memorySwap": {"swapBehavior": ANY},
        "registerWithTaints": [dict.fromkeys(("key", "value", "effect", "timeAdded"))],
        "reservedMemory": [{"numaNode": ANY, "limits": ANY}],
        "shutdownGracePeriodByPodPriority": [{"priority": ANY, "shutdownGracePeriodSeconds": ANY}],
        "tracing": {"endpoint": ANY, "samplingRatePerMillion": ANY},
        "userNamespaces": {"idsPerPod": ANY},
    },
    "KubeProxyConfiguration": {
        **dict.fromkeys(_PROXY.split()),
        "clientConnection": dict.fromkeys(
            ("kubeconfig", "acceptContentTypes", "contentType", "qps", "burst")
        ),
        "conntrack": dict.fromkeys(
            (
                *("max", "maxPerCore", "min", "tcpEstablishedTimeout", "tcpCloseWaitTimeout", "tcpBeLiberal"),
                *("udpTimeout", "udpStreamTimeout"),
            )
        ),
        "detectLocal": {"bridgeInterface": ANY, "interfaceNamePrefix": ANY},
        "iptables": dict.fromkeys(
            ("masqueradeBit", "masqueradeAll", "localhostNodePorts", "syncPeriod", "minSyncPeriod")
        ),
        "ipvs": dict.fromkeys(
            (
                *("syncPeriod", "minSyncPeriod", "scheduler", "excludeCIDRs", "strictARP"),
                *("tcpTimeout", "tcpFinTimeout", "udpTimeout"),
            )
        ),
        "logging": _LOGGING,
        "nftables": dict.fromkeys(("masqueradeBit", "masqueradeAll", "syncPeriod", "minSyncPeriod")),
        "winkernel": dict.fromkeys(
            ("networkName", "sourceVip", "enableDSR", "rootHnsEndpointName", "forwardHealthCheckVip")
        ),
    },
}


def known(table: Mapping[str, Any]) -> Mapping[str, tuple[Any, str]]:
    """Field names with what may stand below them and the versions that have them: `3`, `-3` or ""."""
    found = {}
    for text, below in table.items():
        name, _, versions = text.partition("@")
        found[name] = below, versions
    return found


def fits(versions: str, number: int) -> bool:
    """Whether v1beta`number` has the field."""
    if not versions:
        return True
    return number <= -int(versions) if versions.startswith("-") else number >= int(versions)


def parts(below: Any) -> Sequence[Any] | None:
    """What the parts of a list may hold, where a list is wanted."""
    return below if isinstance(below, list) else None
