"""What a search for images comes to: found images, candidates, what can't be told, as plain data."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from bundler.builder.discovery.documents import RENDERED
from bundler.builder.discovery.names import is_placeholder, lacks_a_part
from bundler.builder.discovery.rules import ImageRules
from bundler.builder.oci.model import ImageRequest, ResolvedImage
from bundler.core.errors import BundlerError, Location, Problem, Problems
from bundler.core.reference import Reference

IMAGE_LIST = "imageList"
TEMPLATE = ".tmpl"  # rendered on site with the Clusterfile's env
_JUNK = ("{{", "${", "$(")
_WORKLOADS = frozenset({"Pod", "Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "Job", "CronJob", ""})


@dataclass(frozen=True, slots=True)
class FoundImage:
    """An image and who names it.

    file: path in the tree, of the template for a chart. path: `Deployment/web spec.…containers[0].image`.
    app: "" outside of apps and charts. remark: what is said of a candidate.
    """

    reference: Reference
    file: str
    path: str
    app: str
    location: Location
    line: str = ""
    remark: str = "looks like an image that is not in the bundle"

    @property
    def why(self) -> str:
        """One line for a person."""
        what = self.path.partition(" ")[0] or "named"
        return f"{what} in {self.file}" + (f" (app {self.app})" if self.app else "")


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Something that may name an image, and why it can't be told which.

    fatal: an image is surely missing if this is passed over; otherwise it is only worth a look.
    """

    file: str
    path: str
    app: str
    problem: Problem
    fatal: bool


@dataclass(frozen=True, slots=True)
class Discovery:
    """All that was found; `requests` is what `resolve_images` takes.

    candidates: what looks like an image and isn't known to be one. tests: what only `helm test` would use.
    """

    found: tuple[FoundImage, ...] = ()
    unresolved: tuple[Unresolved, ...] = ()
    candidates: tuple[FoundImage, ...] = ()
    tests: tuple[FoundImage, ...] = ()

    def requests(self) -> tuple[ImageRequest, ...]:
        """One request for each find."""
        return tuple(ImageRequest(one.reference, (one.why,), one.location) for one in self.found)

    def check(self) -> tuple[Problem, ...]:
        """What is only worth a look, as warnings. Raises Problems for what is fatal."""
        fatal = tuple(one.problem for one in self.unresolved if one.fatal)
        if fatal:
            raise Problems(tuple(dict.fromkeys(fatal)))
        return tuple(dict.fromkeys(one.problem for one in self.unresolved))

    def without(self, rules: ImageRules) -> "Discovery":
        """Less the images that are not wanted, and each find once."""

        def wanted(finds: Iterable[FoundImage]) -> tuple[FoundImage, ...]:
            first = {(one.reference, one.file, one.path): one for one in reversed(tuple(finds))}
            return tuple(one for one in reversed(first.values()) if not rules.ignores(one.reference))

        return replace(
            self,
            found=wanted(self.found),
            candidates=wanted(self.candidates),
            tests=wanted(self.tests),
        )

    def left_out(self, images: Iterable[ResolvedImage]) -> tuple[Problem, ...]:
        """What looks like an image and is not among those of the bundle, as warnings; each name once."""
        known = {name for image in images for name in _names(image.reference)}
        first = {one.reference: one for one in reversed(self.candidates) if one.reference not in known}
        ordered = sorted(first.values(), key=lambda one: (one.location, one.reference))
        return tuple(_suspicion(one) for one in ordered)

    def only_tests(self, images: Iterable[ResolvedImage]) -> tuple[Reference, ...]:
        """The images that only `helm test` would use, and that the bundle doesn't have."""
        known = {image.reference for image in images}
        return tuple(sorted({one.reference for one in self.tests} - known))

    def unused(self, requests: Iterable[ImageRequest]) -> tuple[ImageRequest, ...]:
        """The requests for images that nothing in the bundle was seen to use."""
        known = {one.reference for one in (*self.found, *self.candidates, *self.tests)}
        return tuple(one for one in requests if isinstance(one.source, Reference) and one.source not in known)


def _names(reference: Reference) -> tuple[Reference, ...]:
    """By which names an image may be meant: one with tag and digest by the tag alone, too."""
    if reference.tag is None or reference.digest is None:
        return (reference,)
    return reference, replace(reference, digest=None)


