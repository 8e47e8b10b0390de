"""The options of the command line, as types; `invocation` gives them their meaning."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bundler.builder.packages.sources import PackageSources

_INPUTS = "What goes in"
_NETWORK = "Network and cache"
_OUTPUT = "Output"
_SIGNING = "Signing"


class LintFormat(StrEnum):
    """How lint reports."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


Directory = Annotated[
    Path, typer.Argument(metavar="DIR", help="The build context: what COPY takes files from.")
]
What = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[DIR | NAME...]",
        help="The build context, what COPY takes files from; or entries of the catalogue.",
    ),
]
KubefileFile = Annotated[
    Path | None, typer.Option("-f", "--file", metavar="FILE", help="The Kubefile; DIR/Kubefile if not named.")
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="NAME.run", help="The file to make; NAME.run if not named."),
]
RunFile = Annotated[Path, typer.Argument(metavar="FILE", help="A .run.")]
FirstPart = Annotated[Path, typer.Argument(metavar="FILE", help="The first part: the one without number.")]
Split = Annotated[
    str,
    typer.Option(
        "--split",
        metavar="SIZE",
        help="Make parts NAME.run, NAME.run.001, … of less than SIZE: `4GiB` for FAT32.",
        rich_help_panel=_OUTPUT,
    ),
]
BaseRun = Annotated[
    Path | None,
    typer.Option(
        "--base",
        metavar="OLD.run",
        help="A .run that the sites already have: include only what has changed since.",
        rich_help_panel=_OUTPUT,
    ),
]
WithInstaller = Annotated[
    bool,
    typer.Option(
        "--with-installer",
        help="With --base: include the installer even if OLD has the same one, so that it starts anywhere.",
        rich_help_panel=_OUTPUT,
    ),
]
AllowEol = Annotated[
    bool,
    typer.Option(
        "--allow-eol",
        envvar="BUNDLER_ALLOW_EOL",
        help="Allow a Kubernetes, containerd, etcd or distribution that no longer gets security updates.",
        rich_help_panel=_INPUTS,
    ),
]
Recompress = Annotated[
    bool,
    typer.Option(
        "--recompress",
        help="Recompress layers better than gzip, where the original can be restored bit for bit; "
        "costs time on site.",
        rich_help_panel=_OUTPUT,
    ),
]
Level = Annotated[
    int,
    typer.Option("--level", min=1, max=19, help="The zstd compression level.", rich_help_panel=_OUTPUT),
]
Size = Annotated[
    str, typer.Option("--size", metavar="SIZE", help="Parts are smaller than this: `4GiB` for FAT32.")
]
SplitOutput = Annotated[
    Path | None,
    typer.Option(
        "-o", "--output", metavar="NAME.run", help="The first part to make; FILE itself if not named."
    ),
]
JoinOutput = Annotated[
    Path | None,
    typer.Option("-o", "--output", metavar="NAME.run", help="The file to make; FILE itself if not named."),
]
OldRun = Annotated[Path, typer.Argument(metavar="OLD", help="The .run that was there before.")]
NewRun = Annotated[Path, typer.Argument(metavar="NEW", help="The .run that it is compared to.")]
DiffJson = Annotated[bool, typer.Option("--json", help="Print JSON; docs/sbom.md describes it.")]
OfPlatform = Annotated[
    str,
    typer.Option(
        "--platform", metavar="OS/ARCH", help="Which platform of a .run for several; by default, the first."
    ),
]
SignatureOnly = Annotated[bool, typer.Option("--signature", help="Only show who signed it.")]
Trust = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE|KEY", help="A key that must have signed it; otherwise exits with 7. Repeatable."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="The whole index, as stored in the file.")]
Format = Annotated[LintFormat, typer.Option("--format", help="How to report.")]

