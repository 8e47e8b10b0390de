"""What a bundle rests on, out of a site that has it: files that an earlier one put on the control plane.

Each host keeps a list of the files that it got out of bundles, with their digests (`journal.CONTENTS`). A
file that has changed since is not taken: it is hashed on the host before, and here while it comes.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from bundler.core.archive.deflate import inflated
from bundler.core.archive.reader import Bundle
from bundler.core.archive.recipes import MemberContent, Needed
from bundler.core.digest import Digest, verified
from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.journal import CONTENTS
from bundler.installer.plan.steps import RUNTIME_MEMBER, Deliver, Plan
from bundler.installer.run.fetch import fetched
from bundler.installer.transport.protocol import Transport

_ABSENT: Final = 66  # exit status where no such file is left (EX_NOINPUT)
_SLOWEST: Final = 1 << 20  # bytes a second: a slower line counts as stuck
_TIMEOUT: Final = 120.0

_LIST: Final = f"""
[ -f {CONTENTS} ] || exit 0
while read -r hex path; do [ ! -f "$path" ] || echo "$hex"; done <{CONTENTS} | sort -u
"""


@dataclass(frozen=True, slots=True)
class SiteBase:
    """Reads from one host; implements `bundler.core.archive.reader.Base`."""

    transport: Transport
    needed: Needed

    def digests(self) -> frozenset[Digest]:
        """What the host seems to have. Raises BundlerError (HOST)."""
        said = self.transport.run(_LIST, timeout=_TIMEOUT).stdout
        return frozenset(Digest(line) for line in said.split())

    def has(self, digest: Digest) -> bool:
        """Whether the host seems to have this one by now. Raises BundlerError (HOST)."""
        return self.transport.run(_has(digest), timeout=_TIMEOUT).status == 0

    def stream(self, path: str, *, inflate: bool) -> Iterator[bytes]:
        """A member of the bundle that the site has. Raises BundlerError (NOT_FOUND, INTEGRITY, HOST)."""
        content = self.needed.contents[path]
        chunks = self.chunks(content)
        return inflated(chunks, self._name(content)) if inflate else chunks

    def lend(self, runtime: MemberContent) -> Iterator[bytes]:
        """The frozen installer. Raises as `stream` does."""
        return self.chunks(runtime)

    def chunks(self, content: MemberContent) -> Iterator[bytes]:
        """A content that lies on the host under whatever path, verified. Raises as `stream` does."""
        return verified(
            self._fetched(content), digest=content.digest, size=content.size, name=self._name(content)
        )

    def _name(self, content: MemberContent) -> str:
        return f"{self.transport.address}: {content.digest}"

    def _fetched(self, content: MemberContent) -> Iterator[bytes]:
        """What the host sends."""
        took = _TIMEOUT + 2 * content.size / _SLOWEST
        return fetched(
            self.transport,
            _script(content.digest),
            timeout=took,
            failed=lambda said: self._absent(content, said),
        )

    def _absent(self, content: MemberContent, said: str) -> BundlerError:
        needed = self.needed
        return BundlerError(
            f"the site lacks content of {needed.name} {needed.version}, which this bundle is based on",
            where=self.transport.address,
            why=said.strip() or f"none of the files put there still has {content.digest}",
            code=ExitCode.NOT_FOUND,
            id="BND-DELTA-BASE",
            fix=f"name the .run of {needed.name} {needed.version} with --base",
        )


def check_base(plan: Plan, bundle: Bundle, base: SiteBase) -> None:
    """Whether the site has what the plan's files are made of. Raises BundlerError (NOT_FOUND)."""
    there = base.digests()
    if missing := _taken(plan, bundle, base.needed, there) - there:
        needed, first = base.needed, min(missing)
        raise BundlerError(
            f"this bundle has only what changed since {needed.name} {needed.version}, which the site lacks",
            where=base.transport.address,
            why=f"{len(missing)} of its contents are not there, such as {first}",
            code=ExitCode.NOT_FOUND,
            id="BND-DELTA-BASE",
            fix=f"name the .run of {needed.name} {needed.version} with --base, or put it beside this one",
        )


def _taken(plan: Plan, bundle: Bundle, needed: Needed, there: AbstractSet[Digest]) -> frozenset[Digest]:
    """What of the older bundle goes into what the plan brings to hosts, and is not there already."""
    members = {file.member for step in plan.steps if isinstance(step, Deliver) for file in step.files}
    recipes, runtime = bundle.recipes.members, bundle.recipes.runtime
    found = {
        needed.contents[source.path].digest
        for path in members & recipes.keys()
        if bundle.member(path).digest not in there
        for source in recipes[path].sources
        if source.base
    }
    if runtime is not None and RUNTIME_MEMBER in members:
        found.add(runtime.digest)
    return frozenset(found)


def _has(digest: Digest) -> str:
    """Succeeds where a file with this digest was put there and is left."""
    return f"""
grep '^{digest.hex} ' {CONTENTS} 2>/dev/null | {{
    while read -r _ path; do [ ! -f "$path" ] || exit 0; done
    exit 1
}}
"""


def _script(digest: Digest) -> str:
    """Print the file with this digest; exits with `_ABSENT` where there is none."""
    return f"""
grep '^{digest.hex} ' {CONTENTS} 2>/dev/null | sort -u | {{
    while read -r hex path; do
        [ -f "$path" ] && [ "$(sha256sum <"$path")" = "$hex  -" ] && exec cat "$path"
    done
    exit {_ABSENT}
}}
"""