def _suspicion(one: FoundImage) -> Problem:
    message = f"{one.path} {one.remark}: {one.reference}"
    hint = "name it with IMAGE if it is needed on site, else silence this with --ignore-image"
    return Problem(one.location, "image-suspect", message, hint, one.line)


@dataclass(frozen=True, slots=True)
class At:
    """A place where an image is named."""

    file: str
    app: str
    path: str
    location: Location
    line: str = ""


@dataclass(slots=True)
class Finds:
    """Collects what is found, while the search goes on."""

    rules: ImageRules
    found: list[FoundImage] = field(default_factory=list)
    unresolved: list[Unresolved] = field(default_factory=list)
    candidates: list[FoundImage] = field(default_factory=list)
    tests: list[FoundImage] = field(default_factory=list)

    def result(self) -> Discovery:
        """All of it, less what the rules leave out."""
        whole = Discovery(
            tuple(self.found), tuple(self.unresolved), tuple(self.candidates), tuple(self.tests)
        )
        return whole.without(self.rules)

    def miss(
        self, file: str, app: str, problems: Iterable[Problem], *, path: str = "", fatal: bool = True
    ) -> None:
        """Keep what can't be told."""
        self.unresolved += [Unresolved(file, path, app, problem, fatal) for problem in problems]

    def name(self, text: str, at: At, *, fatal: bool = True, test: bool = False) -> None:
        """Take an image's name as it stands there. fatal: it surely is one. test: for `helm test` alone."""
        text = text.strip()
        if problem := _filled_in_later(text, at, fatal=fatal):
            surely_wrong = fatal and not test and as_it_stands(at) and not _is_partial(text)
            self.miss(at.file, at.app, [problem], path=at.path, fatal=surely_wrong)
            return
        try:
            reference = Reference.parse(text.removeprefix("docker://"))
        except BundlerError as error:
            message = f"{error.what}: {error.why}" if error.why else error.what
            problem = Problem(at.location, "image-name", message, error.fix, at.line)
            self.miss(at.file, at.app, [problem], path=at.path, fatal=fatal and not test)
            return
        (self.tests if test else self.found).append(_found(reference, at))

    def candidate(self, text: str, at: At) -> None:
        """Keep what looks like an image; what is none after all is forgotten."""
        with suppress(BundlerError):
            self.candidates.append(_found(Reference.parse(text.removeprefix("docker://")), at))

    def beside(self, text: str, at: At, remark: str) -> None:
        """Keep an image of a file that may not be used at all."""
        if not is_placeholder(text):
            with suppress(BundlerError):
                self.candidates.append(replace(_found(Reference.parse(text), at), remark=remark))


def _found(reference: Reference, at: At) -> FoundImage:
    return FoundImage(reference, at.file, at.path, at.app, at.location, at.line)


def _is_partial(text: str) -> bool:
    return is_placeholder(text) or lacks_a_part(text)


def as_it_stands(at: At) -> bool:
    """Whether kubectl makes pods of this as it is: a file, and no object that only a controller reads."""
    rendered = at.file.endswith(TEMPLATE) or at.location.file.endswith(RENDERED)
    return not rendered and at.path.partition(" ")[0].partition("/")[0] in _WORKLOADS


def _filled_in_later(text: str, at: At, *, fatal: bool) -> Problem | None:
    """What is said of a text that can be no image yet: a template's braces, or a word like `auto`."""
    if is_placeholder(text):
        message = f"the image {text[:120]!r} holds a place: something fills it in on site"
        hint = f"name what it will be with IMAGE, or in manifests/{IMAGE_LIST}"
        return Problem(at.location, "image-placeholder", message, hint, at.line)
    if lacks_a_part(text):
        message = f"the image {text[:120]!r} lacks a part"
        hint = "give the value that the part is made of, or name the image with IMAGE"
        return Problem(at.location, "image-placeholder", message, hint, at.line)
    if not any(mark in text for mark in _JUNK):
        return None
    on_site = not fatal or not as_it_stands(at)
    hint = f"name what it will be in manifests/{IMAGE_LIST}" if on_site else "write the name out"
    return Problem(at.location, "image-name", f"the image {text[:120]!r} is filled in later", hint, at.line)