PlatformName = Annotated[
    str,
    typer.Option(
        "--platform",
        metavar="OS/ARCH,…",
        help="The platform of the site's machines. Several, separated by commas, make a .run each, "
        "or one with --universal.",
        rich_help_panel=_INPUTS,
    ),
]
OnePlatform = Annotated[
    str, typer.Option("--platform", metavar="OS/ARCH", help="The platform of the site's machines.")
]
BuildArgs = Annotated[
    list[str] | None,
    typer.Option(
        "--build-arg",
        metavar="NAME=VALUE",
        help="The value of an ARG. May be repeated.",
        rich_help_panel=_INPUTS,
    ),
]
Runtimes = Annotated[
    list[str] | None,
    typer.Option(
        "--runtime",
        metavar="[OS/ARCH=]FILE",
        help="A frozen installer (.tar.gz) made on a machine of that platform. May be repeated.",
        rich_help_panel=_INPUTS,
    ),
]

HelmLibraries = Annotated[
    list[str] | None,
    typer.Option(
        "--helm-library",
        metavar="[OS/ARCH=]FILE",
        help="Helm's libhelm_c.so for that platform, where there are charts. May be repeated.",
        rich_help_panel=_INPUTS,
    ),
]
Universal = Annotated[
    bool,
    typer.Option(
        "--universal", help="Make one .run for all platforms, not one for each.", rich_help_panel=_INPUTS
    ),
]

IgnoredImages = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore-image",
        metavar="PATTERN",
        help="Leave out images that manifests name, such as `quay.io/acme/test-*`. May be repeated.",
        rich_help_panel=_INPUTS,
    ),
]
WithSignatures = Annotated[
    bool,
    typer.Option(
        "--with-signatures",
        help="Include signatures, attestations and SBOMs attached to images in registries.",
        rich_help_panel=_INPUTS,
    ),
]
InsecureRegistries = Annotated[
    list[str] | None,
    typer.Option(
        "--insecure-registry",
        metavar="HOST:PORT",
        help="Speak plain HTTP to this registry. May be repeated.",
        rich_help_panel=_NETWORK,
    ),
]
DebianMirror = Annotated[
    str,
    typer.Option(
        "--debian-mirror",
        metavar="URL",
        envvar="BUNDLER_DEBIAN_MIRROR",
        help="Where PACKAGE finds Debian; this machine's own mirror if not named.",
        rich_help_panel=_NETWORK,
    ),
]
UbuntuMirror = Annotated[
    str,
    typer.Option(
        "--ubuntu-mirror",
        metavar="URL",
        envvar="BUNDLER_UBUNTU_MIRROR",
        help="Where PACKAGE finds Ubuntu for amd64, as in https://HOST/ubuntu.",
        rich_help_panel=_NETWORK,
    ),
]
UbuntuPortsMirror = Annotated[
    str,
    typer.Option(
        "--ubuntu-ports-mirror",
        metavar="URL",
        envvar="BUNDLER_UBUNTU_PORTS_MIRROR",
        help="Where PACKAGE finds Ubuntu for arm64 and others, as in https://HOST/ubuntu-ports.",
        rich_help_panel=_NETWORK,
    ),
]
Keyrings = Annotated[
    list[str] | None,
    typer.Option(
        "--keyring",
        metavar="DISTRIBUTION=FILE",
        envvar="BUNDLER_KEYRINGS",
        help="The keys that apt's indexes of a distribution are signed with. May be repeated.",
        rich_help_panel=_NETWORK,
    ),
]
RpmRepos = Annotated[
    list[str] | None,
    typer.Option(
        "--rpm-repos",
        metavar="[SUITE=]FILE",
        envvar="BUNDLER_RPM_REPOS",
        help="Where PACKAGE finds rpm packages: a file of repositories, as dnf has them. May be repeated.",
        rich_help_panel=_NETWORK,
    ),
]
MirrorsFile = Annotated[
    Path | None,
    typer.Option(
        "--mirrors",
        metavar="FILE",
        envvar="BUNDLER_MIRRORS",
        help="Rules `PREFIX REPLACEMENT` for addresses of files and names of images.",
        rich_help_panel=_NETWORK,
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        help="The cache; $BUNDLER_CACHE or ~/.cache/bundler if not named.",
        rich_help_panel=_NETWORK,
    ),
]
Jobs = Annotated[
    int, typer.Option("-j", "--jobs", min=1, max=64, help="Transfers at a time.", rich_help_panel=_NETWORK)
]
Offline = Annotated[
    bool, typer.Option("--offline", help="Use only the cache, not the network.", rich_help_panel=_NETWORK)
]
Locked = Annotated[
    bool,
    typer.Option(
        "--locked", help="Fail where Kubefile.lock differs from the build.", rich_help_panel=_INPUTS
    ),
]
Refresh = Annotated[
    bool,
    typer.Option(
        "--refresh", help="Resolve OS packages again, ignoring the cache.", rich_help_panel=_NETWORK
    ),
]

