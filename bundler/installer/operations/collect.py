"""One archive of a site: its status, then what each host shows, bounded in bytes and time, secrets masked."""

import contextlib
import io
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from bundler.core.errors import BundlerError
from bundler.installer.collect import contents
from bundler.installer.collect.contents import Collection, File
from bundler.installer.collect.mask import masked
from bundler.installer.collect.pack import LIMIT, Pack
from bundler.installer.collect.parts import parts
from bundler.installer.operations.hidden import site_secrets
from bundler.installer.operations.status import Watcher
from bundler.installer.plan.site_pki import READ_SCRIPT, Secrets
from bundler.installer.run.redaction import redact
from bundler.installer.scripts.render import script
from bundler.installer.site.model import Host
from bundler.installer.site.ranges import hosts as counted
from bundler.installer.status import data
from bundler.installer.transport.protocol import Transport

PATIENCE: Final = 90.0  # seconds that a host has to give its parts
_PART: Final = 2 << 20  # bytes of one part
_RAW: Final = 512 << 20  # bytes of all hosts, before they are packed
_HOST: Final = (256 << 10, 24 << 20)  # bytes of one host: at least, at most
_OWN_LOG: Final = 4 << 20
_OWN_LOGS: Final = 10


@dataclass(slots=True)
class Collector:
    """watcher: the site. logs: files of earlier runs on this machine. clusterfile: as it was read."""

    watcher: Watcher
    clusterfile: Path
    logs: tuple[Path, ...]
    within: float = PATIENCE
    limit: int = LIMIT
    tell: Callable[[str], None] = lambda _text: None
    files: list[File] = field(default_factory=list)
    left_out: list[File] = field(default_factory=list)
    _known: frozenset[str] = frozenset()

    def collect(self, path: Path, folder: str) -> Collection:
        """Write the archive. Raises BundlerError: no host answers, or it can't be written."""
        now = time.time()
        watcher = self.watcher
        status = watcher.look()
        self._known = self._secrets()
        silent = {each.address: each.why for each in status.hosts if each.state == "silent"}
        with (
            tempfile.TemporaryDirectory(prefix="bundler-") as spool,
            Pack(path, folder, now, self.limit) as pack,
        ):
            self._own(pack)
            hosts = tuple(host for host in watcher.site.hosts if host.address not in silent)
            silent |= self._hosts(pack, hosts, Path(spool))
            found = Collection(
                watcher.site.name, now, self.limit, status, tuple(self.files), tuple(self.left_out), silent
            )
            self._index(pack, found)
        return found

    def _secrets(self) -> frozenset[str]:
        """All that must not be in it: of the Clusterfile, and what the site's control planes keep."""
        keys = self._kept()
        return site_secrets(self.watcher.site, self.watcher.access, keys)

    def _kept(self) -> Secrets | None:
        """The site's own secrets. Unknown ones are found by their form alone."""
        lookout = self.watcher.lookout
        answers = lookout.ask(self.watcher.site.control_planes, _read_secrets)
        for text in answers.said.values():
            with contextlib.suppress(BundlerError):
                if text.strip():
                    return Secrets.from_json(text)
        return None

    def _own(self, pack: Pack) -> None:
        """What this machine knows: Clusterfile and logs of earlier runs."""
        for path, name in (
            (self.clusterfile, "site.yaml"),
            *((log, f"logs/{log.name}") for log in self.logs),
        ):
            with contextlib.suppress(OSError), path.open("rb") as stream:
                size = stream.seek(0, io.SEEK_END)
                stream.seek(max(0, size - _OWN_LOG))
                self._add(pack, "", f"deployer/{name}", stream.read(_OWN_LOG), cut=size > _OWN_LOG)

    def _hosts(self, pack: Pack, hosts: tuple[Host, ...], spool: Path) -> dict[str, str]:
        """What each gives; the reasons of those that gave nothing."""
        mark = f"@@{secrets.token_hex(16)}"
        budget = min(max(_RAW // max(len(hosts), 1), _HOST[0]), _HOST[1])
        speaker = next(iter(self.watcher.speakers), "")
        lookout = self.watcher.lookout
        lookout.within = self.within

        def ask(transport: Transport) -> str:
            made = script(
                "collect.sh", mark=mark, most=str(_PART), all=str(budget),
                cluster="yes" if transport.address == speaker else "",
            )  # fmt: skip
            with (spool / transport.address.replace(":", "_")).open("wb") as stream:
                return _fetch(transport, made, stream, budget, self.within)

        self.tell(f"collecting from {counted(len(hosts))}, at most {self.within:g} s")
        answers = lookout.ask(hosts, ask)
        why = {a: error.what for a, error in answers.silent.items()} | {
            a: word for a, word in answers.said.items() if word
        }
        empty = {host.address for host in hosts if not self._take(pack, spool, host.address, mark)}
        return {address: why.get(address, "its answer is empty") for address in empty}

    def _take(self, pack: Pack, spool: Path, address: str, mark: str) -> bool:
        """Add a host's parts, whole answer or not. Whether there was any."""
        path, some = spool / address.replace(":", "_"), False
        with contextlib.suppress(FileNotFoundError), path.open("rb") as stream:
            for each in parts(stream, mark.encode()):
                self._add(
                    pack, address, f"hosts/{address.replace(':', '_')}/{each.name}", each.data, cut=each.last
                )
                some = True
        return some

    def _add(self, pack: Pack, host: str, path: str, raw: bytes, *, cut: bool = False) -> None:
        clean = masked(raw.decode("utf-8", "replace"), self._known)
        made = clean.text.encode("utf-8", "replace")
        file = File(path, host, len(made), clean.counts, cut)
        (self.files if pack.add(path, made) else self.left_out).append(file)

    def _index(self, pack: Pack, found: Collection) -> None:
        pages = {
            "index.json": contents.as_json(found),
            "index.html": contents.as_html(found),
            "masked.txt": contents.masked_text(found),
            "status.json": f"{data.as_json(found.status)}\n",
        }
        for name, text in pages.items():
            pack.add(name, redact(text, self._known).encode("utf-8", "replace"), reserved=True)


def _read_secrets(transport: Transport) -> str:
    outcome = transport.run(READ_SCRIPT, timeout=20.0)
    return outcome.stdout if outcome.status == 0 else ""


def _fetch(transport: Transport, made: str, stream: IO[bytes], budget: int, within: float) -> str:
    """Spool what the host gives, no more than was agreed on; why it broke off, or ""."""
    left = [budget]

    def take(chunk: bytes) -> None:
        stream.write(chunk[: left[0]])
        left[0] = max(0, left[0] - len(chunk))

    try:
        transport.run(made, timeout=within, on_bytes=take)
    except BundlerError as error:
        return error.what
    return ""


def archive_name(site: str, now: datetime | None = None) -> str:
    """`shop-berlin-20270608`."""
    return f"{site}-{(now or datetime.now(UTC)):%Y%m%d-%H%M%S}"


def own_logs(folder: Path, product: str) -> Iterator[Path]:
    """Logs of earlier runs in this folder, the newest first."""
    with contextlib.suppress(OSError):
        found = [path for path in folder.glob(f"{product}-*.log") if path.is_file()]
        yield from sorted(found, key=lambda path: -path.stat().st_mtime)[:_OWN_LOGS]
