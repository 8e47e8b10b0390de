"""`--platform` and `--runtime`: what is made for which machines, and what each .run is called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import Platform

_ENDING = ".run"


@dataclass(frozen=True, slots=True)
class _Option:
    """An option that gives a file for a platform; what that is, and where to get one."""

    name: str
    what: str
    fix: str


_RUNTIME = _Option(
    "--runtime",
    "frozen installer",
    "name runtime/linux-ARCH.tar.gz out of the cache of a machine of that architecture",
)
_HELM = _Option(
    "--helm-library", "library of Helm", "name the libhelm_c.so of that platform's helm-python-sdk"
)


@dataclass(frozen=True, slots=True)
class Target:
    """One .run to make.

    runtime: the frozen installer that was given
    for it, None to make one here. helm: Helm's library for it, None for the one that is installed here.
    suffix: what its name gets, `-amd64`, "" where it is the only one.
    """

    platform: Platform
    runtime: Path | None = None
    helm: Path | None = None
    suffix: str = ""

    def named(self, output: Path | None) -> Path | None:
        """The file to make where `-o` says `output`: `shop.run` becomes `shop-amd64.run`."""
        if output is None or not self.suffix:
            return output
        ending = _ENDING if output.name.endswith(_ENDING) else ""
        return output.with_name(f"{output.name.removesuffix(ending)}{self.suffix}{ending}")


def targets(
    platforms: str, runtimes: Sequence[str] = (), *, helms: Sequence[str] = (), together: bool = False
) -> tuple[Target, ...]:
    """What `--platform linux/amd64,linux/arm64` and `--runtime [PLATFORM=]FILE`… come to, in their order.

    helms: words of --helm-library. together: they will be one .run, whose name needs no suffix.
    Raises BundlerError: USAGE for what can't be meant, NOT_FOUND for a runtime that isn't there.
    """
    names = tuple(name.strip() for name in platforms.split(","))
    asked = [Platform.parse(name) for name in names]
    usual = [platform.usual for platform in asked]
    twice = next((name for at, name in enumerate(names) if usual[at] in usual[:at]), None)
    if twice is not None:
        raise _wrong(f"{twice} is asked for twice", f"--platform {platforms}", "name each platform once")
    known = dict(zip(usual, names, strict=True))
    given, helm = _given(runtimes, known, _RUNTIME), _given(helms, known, _HELM)
    apart = len(names) > 1 and not together
    return tuple(
        Target(platform, given.get(name), helm.get(name), _suffix(platform) if apart else "")
        for name, platform in zip(names, asked, strict=True)
    )


def check_runtimes(asked: Sequence[Target], here: Platform) -> None:
    """See that each .run has a frozen installer; `here`: the platform that this machine makes them for.

    Raises BundlerError (UNSUPPORTED) that names all that lack one.
    """
    lacking = [one for one in asked if one.runtime is None and one.platform.usual != here.usual]
    if lacking:
        raise BundlerError(
            f"there is no frozen installer for {', '.join(str(one.platform) for one in lacking)}",
            why=f"this machine is {here}, and can't make one for another platform",
            code=ExitCode.UNSUPPORTED,
            fix="make one on such a machine, and name it: "
            + " ".join(f"--runtime {one.platform}=FILE" for one in lacking),
        )


def _given(texts: Sequence[str], names: Mapping[Platform, str], option: _Option) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for text in texts:
        name, path = _one(text, names, option)
        if name in found:
            fix = "name one for each platform"
            raise _wrong(f"{name} has more than one {option.what}", f"{option.name} {text}", fix)
        if not path.is_file():
            raise BundlerError(
                f"there is no such {option.what}", where=path, code=ExitCode.NOT_FOUND, fix=option.fix
            )
        found[name] = path
    return found


def _one(text: str, names: Mapping[Platform, str], option: _Option) -> tuple[str, Path]:
    """Which platform a file is for; a file alone is for the only one."""
    before, equals, after = text.partition("=")
    if not equals or "/" not in before or Path(text).is_file():
        if len(names) > 1:
            fix = f"write {option.name} {next(iter(names.values()))}=FILE"
            raise _wrong(f"which platform is the {option.what} for?", f"{option.name} {text}", fix)
        return next(iter(names.values())), Path(text)
    name = names.get(Platform.parse(before).usual)
    if name is None:
        fix = f"name one of {', '.join(names.values())}"
        raise _wrong(f"nothing is made for {before}", f"{option.name} {text}", fix)
    return name, Path(after)


def _suffix(platform: Platform) -> str:
    """`-arm64`, `-armv7`; the operating system where it isn't Linux."""
    system = "" if platform.os == "linux" else f"{platform.os}-"
    return f"-{system}{platform.architecture}{platform.variant}"


def _wrong(what: str, where: str, fix: str) -> BundlerError:
    return BundlerError(what, where=where, code=ExitCode.USAGE, fix=fix)
