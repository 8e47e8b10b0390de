"""What was built and what it cost, for people. Pure: data in, lines out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.builder.model.spec import ROOT, BundleSpec
from bundler.core.archive.parts import part_path
from bundler.core.archive.platforms import FOLDER
from bundler.core.index import Image
from bundler.core.words import counted, lasting, sized

_COSTLIEST = 5


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the build and how long it took."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Made:
    """A finished .run: where it lies, its size in bytes, what is in it and how long it took.

    parts: how many files it is split into. saving: lines of what made it smaller. signed: by whoever made it.
    """

    path: Path
    size: int
    spec: BundleSpec
    phases: tuple[Phase, ...]
    parts: int = 1
    saving: tuple[str, ...] = ()
    signed: bool = False


def summary(made: Made) -> str:
    """The end of a build: what lies where, what took the time, what takes the room."""
    return "\n".join(_summary(made))


def _summary(made: Made) -> Iterator[str]:
    spec, product = made.spec, f"{made.spec.identity.name} {made.spec.identity.version}"
    yield f"✓ {made.path}: {product}, {sized(made.size)}, {spec.platform}, {_times(made.phases)}"
    if made.parts > 1:
        yield f"  parts    {made.parts}: {made.path.name}, {part_path(made.path, 1).name}, …"
    yield f"  holds    {_held(spec)}; {sized(spec.size)} unpacked"
    yield from (f"  {line}" for line in made.saving)
    if costs := _costs(spec):
        yield f"  largest  {', '.join(f'{name} {sized(size)}' for name, size in costs)}"
    if is_app_bundle(spec):
        yield "! an app bundle: it installs no Kubernetes, so no site can apply it as it is"
        yield f"    onto a cluster that is there: ./{made.path.name} apply --kubeconfig FILE"
        yield f"    with a Kubernetes of its own: FROM kubernetes, and these apps; or FROM {made.path.name}"
    if not made.signed:
        yield f"! unsigned: sites refuse it: bundler sign {made.path} --key KEY"


def _times(phases: Sequence[Phase]) -> str:
    """How long it took in all, and what took longest."""
    slowest = sorted(phases, key=lambda phase: -phase.seconds)[:3]
    parts = ", ".join(f"{each.name} {lasting(each.seconds)}" for each in slowest if each.seconds >= 0.05)
    return lasting(sum(phase.seconds for phase in phases)) + (f" ({parts})" if parts else "")


def _held(spec: BundleSpec) -> str:
    suites = ", ".join(sorted({package.suite for package in spec.packages}))
    counts = (
        (len(spec.apps), "app", ""),
        (len(spec.images), "image", ""),
        (len(spec.packages), "OS package", f" for {suites}"),
        (len(spec.contents), "file", ""),
    )
    return ", ".join(f"{counted(number, noun)}{more}" for number, noun, more in counts if number) or "nothing"


def is_app_bundle(spec: BundleSpec) -> bool:
    """Whether it has something to launch and no Kubernetes to launch it on."""
    return not spec.identity.kubernetes and bool(spec.apps or spec.commands)


def _costs(spec: BundleSpec) -> Sequence[tuple[str, int]]:
    """The largest parts: each image by what it alone brings, packages as one, files one by one; bytes."""
    sizes = {content.path: content.blob.size for content in spec.contents}
    shared = _times_used(spec.images)
    costs = [
        (f"image {image.name}", sum(sizes.get(_blob(hex_), 0) for hex_ in _own(image, shared)))
        for image in spec.images
    ]
    common = sum(sizes.get(_blob(hex_), 0) for hex_, count in shared.items() if count > 1)
    costs.append(("layers that images share", common))
    costs.append(("OS packages", sum(sizes.get(package.path, 0) for package in spec.packages)))
    costs += [
        (path, size)
        for path, size in sizes.items()
        if path.startswith((f"{ROOT}/", "runtime/", f"{FOLDER}/"))
    ]
    return [(name, size) for name, size in sorted(costs, key=lambda cost: (-cost[1], cost[0])) if size][
        :_COSTLIEST
    ]


def _times_used(images: Sequence[Image]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for image in images:
        for digest in image.digests:
            counts[digest.hex] = counts.get(digest.hex, 0) + 1
    return counts


def _own(image: Image, shared: dict[str, int]) -> Iterator[str]:
    return (digest.hex for digest in image.digests if shared[digest.hex] == 1)


def _blob(hex_: str) -> str:
    return f"images/blobs/sha256/{hex_}"
