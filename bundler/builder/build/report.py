"""What was built and what it cost, for people. Pure: data in, lines out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.builder.model.spec import ROOT, BundleSpec
from bundler.core.archive.parts import part_path
from bundler.core.archive.platforms import FOLDER
from bundler.core.archive.text import human
from bundler.core.index import Image

_COSTLIEST = 5


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the build and how long it took."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Made:
    """A finished .run: where it lies, its size in bytes, what is in it and how long it took.

    parts: how many files it is split into. saving: lines of what made it smaller.
    """

    path: Path
    size: int
    spec: BundleSpec
    phases: tuple[Phase, ...]
    parts: int = 1
    saving: tuple[str, ...] = ()


def summary(made: Made) -> str:
    """The end of a build: what lies where, what took the time, what takes the room."""
    return "\n".join(_summary(made))


def _summary(made: Made) -> Iterator[str]:
    spec, seconds = made.spec, sum(phase.seconds for phase in made.phases)
    yield f"{made.path}: {spec.identity.name} {spec.identity.version} for {spec.platform}"
    if is_app_bundle(spec):
        yield "  an app bundle: it installs no Kubernetes, so no site can apply it as it is"
        yield (
            "    fix: begin with FROM kubernetes or FROM kubernetes-debian, or build on it with "
            f"FROM {made.path.name}"
        )
    counts = (
        (len(spec.apps), "app"),
        (len(spec.images), "image"),
        (len(spec.packages), "OS package"),
        (len(spec.contents), "file"),
    )
    held = ", ".join(_counted(number, noun) for number, noun in counts)
    if made.parts > 1:
        yield f"  in {made.parts} parts: {made.path.name}, {part_path(made.path, 1).name}, …"
    yield f"  {human(made.size)} from {human(spec.size)} of content: {held}"
    yield from (f"  {line}" for line in made.saving)
    slowest = sorted(made.phases, key=lambda phase: -phase.seconds)[:3]
    parts = ", ".join(f"{phase.name} {phase.seconds:.1f} s" for phase in slowest if phase.seconds >= 0.05)
    yield f"  {seconds:.1f} s" + (f": {parts}" if parts else "")
    costs = _costs(spec)
    if costs:
        yield "  largest contents:"
        yield from (f"    {human(size):>9}  {name}" for name, size in costs)


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


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
