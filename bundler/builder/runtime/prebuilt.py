"""A frozen installer that was made elsewhere: whether it is for the platform that it is named for."""

from collections.abc import Iterator
from pathlib import Path

from bundler.builder.lib.decompress import BrokenError, most, unpacked
from bundler.builder.lib.tarstream import Kind, entries
from bundler.builder.runtime.elf import HEAD, architecture
from bundler.core.digest import read_chunks
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.oci import Platform


def check_runtime(path: Path, platform: Platform) -> None:
    """See that the first program in it runs on the platform; one without any, such as a script, passes.

    Raises BundlerError: INPUT for what is no .tar.gz, UNSUPPORTED for another architecture.
    """
    try:
        found = next(_architectures(path), "")
    except (BrokenError, OSError) as error:
        raise BundlerError(
            "this is no frozen installer", where=path, why=str(error), code=ExitCode.INPUT
        ) from error
    if found not in {"", platform.architecture}:
        raise BundlerError(
            f"the frozen installer is not one for {platform}",
            where=path,
            why=f"its programs are for {found}",
            code=ExitCode.UNSUPPORTED,
            fix="name runtime/linux-ARCH.tar.gz out of the cache of a machine of that architecture",
        )


def _architectures(path: Path) -> Iterator[str]:
    """What its programs run on, one by one as they lie in it."""
    with path.open("rb") as file:
        for entry in entries(unpacked(read_chunks(file), limit=most(path.stat().st_size))):
            if entry.kind is Kind.FILE and (found := architecture(entry.content.peek(HEAD))):
                yield found
