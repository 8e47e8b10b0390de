#!/usr/bin/env python3
"""Compile programs out of pinned Go modules, each kept as soon as it is done.

    from go_build import Program, build

A program is a package of a module that a small go.mod of the catalogue's own requires; that go.mod and its
go.sum are the pin. What was compiled lies in $BUNDLER_CACHE/programs under a key of all that it depends on:
go.mod, go.sum, own sources, flags, tags, Go's version and the platform; with cgo also the C compiler and its
libraries. So it is compiled once for all Kubefiles, and a build that is broken off goes on where it was.

Go's own caches are used where they are (`go env GOCACHE GOMODCACHE`); they only make it quicker.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from go_kept import Kept, sha256_of
from go_pace import Clock, ticking
from shared import RefusedError, architecture, output, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OLDEST_GO = (1, 26)
FORM = 1  # raised when the same inputs would give another program
C_COMPILERS = {"amd64": "x86_64-linux-gnu-gcc", "arm64": "aarch64-linux-gnu-gcc"}


@dataclass(frozen=True, slots=True)
class Program:
    """One program. module: the folder of its go.mod.

    sources: own Go files, if the package is "." of that module; variables: what the linker sets (`-X`);
    libraries: what cgo needs, by pkg-config's names, linked statically; seconds: about how long it takes on
    two cores, after those above it in the list.
    """

    name: str
    module: Path
    package: str
    seconds: float
    variables: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    sources: tuple[Path, ...] = ()
    libraries: tuple[str, ...] = ()

    def flags(self) -> tuple[str, ...]:
        """What `go build` is given: no path, no build id, no date gets into the program."""
        link = ["-s", "-w", "-buildid=", *(f"-X={name}={value}" for name, value in self.variables)]
        if self.libraries:
            link += ["-linkmode=external", "-extldflags=-static"]
        words = ("-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags", " ".join(link))
        return (*words, *(("-tags", ",".join(self.tags)) if self.tags else ()))


@dataclass(frozen=True, slots=True)
class Machine:
    """The build machine's part in the result."""

    go: str
    experiment: str
    architecture: str

    def environment(self, program: Program) -> dict[str, str]:
        """Go's settings. Those that change the result are ours; where modules come from is the user's."""
        own = {
            "CGO_ENABLED": "1" if program.libraries else "0",
            "GOARCH": self.architecture,
            "GOAMD64": "v1",
            "GOARM64": "v8.0",
            "GOFLAGS": "-mod=readonly",  # not empty: else the user's settings file counts
            "GOOS": "linux",
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
        }
        if program.libraries:
            own |= {"CC": C_COMPILERS[self.architecture], "CGO_CFLAGS": "-O2", "CGO_LDFLAGS": "-O2"}
        return {**os.environ, **own}


def module_version(module: Path, path: str) -> str:
    """The version of a module that a go.mod requires, such as `v1.37.2`. Raises RefusedError."""
    found = re.search(
        rf"^(?:require|\t)\s*{re.escape(path)} (v\S+)", (module / "go.mod").read_text(), re.MULTILINE
    )
    if found is None:
        raise RefusedError(f"{module.name}/go.mod does not require {path}")
    return found[1]


def machine(programs: Sequence[Program], otherwise: str) -> Machine:
    """Look at what this machine has, before anything is downloaded. otherwise: what to do without Go.

    Raises RefusedError that names all that is missing.
    """
    missing = list(_missing_c(programs))
    found = _go_version()
    if found is None or found < OLDEST_GO:
        has = "none" if found is None else ".".join(map(str, found))
        missing.append(
            f"Go {OLDEST_GO[0]}.{OLDEST_GO[1]} or newer; it has {has}. "
            f"Fix: install it and put its bin folder on PATH{f', or {otherwise}' if otherwise else ''}"
        )
    if missing:
        raise RefusedError("To compile, this machine lacks:\n" + "\n".join(f"  {one}" for one in missing))
    go, experiment = output("go", "env", "GOVERSION", "GOEXPERIMENT", GOTOOLCHAIN="local").split("\n")[:2]
    return Machine(go, experiment, architecture())


