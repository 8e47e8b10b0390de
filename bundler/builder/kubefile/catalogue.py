"""What FROM means: nothing, a ready Kubefile, another .run, here or in a registry."""

import re
from dataclasses import dataclass
from pathlib import Path

from bundler.builder.kubefile.runfile import ENDING, REGISTRY
from bundler.builder.kubefile.source import did_you_mean
from bundler.builder.lib.resources import resource
from bundler.core.errors import BundlerError
from bundler.core.reference import Reference

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Scratch:
    """FROM scratch: an empty tree."""


@dataclass(frozen=True, slots=True)
class KubefileBase:
    """FROM another Kubefile; its folder is its build context."""

    path: Path

    @property
    def context(self) -> Path:
        """The folder whose files it copies."""
        return self.path.parent


@dataclass(frozen=True, slots=True)
class RunBase:
    """FROM another .run."""

    path: Path


@dataclass(frozen=True, slots=True)
class RegistryBase:
    """FROM a bundle that `bundler push` has put into a registry."""

    ref: Reference


@dataclass(frozen=True, slots=True)
class ImageBase:
    """FROM an image, as Sealer's Kubefiles have it, which can't be; `hint` says what to write instead."""

    hint: str


@dataclass(frozen=True, slots=True)
class UnknownBase:
    """FROM something that isn't there; `hint` says what may be meant."""

    hint: str


Base = Scratch | KubefileBase | RunBase | RegistryBase | ImageBase | UnknownBase


def default_catalogue() -> Path:
    """templates/catalog, of a checkout or a wheel. Raises BundlerError (NOT_FOUND) where it is missing."""
    return resource("templates") / "catalog"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A folder of ready Kubefiles: `NAME/Kubefile`."""

    root: Path

    def names(self) -> tuple[str, ...]:
        """What FROM can name, sorted."""
        return tuple(sorted(path.parent.name for path in self.root.glob("*/Kubefile")))

    def base(self, text: str, folder: Path) -> Base:
        """What `FROM text` means in a Kubefile that lies in `folder`. Reads folder entries, no contents."""
        if text == "scratch":
            return Scratch()
        if text.startswith(REGISTRY):
            return _in_registry(text.removeprefix(REGISTRY))
        if _NAME.fullmatch(text) and (self.root / text / "Kubefile").is_file():
            return KubefileBase((self.root / text / "Kubefile").resolve())
        path = folder / text
        if (path / "Kubefile").is_file():
            return KubefileBase((path / "Kubefile").resolve())
        if path.is_file():
            return RunBase(path.resolve()) if text.endswith(ENDING) else KubefileBase(path.resolve())
        return self._absent(text)

    def _absent(self, text: str) -> Base:
        if text.endswith(ENDING):
            return UnknownBase(
                "make it first; the path is taken from the Kubefile's own folder, "
                "and an ARG before FROM lets --build-arg name another one"
            )
        if text.startswith(("/", "./", "../")) or text in {".", ".."}:
            return UnknownBase(
                "there is no Kubefile at this path; it is taken from the Kubefile's own folder"
            )
        if _NAME.fullmatch(text):
            return UnknownBase(did_you_mean(text, self.names()) or "name a folder, or scratch")
        return ImageBase(
            "write FROM kubernetes-source or FROM kubernetes where it is Kubernetes, else FROM its folder; "
            f"a bundle that `bundler push` has put there is FROM {REGISTRY}{text}"
        )


def _in_registry(name: str) -> Base:
    try:
        return RegistryBase(Reference.parse(name))
    except BundlerError as error:
        return UnknownBase(f"{error.why}: {error.fix}" if error.fix else error.why)
