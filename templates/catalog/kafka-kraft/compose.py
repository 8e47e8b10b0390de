#!/usr/bin/env python3
"""Compose Kafka's image: Debian's Java runtime, and Kafka's jars as Maven's repository has them.

    compose.py SUITE JARS NAME LAYOUT

JARS has one jar a line, its SHA-256 and group:artifact:version. Maven itself fetches them, from where its
settings say; a jar that differs stops the build.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from debian_root import base, packages
from oci_layout import Image, Layout
from shared import RefusedError, architecture, finish, output, say

JAVA = "openjdk-17-jre-headless"
# Printing, sound, smart cards and fonts: no server has any.
WITHOUT = (
    "ca-certificates-java", "java-common", "libcups2", "libfontconfig1", "libjpeg62-turbo", "liblcms2-2",
    "libnss3", "libasound2", "libfreetype6", "libharfbuzz0b", "libpcsclite1", "util-linux",
)  # fmt: skip
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies"


@dataclass(frozen=True, slots=True)
class Jar:
    """A jar by its place in Maven's repository, and the digest of its bytes."""

    digest: str
    group: str
    artifact: str
    version: str

    @classmethod
    def read(cls, line: str) -> Jar:
        """From a line of the list. Raises RefusedError."""
        digest, _, place = line.partition("  ")
        match place.split(":"):
            case [group, artifact, version] if len(digest) == 64:
                return cls(digest, group, artifact, version)
            case _:
                raise RefusedError(f"No jar: {line!r}. A line is SHA-256, two blanks, group:artifact:version")

    @property
    def name(self) -> str:
        """The file's name."""
        return f"{self.artifact}-{self.version}.jar"

    def dependency(self) -> str:
        """What Maven is asked for: this jar alone, not what it needs."""
        place = (
            f"<{key}>{escape(value)}</{key}>"
            for key, value in (
                ("groupId", self.group), ("artifactId", self.artifact), ("version", self.version),
            )
        )  # fmt: skip
        nothing = (
            "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
        )
        return f"<dependency>{''.join(place)}{nothing}</dependency>"


def fetch(jars: list[Jar], folder: Path) -> None:
    """Lay the jars into the folder. Raises RefusedError."""
    if shutil.which("mvn") is None:
        raise RefusedError("There is no mvn to fetch jars with. Fix: apt-get install maven")
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch) / "pom.xml"
        project.write_text(
            '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
            "<groupId>local</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>"
            f"<dependencies>{''.join(jar.dependency() for jar in jars)}</dependencies></project>"
        )
        output("mvn", "-B", "-q", "-f", str(project), PLUGIN, f"-DoutputDirectory={folder}")
    for jar in jars:
        _verify(folder / jar.name, jar.digest)
    if strangers := {path.name for path in folder.iterdir()} - {jar.name for jar in jars}:
        raise RefusedError(f"Maven brought jars that are not in the list: {', '.join(sorted(strangers))}")


def _verify(path: Path, digest: str) -> None:
    if not path.exists():
        raise RefusedError(f"Maven has not brought {path.name}")
    with path.open("rb") as content:
        found = hashlib.file_digest(content, "sha256").hexdigest()
    if found != digest:
        raise RefusedError(f"{path.name} has the SHA-256 {found}; the list says {digest}")


def compose(suite: str, listed: Path, name: str, layout: Path) -> None:
    """Write the image. Raises RefusedError, OSError."""
    jars = [Jar.read(line) for line in listed.read_text().splitlines() if line]
    with tempfile.TemporaryDirectory() as scratch:
        lowest, java, kafka = (Path(scratch) / name for name in ("base", "java", "kafka"))
        for folder in (lowest, java, kafka / "usr/share/kafka"):
            folder.mkdir(parents=True)
        base(suite, lowest)
        packages(suite, java, (JAVA,), WITHOUT, ("kafka:996",))
        _name_java(java)
        fetch(jars, kafka / "usr/share/kafka")
        image = Image(name, (lowest, java, kafka))
        say(f"{name} {Layout(layout, 'linux', architecture()).add(image)}")


def _name_java(root: Path) -> None:
    """One name of the runtime for each architecture."""
    (home,) = root.glob("usr/lib/jvm/java-[0-9][0-9]-openjdk-*/bin/java")
    (root / "usr/bin").mkdir(parents=True, exist_ok=True)
    (root / "usr/bin/java").symlink_to(f"/{home.relative_to(root)}")


def run(argv: list[str]) -> None:
    """Do what the command line asks. Raises RefusedError, OSError."""
    match argv:
        case [suite, jars, name, layout]:
            compose(suite, Path(jars), name, Path(layout))
        case _:
            raise RefusedError(__doc__ or "")


if __name__ == "__main__":
    finish(run)
