"""What the planner refuses, and why: the site as a whole, its versions, its members."""

from bundler.core.errors import ExitCode
from bundler.core.explain.model import Explanation

_RECORD = "/var/lib/bundler/record.json"

CLUSTER = (
    Explanation(
        "BND-QUORUM",
        "etcd would lose its quorum without this member",
        ("another member is already down, so removing this one leaves no majority",),
        (
            "get the failed member back: the message names it and since when it is down",
            "if it is permanently lost: `./product.run --gone HOST -f site.yaml`, then repeat yours",
        ),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-OTHER-PRODUCTS",
        "the cluster to be deleted also serves other products",
        ("another product's `.run` was applied to the same site",),
        (
            "to remove only this product's apps: the same `delete` without `--with`",
            "to delete the others, too, name each: `./product.run delete --with NAME -f site.yaml`",
        ),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-APP-TAKEN",
        "two products on one site have an app of the same name",
        ("both bundles carry it, as products of one vendor often do",),
        (
            "to share the running one, leave it out here: name the others in `launchApps`",
            "otherwise ask the vendor to rename one of them",
        ),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-QUORUM-LOST",
        "so many control planes are silent that etcd has no quorum",
        ("a power cut or a broken switch took out a majority", "hosts were permanently lost"),
        (
            "power them on and run the same command: the data of the others is not touched",
            "only if they are permanently lost: `./product.run restore --from SNAPSHOT -f site.yaml`",
        ),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-CLUSTER-UNKNOWN",
        "a silent host may hold a cluster, so nothing is installed over it",
        ("a host that the record or the Clusterfile names as a control plane does not answer",),
        (
            "get it back and run the same command",
            "if it is lost: restore a snapshot, or delete the site first",
        ),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-CLUSTER-LOST",
        "every control plane answers and none has etcd's data",
        ("the disks were replaced or wiped", "`kubeadm reset` was run on all of them"),
        (
            "with a snapshot: `./product.run restore --from SNAPSHOT -f site.yaml`",
            "without one, to start over: `./product.run delete -f site.yaml`, then install",
        ),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-RESTORE-OPEN",
        "a restore was broken off before its cluster came up",
        ("the connection or the installer ended between clearing the hosts and putting the data in place",),
        (
            "give the same `./product.run restore --from SNAPSHOT -f site.yaml` again: it goes on",
            "without any snapshot, to start over: `./product.run delete -f site.yaml`, then install",
        ),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-LEARNER",
        "a control plane that was joining does not answer",
        ("it lost power or its network while etcd was copying to it",),
        ("get it back and run the same command", "if it is lost: `./product.run --gone HOST -f site.yaml`"),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-ETCD-SICK",
        "etcd is not healthy enough for this operation",
        ("a member is down or far behind", "an alarm is set: the database is full"),
        (
            "see its members: `./product.run status -f site.yaml`",
            "fix the member, then run the same command",
        ),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-API-DOWN",
        "the API server does not answer although its parts are in place",
        ("its container keeps crashing", "etcd is slow or the certificates have expired"),
        (
            "on a control plane: `crictl ps -a`, `crictl logs ID`, `journalctl -u kubelet`",
            "certificates: `./product.run certs status -f site.yaml`",
        ),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-NO-ACTOR",
        "no control plane is whole enough to act on",
        ("each that answers lacks its etcd member, its node or a static pod",),
        ("restore at least one of them", "see what each one lacks: `./product.run status -f site.yaml`"),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-NO-CONTROL-PLANE",
        "the change would remove the last control plane",
        ("the Clusterfile names no host with the role master any more",),
        ("keep one", "to delete the whole cluster: `./product.run delete -f site.yaml`"),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-NEEDS-CONTROL-PLANE",
        "every control plane must take part, and one does not answer",
        ("an upgrade, a change of the endpoint or of members would leave it behind",),
        ("bring it back", "if it is lost: `./product.run --gone HOST -f site.yaml`, then repeat"),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-NOTHING-FITS",
        "nothing can be done without disturbing too many hosts at once",
        ("as many hosts are down as `maxUnavailable` allows",),
        ("mend the hosts that are not Ready, or raise `maxUnavailable`; then run the same command",),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-DRAIN-POD",
        "draining the node would lose a pod for good",
        ("the pod has no controller that starts it elsewhere", "it keeps its data in an emptyDir"),
        ("move or delete the pod yourself", "then run the same command"),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-DOWNGRADE",
        "this file is older than what the site has",
        ("an outdated `.run` was used",),
        ("use the newer file", "to go back deliberately: `./product.run rollback -f site.yaml`"),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-MINOR-SKIPPED",
        "Kubernetes goes up one minor version at a time",
        ("the bundle carries a version two or more minors above the site's",),
        (
            "apply a `.run` with the minor in between first",
            "or ask the vendor for one that carries the steps between",
        ),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-UPGRADE-OPEN",
        "an earlier upgrade is not finished",
        ("a run was broken off while control planes had two versions",),
        (
            "finish it with a `.run` of the version that was begun, or a later patch of it",
            "or go back: `./product.run rollback -f site.yaml`",
        ),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-DATA-LOSS",
        "rolling back would lose what was written since the snapshot",
        ("a restore or the way back of a minor version replaces etcd's data",),
        ("if in doubt, take a snapshot first", "consent by the site's name: `--confirm SITE`"),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-FIXED-SETTING",
        "a cluster keeps this setting for life",
        ("a subnet or the cluster's domain was changed in the Clusterfile",),
        ("put the old value back", "for another value, create a new cluster and move the apps"),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-ROLL-OUT",
        "this setting can't be changed on a running cluster yet",
        ("the Clusterfile differs from what the cluster was installed with",),
        ("put it back, or delete the site and reinstall it",),
        ExitCode.UNSUPPORTED,
    ),
    Explanation(
        "BND-STORED-CONFIG",
        "the configuration stored in the cluster was changed",
        ("kubeadm-config or kubelet-config in kube-system was edited by hand",),
        ("write the change into the Clusterfile", "or restore the old one: `--restore-config`"),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-CGROUP-V1",
        "this Kubernetes needs cgroup v2",
        ("the host boots with `systemd.unified_cgroup_hierarchy=0`, or its system is too old",),
        (
            "boot it with cgroup v2: `stat -fc %T /sys/fs/cgroup` says cgroup2fs",
            "or allow version 1: `failCgroupV1: false` in a KubeletConfiguration, before 1.38",
        ),
        ExitCode.PREFLIGHT,
    ),
    Explanation(
        "BND-KUBEVERSION",
        "an app does not fit the cluster's Kubernetes",
        ("its chart names a range of versions that the cluster is not in",),
        ("upgrade the product that installed Kubernetes", "or ask the vendor for a version that fits"),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-ENDPOINT-TAKEN",
        "the virtual address of the API is in use",
        ("another machine has it already",),
        ("choose a free address in `endpoint.vip`, or free this one",),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-REGISTRY-INCOMPLETE",
        "the external registry lacks images",
        ("the bundle's images were not pushed to it, or only in part",),
        ("`./product.run push-images REGISTRY`, then run the same command",),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-NOT-OWNER",
        "only the product that installed the cluster can add hosts to it",
        ("the Clusterfile of a second product names hosts that the cluster does not have",),
        ("add them with the `.run` of the product that the message names", "then run this one"),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-RECORD-SCHEMA",
        "the site's record was written by a later version",
        ("a newer `.run` was applied before",),
        ("use that `.run` or a later one",),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-RECORD-UNREADABLE",
        "the site's record is damaged",
        ("a disk fault, or a manual edit",),
        (f"copy {_RECORD} of another control plane or of a backup over it", "run the same command"),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-SITE-NAME",
        "a site keeps its name",
        ("`metadata.name` was changed", "the Clusterfile points at the hosts of another site"),
        ("restore the old name", "for another site, use other hosts"),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-CA-EXPIRED",
        "a certificate authority of the cluster has expired",
        ("ten years have passed, or the clock is wrong",),
        ("check the clocks", "`./product.run certs rotate-ca -f site.yaml`"),
        ExitCode.TRUST,
    ),
)
