"""No .run gets past the gate unasked: the real command line over real signed files."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bundler.builder.signing.keygen import keygen
from bundler.builder.signing.sign import sign_file
from bundler.builder.signing.signer import find_signer
from bundler.core.archive import Bundle
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.sshkey import PublicKey
from bundler.installer.cli.main import main
from bundler.installer.operations import session as sessions
from bundler.installer.operations.session import Session
from bundler.installer.operations.session_state import SessionState
from bundler.installer.plan.site_pki import READ_SCRIPT, renew
from bundler.installer.run.actions import Captures
from bundler.installer.run.hostlock import Claim
from bundler.installer.site.model import Host, Role
from bundler.installer.transport.connect import Access
from bundler.installer.transport.protocol import Outcome
from bundler.installer.trust.gate import WholeCheck
from bundler.installer.trust.trust import UNSIGNED, Allowed, Release, Verdict
from tests.kits.run_files import make_run
from tests.kits.transports import OK, MemoryTransport
from tests.unit.installer.plan import kit

Call = Callable[..., tuple[int, str, str]]
PAST = ExitCode.NOT_FOUND  # of a Clusterfile that is not there: the file was taken


@pytest.fixture
def product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "demo.run"
    make_run(path)
    monkeypatch.setenv("BUNDLER_RUN_FILE", str(path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    return path


@pytest.fixture
def key(tmp_path: Path) -> PublicKey:
    return keygen(tmp_path / "vendor", b"", "the vendor")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*words: object) -> tuple[int, str, str]:
        code = main([str(word) for word in words])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def sign(product: Path, name: str = "vendor") -> None:
    sign_file(product, find_signer(str(product.parent / name)))


@pytest.mark.parametrize("command", ["apply", "plan", "delete", "facts"])
def test_every_command_refuses_an_unsigned_file(call: Call, product: Path, command: str) -> None:
    code, _, err = call(command, "-f", "/nowhere")
    assert code == ExitCode.TRUST
    assert f"{product}: demo 1.0.0 is not trusted" in err
    assert "--allow-unsigned" in err
    code, _, err = call(command, "-f", "/nowhere", "--allow-unsigned")
    assert (code, "note: demo 1.0.0 is not signed" in err) == (PAST, True)
    assert call(command, "-f", "/nowhere")[0] == ExitCode.TRUST  # nothing of that was remembered


@pytest.mark.parametrize("words", [["serve", "--listen", "127.0.0.1:0"], ["push-images", "127.0.0.1:1"]])
def test_nothing_unsigned_is_handed_to_others(call: Call, product: Path, words: list[str]) -> None:
    code, _, err = call(*words)
    assert (code, f"{product}: demo 1.0.0 is not trusted" in err) == (ExitCode.TRUST, True)


def test_a_trusted_key_is_remembered_and_another_is_refused(
    call: Call, product: Path, key: PublicKey, tmp_path: Path
) -> None:
    sign(product)
    plain = ("apply", "-f", "/nowhere")
    code, _, err = call(
        *plain, "--allow-unsigned"
    )  # one word for one thing: it is signed, by nobody knows whom
    assert (code, key.fingerprint in err) == (ExitCode.TRUST, True)
    assert call(*plain, "--trust", tmp_path / "vendor.pub")[0] == PAST
    assert call(*plain)[0] == PAST
    make_run(product, files={"new": b"version"})
    sign(product)
    assert call(*plain)[0] == PAST
    other = keygen(tmp_path / "other", b"", "")
    sign(product, "other")
    code, _, err = call(*plain, "--trust", other.fingerprint)
    assert (code, key.fingerprint in err, "--accept-new-key" in err) == (ExitCode.TRUST, True, True)
    assert call(*plain, "--trust", other.fingerprint, "--accept-new-key")[0] == PAST
    assert call(*plain)[0] == PAST
    sign(product)
    assert call(*plain)[0] == ExitCode.TRUST


def test_the_users_trust_folder_counts(call: Call, product: Path, key: PublicKey, tmp_path: Path) -> None:
    sign(product)
    folder = tmp_path / "home/.config/bundler/trust.d"
    folder.mkdir(parents=True)
    (folder / "vendor.pub").write_text(f"{key} the vendor\n")
    code, out, _ = call("--verify-sig")
    assert (code, f"signed by the vendor, {key.fingerprint}" in out) == (0, True)
    assert not (folder.parent / "known-products").exists()
    assert call("apply", "-f", "/nowhere")[0] == PAST
    assert (folder.parent / "known-products").read_text() == f"demo {key.fingerprint}\n"


def test_the_signature_of_another_file_is_wrong(call: Call, product: Path, key: PublicKey) -> None:
    sign(product)
    signature = product.read_bytes()[-4096:]
    make_run(product, files={"other": b"content"})
    product.write_bytes(product.read_bytes()[:-4096] + signature)
    code, _, err = call("apply", "-f", "/nowhere", "--trust", key.fingerprint, "--allow-unsigned")
    assert (code, "signature is wrong" in err) == (ExitCode.TRUST, True)


def test_verify_sig_names_what_is_damaged(call: Call, product: Path, key: PublicKey) -> None:
    sign(product)
    with Bundle.open(product) as bundle:
        place = bundle.seal.section("archive").offset
    data = bytearray(product.read_bytes())
    data[place] ^= 1
    product.write_bytes(data)
    code, _, err = call("--verify-sig", "--trust", key.fingerprint)
    assert (code, "damaged: archive" in err) == (ExitCode.INTEGRITY, True)


@contextlib.contextmanager
def session(product: Path, releases: tuple[str, ...], host: MemoryTransport) -> Iterator[Session]:
    """Version 2 of demo on a site that has these records."""
    site = kit.site()
    found = kit.facts(site, control_plane={"releases": releases})
    verdict = Verdict(Release("demo", "2", UNSIGNED), "")
    access, hosts = Access(Path("/nonexistent"), {}), {kit.CONTROL_PLANE: host}
    claim = Claim("token", "a test")
    with Bundle.open(product) as bundle, WholeCheck(bundle) as whole:
        state = SessionState(found)
        yield Session(site, bundle, access, hosts, Captures(), verdict, Allowed(), whole, claim, state)


def settled(product: Path, releases: tuple[str, ...]) -> list[bytes]:
    """The releases that the control plane is to remember before it is changed; the contents apart."""
    given: list[bytes] = []

    def answer(script: str, stdin: bytes) -> Outcome:
        if "/bundles" not in script:
            given.append(stdin)
        return OK

    with session(product, releases, MemoryTransport(kit.CONTROL_PLANE, answer)) as opened:
        opened.settle()
    return given


def test_the_site_remembers_its_releases(product: Path) -> None:
    assert settled(product, ()) == [b"demo 2 unsigned\n"]
    before = ("other 5 unsigned", "demo 1 unsigned")
    assert settled(product, before) == [b"other 5 unsigned\ndemo 2 unsigned\n"]
    assert settled(product, ("demo 2 unsigned",)) == []


def test_each_stage_of_a_restore_finds_the_certificates_of_the_one_before(
    product: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot of a site at other addresses, whose registries' certificates are of no use here."""
    for name in ("prepare", "wanted_files", "touched", "shipped"):  # this bundle has nothing to install
        monkeypatch.setattr(sessions, name, lambda *_args, **_words: ())
    there = replace(kit.site(), hosts=(Host("10.9.0.2", frozenset({Role.CONTROL_PLANE})),))
    snapshot = renew(found="", site=there, now=datetime.now(UTC)).to_json()
    written = [""]

    def answer(script: str, _stdin: bytes) -> Outcome:
        return Outcome(0, written[-1] if script == READ_SCRIPT else "", "")

    with session(product, (), MemoryTransport(kit.CONTROL_PLANE, answer)) as opened:
        restored = replace(opened, kept_secrets=snapshot)
        for _stage in range(2):
            restored.prepare()
            assert restored.state.secrets is not None
            written.append(restored.state.secrets.to_json())
    assert written[1] == written[2]


def test_a_damaged_file_changes_no_host(product: Path) -> None:
    with Bundle.open(product) as bundle:
        place = bundle.seal.section("archive").offset
    data = bytearray(product.read_bytes())
    data[place] ^= 1
    product.write_bytes(data)
    host = MemoryTransport(kit.CONTROL_PLANE)
    with (
        session(product, (), host) as opened,
        pytest.raises(BundlerError, match="damaged: archive") as caught,
    ):
        opened.settle()
    assert caught.value.code is ExitCode.INTEGRITY
    assert host.scripts == []


def test_an_older_bundle_is_not_planned(product: Path) -> None:
    host = MemoryTransport(kit.CONTROL_PLANE)
    with (
        session(product, ("demo 3 unsigned",), host) as opened,
        pytest.raises(BundlerError, match="older than 3") as caught,
    ):
        opened.plan()
    assert caught.value.code is ExitCode.TRUST
    assert host.scripts == []