Sign = Annotated[
    str,
    typer.Option(
        "--sign",
        metavar="KEY|agent[:SHA256:…]",
        help="Sign with this private key, or with one that ssh-agent has.",
        rich_help_panel=_SIGNING,
    ),
]
Key = Annotated[
    str,
    typer.Option(
        "--key",
        metavar="KEY|agent[:SHA256:…]",
        help="The private key, or one that ssh-agent has.",
        rich_help_panel=_SIGNING,
    ),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help="The file whose first line is the key's passphrase; by default $BUNDLER_PASSPHRASE, or asks.",
        rich_help_panel=_SIGNING,
    ),
]
SignatureFile = Annotated[
    Path | None,
    typer.Option(
        "--signature",
        metavar="FILE",
        help="Instead of --key: a signature made elsewhere by `ssh-keygen -Y sign`.",
        rich_help_panel=_SIGNING,
    ),
]
KeyName = Annotated[Path, typer.Argument(metavar="NAME", help="The file to make, and NAME.pub beside it.")]
KeyComment = Annotated[
    str, typer.Option("--comment", "-C", help="Whose key it is; written to NAME.pub.", metavar="TEXT")
]

Verbose = Annotated[
    bool,
    typer.Option("-v", "--verbose", help="Show everything, including RUN's output.", rich_help_panel=_OUTPUT),
]
Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", help="Show only warnings and errors.", rich_help_panel=_OUTPUT)
]
Log = Annotated[
    Path | None,
    typer.Option(
        "--log", metavar="FILE", help="The log file; one in the cache if not named.", rich_help_panel=_OUTPUT
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyOptions:
    """Which images a build takes, where everything comes from, and how much at once."""

    ignore_image: IgnoredImages = None
    with_signatures: WithSignatures = False
    insecure_registry: InsecureRegistries = None
    debian_mirror: DebianMirror = ""
    ubuntu_mirror: UbuntuMirror = ""
    ubuntu_ports_mirror: UbuntuPortsMirror = ""
    keyring: Keyrings = None
    rpm_repos: RpmRepos = None
    mirrors: MirrorsFile = None
    cache: Cache = None
    jobs: Jobs = 4

    def sources(self) -> "PackageSources":
        """Where packages come from. Raises BundlerError (USAGE)."""
        from bundler.builder.packages.sources import PackageSources  # noqa: PLC0415  (--help does without)

        mirrors = {
            "debian": self.debian_mirror,
            "ubuntu": self.ubuntu_mirror,
            "ubuntu-ports": self.ubuntu_ports_mirror,
        }
        return PackageSources.of(mirrors, self.keyring or (), self.rpm_repos or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """What is said, and where the log goes."""

    verbose: Verbose = False
    quiet: Quiet = False
    log: Log = None


def kubefile_of(directory: Path, file: Path | None) -> Path:
    """The Kubefile that DIR and -f mean."""
    if file is not None:
        return file
    return directory if directory.is_file() else directory / "Kubefile"


def context_of(directory: Path) -> Path:
    """The build context that DIR means."""
    return directory if directory.is_dir() else directory.parent
