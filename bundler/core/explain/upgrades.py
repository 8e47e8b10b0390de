"""Errors of upgrades and of the way back."""

from typing import Final

from bundler.core.errors import ExitCode
from bundler.core.explain.model import Explanation

UPGRADES: Final = (
    Explanation(
        "BND-BUDGET",
        "a disruption budget allows no drain",
        (
            "the budget requires all pods to be healthy, so none may ever be evicted",
            "an app runs one replica with `minAvailable: 1`",
        ),
        (
            "raise its `maxUnavailable` to 1, or lower its `minAvailable`",
            "or run one replica more",
            "then run the same command",
        ),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-SNAPSHOT-SPACE",
        "a control plane has no room for the snapshot of etcd and the way back",
        ("the disk under /var/lib is nearly full", "etcd's database has grown"),
        (
            "free space on the named host and mount",
            "a database that is far larger than its keys: `etcdctl defrag`",
            "then run the same command",
        ),
        ExitCode.PREFLIGHT,
    ),
    Explanation(
        "BND-ROLLBACK-OPEN",
        "a rollback was broken off",
        ("the run was interrupted, or a step of it failed",),
        (
            "finish it: `./product.run rollback -f site.yaml`; what is back already stays as it is",
            "then upgrade again, if you want to",
        ),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-ROTATION-OPEN",
        "the cluster's certificate authorities are being replaced, and that was broken off",
        ("the run was interrupted, or a step of it failed",),
        (
            "finish it: `./product.run certs rotate-ca -f site.yaml`; what has changed stays",
            "then run your command again",
        ),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-ROLLBACK-SILENT",
        "a host does not answer, and a rollback needs every one",
        ("the host is off, or its network is down", "it is lost for good"),
        (
            "get it back and run the same command",
            "if a worker is lost: `./product.run --gone HOST -f site.yaml`, then roll back",
        ),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-NO-WAY-BACK",
        "a host has nothing to go back to",
        (
            "the site was never upgraded, or has gone back already",
            "the host joined after the upgrade",
            "two upgrades came since: two generations are kept",
        ),
        (
            "a host that joined later: take it out of the site, go back, let it join again",
            "otherwise: `./product.run restore --from FILE -f site.yaml`",
        ),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-NO-CLUSTER",
        "there is no cluster that could go back",
        ("the Clusterfile names other hosts", "the cluster was deleted, or never finished"),
        ("check the state of the site: `./product.run status -f site.yaml`",),
        ExitCode.REFUSED,
    ),
)
