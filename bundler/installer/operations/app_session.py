"""An app bundle and a cluster: the files taken out, the cluster asked, a plan made and carried out."""

import contextlib
import json
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from bundler.core.archive.bases import opened as open_bundle
from bundler.core.archive.extract import Taken, extract
from bundler.core.archive.reader import Bundle
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import AppKind, Member
from bundler.core.rooted import RootedPath
from bundler.installer.handout.images import offered
from bundler.installer.helm.app_request import AppRequest, Task
from bundler.installer.helm.relocate import relocate
from bundler.installer.plan.app_bundle import HERE, app_plan
from bundler.installer.plan.app_cluster import Aim, ClusterSeen, Place, Release
from bundler.installer.plan.contents import HELM_MEMBER, Contents
from bundler.installer.plan.steps import Plan
from bundler.installer.push.names import Destination, Placed, place
from bundler.installer.run.actions import Captures, StepContext
from bundler.installer.run.deliver import BundleSource
from bundler.installer.run.events import Sink
from bundler.installer.run.execute import close_all, execute
from bundler.installer.run.timeouts import Timeouts
from bundler.installer.transport.local import LocalTransport
from bundler.installer.trust.gate import Gate, WholeCheck

_LOOK_TIMEOUT: Final = 120.0
_UNLOCKED: Final = "guard() { :; }\n"  # nothing on this machine is changed that two runs could meet at
_WORDS: Final = {65: ExitCode.HOST, 2: ExitCode.BUG}


@dataclass(frozen=True, slots=True)
class Cluster:
    """How the cluster is reached, and where its images go.

    registry: HOST[/PATH]; "" asks the cluster for its own. images: whether they are pushed at all.
    push: further arguments of push-images.
    """

    kubeconfig: Path
    context: str = ""
    registry: str = ""
    images: bool = True
    push: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class AppSession:
    """A bundle whose apps lie in a folder of ours, and a cluster that was asked."""

    bundle: Bundle
    contents: Contents
    seen: ClusterSeen
    where: Place
    transport: LocalTransport
    whole: WholeCheck

    def plan(self, aim: Aim, *, downgrade: bool = False) -> Plan:
        """The steps for what is wanted. Raises what `app_plan` does."""
        return app_plan(self.contents, self.seen, self.where, aim, downgrade=downgrade)

    def run(self, plan: Plan, sink: Sink, timeouts: Timeouts) -> None:
        """Carry it out, once every byte of the file is known to be right. Raises what `execute` does."""
        self.whole.wait()
        context = StepContext(BundleSource(self.bundle, None), _UNLOCKED, Captures(), timeouts)
        execute(plan, {HERE: self.transport}, context, sink)


@contextlib.contextmanager
def opened(
    run_file: Path, cluster: Cluster, gate: Gate, tell: Callable[[str], None], bases: Iterable[Path] = ()
) -> Iterator[AppSession]:
    """Open the .run if it may be trusted, take its apps out, and ask the cluster.

    Raises BundlerError: what is wrong with the file, HOST for a cluster that doesn't answer, NOT_FOUND for
    one without a registry where images have to go to one.
    """
    kubeconfig = _readable(cluster.kubeconfig)
    with (
        open_bundle(run_file, bases) as bundle,
        WholeCheck(bundle) as whole,
        tempfile.TemporaryDirectory(prefix="bundler-apps-") as folder,
    ):
        gate.admit(bundle, tell)
        _refuse_whole(bundle)
        contents = Contents(bundle.index, {}, bundle.platforms)
        _take_out(bundle, contents, Path(folder))
        transport = LocalTransport(HERE, as_caller=True)
        try:
            where = Place(str(kubeconfig), folder, _program(Path(folder)), cluster.context, env=cluster.env)
            seen = _look(transport, where, Path(folder))
            where = _with_images(bundle, seen, where, cluster, run_file)
            _relocate_files(contents, where)
            yield AppSession(bundle, contents, seen, where, transport, whole)
        finally:
            close_all({HERE: transport})


def _readable(path: Path) -> Path:
    try:
        with path.open("rb"):
            return path.absolute()
    except OSError as error:
        raise BundlerError(
            "the kubeconfig can't be read", where=path, why=str(error.strerror), code=ExitCode.INPUT
        ) from None


def _refuse_whole(bundle: Bundle) -> None:
    """A bundle that brings Kubernetes has programs for hosts; its apps belong to that cluster."""
    if bundle.index.kubernetes:
        raise BundlerError(
            f"this bundle installs Kubernetes {bundle.index.kubernetes} itself",
            where=bundle.index.name,
            code=ExitCode.USAGE,
            fix="name the site with --clusterfile, or make a bundle of the apps alone",
        )