def _missing_c(programs: Sequence[Program]) -> Iterator[str]:
    libraries = sorted({one for program in programs for one in program.libraries})
    compiler = C_COMPILERS.get(architecture())
    if not libraries:
        return
    if compiler is None or shutil.which(compiler) is None:
        fix = "apt-get install gcc libc6-dev (or that platform's cross-compiler)"
        yield f"a C compiler for {architecture()}. Fix: {fix}"
    if shutil.which("pkg-config") is None:
        yield "pkg-config. Fix: apt-get install pkg-config"
        return
    for name in libraries:
        if subprocess.run(["pkg-config", "--exists", name], check=False).returncode:
            yield f"the library {name}. Fix: apt-get install {name}-dev"


def _go_version() -> tuple[int, int] | None:
    if shutil.which("go") is None:
        return None
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    done = subprocess.run(
        ["go", "env", "GOVERSION"], capture_output=True, text=True, check=False, env=environment
    )
    found = re.match(r"go(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else None


def key(program: Program, made_on: Machine) -> str:
    """What the kept program is found by: a digest of all its inputs."""
    inputs = {
        "form": FORM,
        "go": made_on.go,
        "experiment": made_on.experiment,
        "architecture": made_on.architecture,
        "package": program.package,
        "flags": program.flags(),
        "files": {
            path.name: sha256_of(path)
            for path in (program.module / "go.mod", program.module / "go.sum", *program.sources)
        },
        "c": _c_inputs(program, made_on),
    }
    return sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def _c_inputs(program: Program, made_on: Machine) -> list[str]:
    if not program.libraries:
        return []
    compiler = C_COMPILERS[made_on.architecture]
    archives = [
        output(compiler, f"-print-file-name={name}").strip() for name in ("libc.a", *_archives(program))
    ]
    digests = [sha256_of(Path(one)) for one in archives if Path(one).is_file()]
    return [output(compiler, "--version").splitlines()[0], *digests]


def _archives(program: Program) -> list[str]:
    listed = output("pkg-config", "--libs-only-l", "--static", *program.libraries).split()
    return [f"lib{word.removeprefix('-l')}.a" for word in listed]


def build(programs: Sequence[Program], destination: Path, *, otherwise: str = "") -> None:
    """Put every program into a folder, compiling those that are not kept. otherwise: what to do without Go.

    Raises RefusedError, and OSError when the disk is full.
    """
    made_on = machine(programs, otherwise)
    destination.mkdir(parents=True, exist_ok=True)
    kept = Kept.create(_cache() / "programs")
    keys = {program: key(program, made_on) for program in programs}
    wanted = [program for program in programs if kept.find(keys[program], program.name) is None]
    if wanted:
        others = len(programs) - len(wanted)
        say(f"Compiling {len(wanted)} programs with {made_on.go}; {others} are kept already")
    clock = Clock(sum(program.seconds for program in wanted))
    for number, program in enumerate(wanted, start=1):
        clock.start(program.seconds)
        told = f"[{number}/{len(wanted)}] {program.name}"
        with ticking(lambda told=told: f"{told}: compiling, {clock.remaining()}"), kept.alone(keys[program]):
            if kept.find(keys[program], program.name) is None:
                _compile(program, made_on, kept, keys[program])
        say(f"{told}: {clock.stop():.0f} s")
    for program in programs:
        _place(kept.root / keys[program] / program.name, destination / program.name)


def _compile(program: Program, made_on: Machine, kept: Kept, digest: str) -> None:
    with tempfile.TemporaryDirectory(dir=kept.root, prefix=".new-") as scratch:
        work, result = Path(scratch) / "module", Path(scratch) / "result"
        result.mkdir()
        work.mkdir()
        for path in (program.module / "go.mod", program.module / "go.sum", *program.sources):
            shutil.copyfile(path, work / path.name)
        argv = ["go", "build", *program.flags(), "-o", str(result / program.name), program.package]
        environment = made_on.environment(program)
        done = subprocess.run(argv, cwd=work, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RefusedError(f"go build {program.package} failed:\n{(done.stdout + done.stderr)[-4000:]}")
        kept.keep(digest, program.name, result / program.name)


def _place(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755)


def _cache() -> Path:
    """The builder's cache, as RUN names it."""
    return Path(os.environ.get("BUNDLER_CACHE") or Path.home() / ".cache/bundler")
