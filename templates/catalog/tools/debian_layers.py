"""Folders that become layers of images: Debian's C library, packet filter and shell, and single programs.

Two images that ask for the same get the same bytes, which a layout holds once.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fetch_debian import download
from shared import output

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SUITE = "bookworm"
FIREWALL = (
    "iptables", "nftables",
    # what these two are linked with, but for libc
    "libxtables12", "libmnl0", "libnftnl11", "libnetfilter-conntrack3", "libnfnetlink0", "libnftables1",
    "libjansson4", "libgmp10", "libedit2", "libbsd0", "libmd0", "libtinfo6",
)  # fmt: skip
PACKAGES = ("libc6", "busybox-static", "netbase", *FIREWALL)
UNUSED = ("usr/share/man", "usr/share/locale", "usr/share/lintian", "usr/share/bug", "etc", "var")


@dataclass(frozen=True, slots=True)
class Layers:
    """Makes the folders, all below one scratch folder. debs: the files of PACKAGES."""

    scratch: Path
    debs: dict[str, Path]

    @classmethod
    def fetch(cls, scratch: Path) -> Layers:
        """With Debian's packages of today. Raises RefusedError."""
        return cls(scratch, download(SUITE, scratch / "debs", PACKAGES))

    def program(self, source: Path, folder: str) -> Path:
        """One program in a layer of its own."""
        layer = self.scratch / f"program-{source.name}"
        place(source, layer / folder / source.name)
        return layer

    def packages(self, name: str, packages: Sequence[str]) -> Path:
        """Debian packages as they are, but for manuals and settings; each one's copyright stays."""
        layer = self.scratch / f"packages-{name}"
        layer.mkdir(parents=True, exist_ok=True)
        for package in packages:
            output("dpkg-deb", "--extract", str(self.debs[package]), str(layer))
        for unused in UNUSED:
            shutil.rmtree(layer / unused, ignore_errors=True)
        for document in [one for one in (layer / "usr/share/doc").rglob("*") if one.name != "copyright"]:
            if document.is_symlink() or document.is_file():
                document.unlink()
        return layer

    def libc(self) -> Path:
        """The C library and its loader, for Debian's dynamically linked programs."""
        layer = self.packages("libc", ("libc6",))
        for tables in layer.glob("usr/lib/*/gconv"):
            shutil.rmtree(tables)
        (layer / "etc").mkdir(exist_ok=True)
        (layer / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
        return layer

    def firewall(self) -> Path:
        """nft, and iptables over nftables, as on Debian 12 itself, under the names that kube-proxy calls."""
        layer = self.packages("firewall", FIREWALL)
        for old in layer.glob("usr/sbin/*legacy*"):
            old.unlink()
        for family in ("iptables", "ip6tables"):
            for name in (family, f"{family}-save", f"{family}-restore"):
                (layer / "usr/sbin" / name).symlink_to("xtables-nft-multi")
        # nft lists protocols by the names that stand there. Without them a kube-proxy that starts again does
        # not know its own rules, and takes all Services' away.
        names = self.scratch / "netbase"
        output("dpkg-deb", "--extract", str(self.debs["netbase"]), str(names))
        (layer / "etc").mkdir(exist_ok=True)
        shutil.copyfile(names / "etc/protocols", layer / "etc/protocols")
        return layer

    def busybox(self) -> Path:
        """A shell with the common commands built in."""
        layer = self.scratch / "busybox"
        unpacked = self.packages("busybox-static", ("busybox-static",))
        place(unpacked / "bin/busybox", layer / "bin/busybox")
        (layer / "bin/sh").symlink_to("busybox")
        notice = "usr/share/doc/busybox-static/copyright"
        (layer / notice).parent.mkdir(parents=True)
        shutil.copyfile(unpacked / notice, layer / notice)
        return layer


def place(source: Path, target: Path) -> None:
    """Copy a program, making the folders above it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755)