def _take_out(bundle: Bundle, contents: Contents, folder: Path) -> None:
    """The apps' files, Helm's library, and kubectl if the bundle has one."""
    wanted: list[tuple[Member, str]] = []
    for app in bundle.index.apps:
        wanted += [(m, f"apps/{app.name}/{contents.app_name(app, m)}") for m in contents.app_files(app)]
    if (library := bundle.index.member(HELM_MEMBER)) is not None:
        wanted.append((library, "libhelm_c.so"))
    if (kubectl := contents.program("kubectl")) is not None:
        wanted.append((kubectl, "bin/kubectl"))
    extract(bundle, [Taken(member, RootedPath.parse(path)) for member, path in wanted], folder, umask=0o077)


def _program(folder: Path) -> tuple[str, ...]:
    """How this very program is started again, with Helm's library and folders of its own."""
    library = folder / "libhelm_c.so"
    named = (f"HELM_C_LIB={library}",) if library.is_file() else ()
    helm = tuple(f"HELM_{name}_HOME={folder}/helm/{name.lower()}" for name in ("CACHE", "CONFIG", "DATA"))
    return ("env", *named, *helm, *_start())


def _start() -> tuple[str, ...]:
    inside = getattr(sys, "_MEIPASS", "")
    if inside:  # frozen: the script that starts it lies beside
        return (str(Path(inside).parent / "start"),)
    return (sys.executable, "-m", "bundler.installer.cli.main")


def _look(transport: LocalTransport, where: Place, folder: Path) -> ClusterSeen:
    """Ask the cluster. Raises BundlerError (HOST) when it doesn't answer."""
    request = AppRequest(Task.LOOK, where.kubeconfig, where.context)
    outcome = transport.run(
        shlex.join((*where.program, "app-agent")),
        stdin=[request.to_json().encode()],
        timeout=_LOOK_TIMEOUT,
    )
    if outcome.status:
        raise BundlerError(
            "the cluster can't be asked",
            where=where.kubeconfig,
            why=outcome.stderr.strip()[-2000:],
            code=_WORDS.get(outcome.status, ExitCode.STEP),
            fix="check that the kubeconfig (and --context) reaches it from here with administrator rights",
        )
    told: dict[str, Any] = json.loads(outcome.stdout)
    kubectl = (folder / "bin/kubectl").is_file() or shutil.which("kubectl") is not None
    return replace(_seen(told), kubectl=kubectl)


def _seen(told: Mapping[str, Any]) -> ClusterSeen:
    releases = tuple(
        Release(
            one["name"],
            one["namespace"],
            one["status"],
            int(one["revision"]),
            one["chart_version"],
            tuple((int(number), str(version)) for number, version in one["history"]),
        )
        for one in told["releases"]
    )
    return ClusterSeen(
        told["version"],
        frozenset(told["architectures"]),
        tuple(told["classes"]),
        _hosting(told["registry"]),
        releases,
    )


def _hosting(text: str) -> str:
    """The address in what a cluster says of its registry (KEP-1755): `host: "HOST:PORT"`."""
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "host":
            return value.strip().strip("\"'")
    return ""


def _with_images(bundle: Bundle, seen: ClusterSeen, where: Place, cluster: Cluster, run_file: Path) -> Place:
    """With the registry that was named, or is the cluster's own, and the names that images have there."""
    if not cluster.images or not bundle.index.images:
        return where
    registry = cluster.registry or seen.registry
    if not registry:
        raise BundlerError(
            "it is unknown where the cluster's nodes pull images from",
            why="the cluster does not publish one (ConfigMap kube-public/local-registry-hosting)",
            code=ExitCode.NOT_FOUND,
            fix="--registry HOST[:PORT][/PATH], or --without-images where they get them by themselves",
        )
    destination = Destination.parse(registry)
    placed = place(offered(bundle), destination, flatten=False)
    names = {one.image.name: _name_in(destination, one) for one in placed}
    push = ("push-images", registry, *cluster.push)
    program = ("env", f"BUNDLER_RUN_FILE={run_file.absolute()}")
    return replace(where, push=(*program, *_start(), *push), images=names)


def _name_in(destination: Destination, one: Placed) -> str:
    mark = "@" if ":" in one.wanted else ":"
    return f"{destination.registry}/{one.repository}{mark}{one.wanted}"


def _relocate_files(contents: Contents, where: Place) -> None:
    """The YAML that an app's own commands apply names the images as they are called in the registry."""
    for app in contents.index.apps:
        if app.kind in {AppKind.HELM, AppKind.KUBE} or not where.images:
            continue
        for path in sorted(Path(where.folder, "apps", app.name).rglob("*.y*ml")):
            moved = relocate(path.read_text(encoding="utf-8"), where.images).text
            path.write_text(moved, encoding="utf-8")
