"""Charts from registries and chart repositories, verified and cached; and what charts depend on."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from bundler.builder.cache.store import Blob, Store
from bundler.builder.charts.dependencies import Missing, is_exact, missing_dependencies
from bundler.builder.charts.helm import Helm
from bundler.builder.charts.repository import look_up, offered
from bundler.builder.charts.values import Values, read_values
from bundler.builder.lib.progress import Progress, Silent
from bundler.builder.net.fetch import Fetcher
from bundler.builder.net.http import display
from bundler.builder.oci.client import RegistryClient, RegistryOptions
from bundler.builder.oci.offline import Offline
from bundler.builder.oci.pull import BlobSource, fetch_manifest
from bundler.builder.tree.tree import File, Tree
from bundler.core.chart_reference import OCI, ChartReference
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import Artifact, Descriptor, parse_artifact

MAX_CHART = 64 << 20  # bytes of a packed chart; Helm itself refuses to unpack more than 100 MiB
MAX_DEPTH = 8  # charts from folders that need charts from folders
_VALUES = "chart-values"  # kind of record
_CONTENT = frozenset({"application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"})

Local = Callable[[str], Tree]


@dataclass(frozen=True, slots=True)
class Taken:
    """A chart that was fetched.

    blob: its .tgz. url: where a repository's index says that it lies; manifest: what a registry has of it;
    both where the index leads to a registry. why: who asked for it.
    """

    chart: ChartReference
    blob: Blob
    why: str = ""
    url: str = ""
    manifest: str = ""


@dataclass(frozen=True, slots=True)
class ChartPins:
    """What a lock has settled: charts by their reference, versions by `REPOSITORY/NAME:RANGE`."""

    charts: Mapping[str, Taken] = field(default_factory=dict)
    ranges: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Named:
    """Where a range is named, and what settles it, for messages."""

    what: str
    file: str
    lock: str
    fix: str


_CHART = _Named(
    "the chart's dependencies",
    "Chart.yaml",
    "Chart.lock",
    "run `helm dependency update` in the chart's folder once, and keep its Chart.lock",
)
_KUBEFILE = _Named(
    "the chart's version",
    "the Kubefile",
    "Kubefile.lock",
    "run `bundler lock` once, and keep its Kubefile.lock",
)


@dataclass(slots=True)
class ChartSupply:
    """Where a build gets charts from.

    `taken` grows with each chart and `settled` with each range of versions; a lock records them.
    """

    store: Store
    fetcher: Fetcher
    registries: RegistryOptions
    helm: Helm
    progress: Progress = field(default_factory=Silent)
    pins: ChartPins = field(default_factory=ChartPins)
    taken: list[Taken] = field(default_factory=list)
    settled: dict[str, str] = field(default_factory=dict)

    def fetch(self, text: str, checksum: Digest | None = None, *, why: str = "") -> tuple[str, Blob]:
        """The packed chart that a reference names: its file name, and the .tgz in the store.

        Raises BundlerError (INPUT, NOT_FOUND, NETWORK, TRUST, INTEGRITY, SPACE).
        """
        chart = ChartReference.parse(text)
        if chart.is_range:
            (chart,) = self._pinned([Missing(chart.name, chart.version, chart.repository)], text, _KUBEFILE)
        return self._fetch(chart, checksum, why or text)

    def values(self, text: bytes, file: str, *, own: bool = False) -> Values:
        """The values of a file, as Helm reads them; own and errors as `read_values` has them."""
        key = f"{Digest.of(text)}{' own' if own else ''}"
        if (known := self.store.recall(_VALUES, key)) is not None:
            remembered: Values = json.loads(known)
            return remembered
        values = read_values(text, file, self.helm, own=own)
        self.store.remember(_VALUES, key, json.dumps(values).encode())
        return values

    def complete(self, chart: Tree, where: str, local: Local) -> Tree:
        """The chart with all that its Chart.yaml depends on in `charts/`; what is there already stays.

        where: the chart, for messages. local: gives the chart of a `file://` dependency by its path from this
        chart's folder. Raises BundlerError as `fetch` does, and with Helm's words for what it can't resolve.
        """
        return self._complete(chart, where, local, 0)

    def _complete(self, chart: Tree, where: str, local: Local, depth: int) -> Tree:
        if depth > MAX_DEPTH:
            raise _in_a_circle(where)
        for one in missing_dependencies(chart, self.store, where):
            if one.folder:
                inner = self._complete(
                    local(one.folder), f"{where}: {one.name}", _below(local, one), depth + 1
                )
                chart = chart.merge(inner, at=f"charts/{one.name}")
        return chart.add(self._remote(chart, where))

    def _remote(self, chart: Tree, where: str) -> dict[str, File]:
        """What comes from elsewhere, as packed charts below `charts/`."""
        wanted = [one for one in missing_dependencies(chart, self.store, where) if not one.folder]
        files: dict[str, File] = {}
        for one in self._pinned(wanted, where, _CHART):
            name, blob = self._fetch(one, None, f"{where} depends on it")
            files[f"charts/{name}"] = File(0o644, blob.size, blob.digest)
        return files

    def _pinned(self, wanted: list[Missing], where: str, named: "_Named") -> list[ChartReference]:
        """Exact versions: from a lock, from where it is named if it is exact; Helm resolves the others."""
        ranges = [one for one in wanted if not one.exact]
        known = {one: self.pins.ranges[_range(one)] for one in ranges if _range(one) in self.pins.ranges}
        self.settled |= {_range(one): version for one, version in known.items()}
        wanted = [one.at(known[one]) if one in known else one for one in wanted]
        loose = [one for one in wanted if not one.exact]
        if not loose:
            return [one.reference() for one in wanted]
        if self.registries.offline:
            names = ", ".join(one.name for one in loose)
            raise BundlerError(
                f"{named.what} can't be resolved without the network",
                where=where,
                why=f"{named.file} names ranges for {names}, and there is no {named.lock}",
                fix=named.fix,
                code=ExitCode.NOT_FOUND,
            )
        self.progress.say(
            f"warning: {where}: there is no {named.lock}, "
            "so each build without a Kubefile.lock resolves ranges"
        )
        guarded = {one: self._newest(one, where) for one in loose if self._wants_login(one)}
        rest = [one for one in loose if one not in guarded]
        mirrored = [one.asked_at(self.registries.mirrors) for one in rest]
        declared = [one.declared() for one in mirrored]
        versions = self.helm.resolve(declared, where, plain=self._plain(mirrored)) if rest else ()
        found = guarded | dict(zip(rest, versions, strict=True))
        self.settled |= {_range(one): version for one, version in found.items()}
        settled = (one.at(found[one]) for one in loose)
        return [*(one.reference() for one in wanted if one.exact), *(one.reference() for one in settled)]

    def _wants_login(self, one: Missing) -> bool:
        """Whether there is a login for its repository, which Helm's resolver can't be given."""
        url, logins = one.repository, self.fetcher.logins
        return not one.is_oci and (logins.chart(url, url) or logins.file(url)) is not None

    def _newest(self, one: Missing, where: str) -> str:
        """The version that a range comes to: Helm compares, the index is fetched with its login."""
        repository = one.repository.rstrip("/")
        versions = filter(is_exact, offered(repository, one.name, self.fetcher, self.store))
        if version := self.helm.newest(tuple(versions), one.version, where):
            return version
        raise BundlerError(
            f"the repository has no {one.name} in the range {one.version}",
            where=where,
            why=f"asked of {display(repository)}",
            fix="check the range; `helm search repo -l` lists what is there",
            code=ExitCode.NOT_FOUND,
        )

    def _plain(self, wanted: list[Missing]) -> bool:
        """Whether Helm may use plain HTTP for registries: where the user named all of them insecure."""
        hosts = {one.repository.removeprefix("oci://").partition("/")[0] for one in wanted if one.is_oci}
        return bool(hosts) and hosts <= self.registries.insecure

    def _fetch(self, chart: ChartReference, checksum: Digest | None, why: str) -> tuple[str, Blob]:
        self.progress.log(f"chart {chart}")
        taken = self._pull(chart) if chart.is_oci else self._download(chart, checksum)
        blob = taken.blob
        if checksum is not None and blob.digest != checksum:
            raise BundlerError(
                "the chart is not what --checksum says",
                where=chart,
                why=f"expected {checksum}, it has {blob.digest}",
                fix="find out why it changed; if the change is right, correct the checksum",
                code=ExitCode.INTEGRITY,
            )
        self.taken.append(replace(taken, why=why))
        return chart.file, blob

    def _download(self, chart: ChartReference, checksum: Digest | None) -> Taken:
        if (pin := self.pins.charts.get(str(chart))) is not None and pin.url:
            if pin.url.startswith(OCI):
                return self._led_to_registry(chart, pin.url, pin.manifest)
            return replace(pin, blob=self._archive(chart, pin.url, pin.blob.digest))
        entry = look_up(chart, self.fetcher, self.store)
        if entry.url.startswith(OCI):
            return self._led_to_registry(chart, entry.url, "")
        expected = pin.blob.digest if pin else entry.digest or checksum
        shown = entry.url if display(entry.url) == entry.url else ""  # a lock holds no password
        return Taken(chart, self._archive(chart, entry.url, expected), url=shown)

    def _led_to_registry(self, chart: ChartReference, url: str, manifest: str) -> Taken:
        """A chart whose repository's index names a place in a registry; manifest: what a lock says it is."""
        tagged = ":" in url.rpartition("/")[2]  # Helm asks for the version where the address names none
        there = ChartReference.parse(url if tagged else f"{url}:{chart.version}")
        taken = self._pull(replace(there, digest=manifest) if manifest else there)
        return replace(taken, chart=chart, url=url)

    def _archive(self, chart: ChartReference, url: str, digest: Digest | None) -> Blob:
        """The .tgz, with the repository's login where it lies on the repository's host."""
        return self.fetcher.fetch(url, digest, login=self.fetcher.logins.chart(chart.repository, url))

    def _pull(self, chart: ChartReference) -> Taken:
        if self.registries.offline:
            return self._pull_from(Offline(self.store), chart)
        client = RegistryClient(self.registries)
        try:
            return self._pull_from(client, chart)
        finally:
            client.close()

    def _pull_from(self, source: BlobSource, chart: ChartReference) -> Taken:
        pin = self.pins.charts.get(str(chart))
        ref = (replace(chart, digest=pin.manifest) if pin and pin.manifest else chart).image()
        found = fetch_manifest(source, ref, self.store)
        content = _content(parse_artifact(found.raw, found.media_type, ref), chart)
        blob = Blob(content.digest, content.size)
        if self.store.find(content.digest, content.size) is None:
            blob = source.blob(ref, content, self.store)
        return Taken(chart, blob, manifest=str(found.digest))


def _range(one: Missing) -> str:
    return f"{one.repository.rstrip('/')}/{one.name}:{one.version}"


def _content(artifact: Artifact, chart: ChartReference) -> Descriptor:
    packed = [layer for layer in artifact.layers if layer.media_type in _CONTENT]
    if len(packed) != 1 or packed[0].size > MAX_CHART:
        raise BundlerError(
            "this is no Helm chart",
            where=chart,
            why=f"it is {artifact.kind[:120]}"
            if not packed
            else f"{packed[0].size} bytes in {len(packed)} parts",
            fix="check the name; images are named with IMAGE",
            code=ExitCode.INPUT,
        )
    return packed[0]


def _below(local: Local, one: Missing) -> Local:
    """Paths of a dependency's own dependencies count from its folder."""
    return lambda path: local(f"{one.folder}/{path}")


def _in_a_circle(where: str) -> BundlerError:
    return BundlerError(
        "charts depend on each other in a circle",
        where=where,
        why=f"more than {MAX_DEPTH} levels of file:// dependencies",
        fix="take one of the dependencies out",
        code=ExitCode.INPUT,
    )
