"""What is to be built: the options of a build, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bundler.builder.kubefile.catalogue import Catalogue
from bundler.builder.lock.model import Lock
from bundler.builder.net.logins import Logins
from bundler.builder.net.mirrors import Mirrors
from bundler.builder.packages import (
    PackageSources,
)
from bundler.core.archive.frames import LEVEL
from bundler.core.archive.writer import Signer
from bundler.core.digest import Digest
from bundler.core.oci import AMD64, Platform


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What is to be built.

    context: the folder that COPY takes from. target: the .run, or None for NAME.run in the current
    folder; suffix: behind that NAME, `-arm64` where there are several.
    platform: `linux/amd64`. insecure: registries (`HOST:PORT`) that are spoken to over plain HTTP.
    logins: for files and chart repositories.
    ignored: patterns of images that manifests name and the bundle shall not have. signatures: bring what
    registries keep beside images.
    sources: where PACKAGE finds packages. runtime: a frozen installer (.tar.gz) to use in place of one made
    here. helm: Helm's library in place of the one that is installed here. jobs: transfers at once. offline:
    use nothing but the cache. refresh: resolve OS packages anew, however fresh the cache is. log_file: the
    whole story, told when a RUN fails. signer: whose signature the .run gets, None for none. created: the
    date in the bills of materials, seconds since the epoch, None for none. lock: what inputs are pinned to,
    lock_digest: of its file. locked: fail where the lock doesn't say exactly what the build takes. split:
    make parts of less than that many bytes, None for one file. base: a .run that the site has; only what
    changed since goes in. with_installer: and the installer, even where that has the same. recompress: layers
    without their gzip, where that can be made again. level: zstd's.
    """

    kubefile: Path
    context: Path
    catalogue: Catalogue
    target: Path | None = None
    platform: Platform = AMD64
    build_args: Mapping[str, str] = field(default_factory=dict)
    insecure: frozenset[str] = frozenset()
    mirrors: Mirrors = field(default_factory=Mirrors)
    logins: Logins = field(default_factory=Logins)
    ignored: tuple[str, ...] = ()
    signatures: bool = False
    sources: PackageSources = field(default_factory=PackageSources)
    runtime: Path | None = None
    helm: Path | None = None
    jobs: int = 4
    offline: bool = False
    refresh: bool = False
    log_file: Path | None = None
    signer: Signer | None = None
    created: int | None = None
    lock: Lock = field(default_factory=Lock)
    lock_digest: Digest | None = None
    locked: bool = False
    split: int | None = None
    suffix: str = ""
    base: Path | None = None
    with_installer: bool = False
    recompress: bool = False
    level: int = LEVEL
