"""Bundles with only what changed, and with layers compressed anew: built, carried, applied, refused.

The builder's and the installer's own command lines, skopeo, docker-registry; a real shell on this machine in
the site's place. The frozen installer is a stand-in where only the stub would start it.
"""

import json
import os
import random
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from bundler.builder.bundles.split import split
from bundler.core.archive import Bundle
from bundler.core.archive.bases import opened
from bundler.core.archive.recipes import MemberContent
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.plan.steps import Delivery
from bundler.installer.run.deliver import BundleSource
from bundler.installer.run.site_base import SiteBase
from tests.kits import run_files
from tests.kits.images import MadeImage, layout_files
from tests.kits.transports import private_transport
from tests.real import registry_kit

LACKS = registry_kit.missing()
pytestmark = [pytest.mark.real, pytest.mark.skipif(bool(LACKS), reason=LACKS or "all there")]

DICE = random.Random(11)  # noqa: S311  (noise, not a secret)
BASE = b"".join(b"%d a line of a program\n" % (n * 7919 % 100_003) for n in range(200_000))
PROGRAM = DICE.randbytes(3 << 20)
TOOL = DICE.randbytes(700_000)
KUBEFILE = """\
FROM scratch
LABEL org.opencontainers.image.title=shop org.opencontainers.image.version={version}
COPY tool bin/tool
COPY note etc/note
IMAGE oci:layout
"""


@dataclass(frozen=True, slots=True)
class Product:
    """A folder with builds of several versions; each is made from the same cache."""

    folder: Path

    def make(self, version: str, image: MadeImage, tool: bytes, *options: str, name: str = "") -> Path:
        """Run `bundler make`; gives the .run."""
        context = self.folder / f"context-{version}"
        if not context.exists():
            context.mkdir()
            (context / "Kubefile").write_text(KUBEFILE.format(version=version))
            (context / "tool").write_bytes(tool)
            (context / "note").write_bytes(b"the same in all versions\n" * 2000)
            registry_kit.write_layout(context / "layout", layout_files({"quay.io/acme/shop:1": image}))
        target = self.folder / name / f"shop-{version}.run" if name else self.folder / f"shop-{version}.run"
        target.parent.mkdir(exist_ok=True)
        done = self.run("make", str(context), "-o", str(target), *options)
        assert done.returncode == 0, done.stderr
        target.with_suffix(".told").write_text(done.stdout)
        return target

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The builder's command line."""
        words = (*words, "--cache", str(self.folder / "cache")) if words[0] == "make" else words
        runtime = ("--runtime", str(self.folder / "runtime.tar.gz")) if words[0] == "make" else ()
        argv = [sys.executable, "-m", "bundler.builder", *words, *runtime]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Product:
    folder = tmp_path_factory.mktemp("product")
    run_files.runtime(folder / "runtime.tar.gz")
    return Product(folder)


@pytest.fixture(scope="module")
def old(product: Product) -> Path:
    return product.make("1", MadeImage(BASE, PROGRAM), TOOL)


NEWER = MadeImage(BASE, PROGRAM[: 1 << 20] + DICE.randbytes(100_000) + PROGRAM[(1 << 20) + 100_000 :])
NEWER_TOOL = TOOL[:300_000] + b"a patch" + TOOL[300_000:]


@pytest.fixture(scope="module")
def full(product: Product) -> Path:
    return product.make("2", NEWER, NEWER_TOOL, name="full")


@pytest.fixture(scope="module")
def delta(product: Product, old: Path) -> Path:
    return product.make("2", NEWER, NEWER_TOOL, "--base", str(old))


@pytest.fixture
def alone(delta: Path, tmp_path: Path) -> Path:
    """The delta in a folder of its own, where nothing lies beside it."""
    folder = tmp_path / "stick"
    folder.mkdir()
    return Path(shutil.copy(delta, folder))


def installer(run: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "bundler.installer.cli.main", *words]
    environment = os.environ | {"BUNDLER_RUN_FILE": str(run), "BUNDLER_ARGV0": run.name} | env
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300, env=environment)


def contents(path: Path) -> dict[str, bytes]:
    """Every member that isn't a bill of materials, by its path; those of recipes' own folders left out."""
    with opened(path) as bundle:
        return {
            member.path: b"".join(bundle.chunks(member))
            for member in bundle.index.members
            if member.path.startswith(("root/", "images/"))
        }


def test_a_delta_carries_the_changes_and_gives_all_contents(full: Path, delta: Path) -> None:
    with Bundle.open(delta) as bundle:
        carried = bundle.seal.section("archive").length
    assert 100_000 < carried < 180_000  # what changed is noise, and the bills of materials come besides
    assert contents(delta) == contents(full)
    assert "rests on shop 1: " in delta.with_suffix(".told").read_text()


def test_the_same_delta_is_made_twice(product: Product, old: Path, delta: Path) -> None:
    fresh = Product(product.folder / "again")
    fresh.folder.mkdir()
    shutil.copy(product.folder / "runtime.tar.gz", fresh.folder)
    again = fresh.make("2", NEWER, NEWER_TOOL, "--base", str(old))
    assert again.read_bytes() == delta.read_bytes()


def test_every_byte_of_a_delta_is_checked_without_its_base(alone: Path) -> None:
    told = subprocess.run(["sh", str(alone), "--check"], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert "recipes!: OK" in told.stdout


def test_what_is_not_there_is_named_with_the_fix(alone: Path, old: Path, tmp_path: Path) -> None:
    there = installer(alone, "extract", "root/etc/note", "--target", str(tmp_path / "out"))
    assert there.returncode == ExitCode.NOT_FOUND
    assert "has only what changed since shop 1" in there.stderr
    assert "name it with --base" in there.stderr
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())
    named = installer(alone, "extract", "root", "--target", str(tmp_path / "out"), "--base", str(old))
    assert named.returncode == 0, named.stderr
    assert (tmp_path / "out/root/bin/tool").read_bytes() == NEWER_TOOL


def test_another_bundle_is_no_base(alone: Path, full: Path, tmp_path: Path) -> None:
    told = installer(alone, "extract", "root", "--target", str(tmp_path / "out"), "--base", str(full))
    assert told.returncode == ExitCode.INPUT
    assert "not the bundle that it rests on" in told.stderr


def test_a_base_in_parts_will_do(alone: Path, old: Path, tmp_path: Path) -> None:
    split(old, 300_000, alone.parent / "old.run")
    told = installer(alone, "extract", "root/bin/tool", "--target", str(tmp_path / "out"))
    assert told.returncode == 0, told.stderr


def test_a_damaged_base_is_found_out(alone: Path, old: Path, tmp_path: Path) -> None:
    with Bundle.open(old) as bundle:
        layer = max(bundle.index.members, key=lambda member: member.length)
        place = bundle.seal.section("archive").offset + layer.offset + layer.length // 2
    spoiled = alone.parent / "old.run"
    shutil.copy(old, spoiled)
    with spoiled.open("r+b") as file:
        file.seek(place)
        file.write(b"spoiled")
    told = installer(alone, "export", "images", str(tmp_path / "out"))
    assert told.returncode == ExitCode.INTEGRITY
    assert "Traceback" not in told.stderr
    assert not (tmp_path / "out").exists()


def test_the_installer_comes_from_the_base_beside_it_or_named(alone: Path, old: Path, tmp_path: Path) -> None:
    env = os.environ | {"TMPDIR": str(tmp_path)}

    def start(*words: str) -> subprocess.CompletedProcess[str]:
        argv = ["sh", str(alone), *words]
        return subprocess.run(argv, capture_output=True, text=True, check=False, env=env, timeout=60)

    refused = start("plan")
    assert refused.returncode == ExitCode.NOT_FOUND
    assert "only what changed since shop 1, and no installer" in refused.stderr
    assert "name it with --base FILE" in refused.stderr
    for words in (["plan", "--base", str(old)], ["plan", f"--base={old}"]):
        shutil.rmtree(next(tmp_path.glob("bundler-*")))
        started = start(*words)
        assert (started.returncode, started.stdout.splitlines()[0]) == (7, "plan"), started.stderr
    assert start("plan").returncode == 7  # it is unpacked already
    shutil.rmtree(next(tmp_path.glob("bundler-*")))
    shutil.copy(old, alone.parent / "a base.run")
    assert start("plan").returncode == 7


def test_another_installer_is_not_borrowed(alone: Path, old: Path, tmp_path: Path) -> None:
    """Whose sha256 is another, or which is damaged."""
    with Bundle.open(old) as bundle:
        runtime = bundle.seal.section("runtime")
    spoiled = alone.parent / "old.run"
    shutil.copy(old, spoiled)
    with spoiled.open("r+b") as file:
        file.seek(runtime.offset + runtime.length // 2)
        file.write(b"spoiled")
    argv = ["sh", str(alone), "plan"]
    env = os.environ | {"TMPDIR": str(tmp_path)}
    told = subprocess.run(argv, capture_output=True, text=True, check=False, env=env, timeout=60)
    assert told.returncode == ExitCode.NOT_FOUND


SWAP = """#!/bin/sh
# Stands before sha256sum on PATH: once a sum is made, the lender is another file.
sum=$("{real}" "$@")
cp "{evil}" "{lender}"
echo "$sum"
"""


@pytest.mark.parametrize("shell", [["dash"], ["bash"]])  # busybox has a sha256sum of its own
def test_a_lender_that_changes_after_it_was_hashed_is_not_unpacked(
    shell: list[str], alone: Path, old: Path, tmp_path: Path
) -> None:
    lender = Path(shutil.copy(old, alone.parent / "old.run"))
    with Bundle.open(old) as bundle:
        runtime = bundle.seal.section("runtime")
    evil = run_files.runtime(tmp_path / "evil.tar.gz", "#!/bin/sh\necho owned\n").read_bytes()
    assert len(evil) <= runtime.length
    data = bytearray(old.read_bytes())
    data[runtime.offset : runtime.end] = evil.ljust(runtime.length, b"\0")
    (tmp_path / "evil.run").write_bytes(data)
    tools = tmp_path / "tools"
    tools.mkdir()
    swap = SWAP.format(real=shutil.which("sha256sum"), evil=tmp_path / "evil.run", lender=lender)
    for name, text in (("sha256sum", swap), ("openssl", "#!/bin/sh\nexit 1\n")):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    env = os.environ | {"TMPDIR": str(tmp_path), "PATH": f"{tools}:{os.environ['PATH']}"}
    argv = [*shell, str(alone), "plan"]
    told = subprocess.run(argv, capture_output=True, text=True, check=False, env=env, timeout=60)
    assert lender.read_bytes() == bytes(data)  # it was changed behind the first sum
    assert (told.returncode, told.stdout.splitlines()[0]) == (7, "plan"), told.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to somebody else")
@pytest.mark.parametrize("named", [True, False])
def test_another_users_file_lends_no_installer(alone: Path, old: Path, tmp_path: Path, named: bool) -> None:  # noqa: FBT001  (a test's case)
    lender = Path(shutil.copy(old, (tmp_path if named else alone.parent) / "old.run"))
    os.chown(lender, 12345, 12345)
    argv = ["sh", str(alone), "plan", *(["--base", str(lender)] if named else [])]
    env = os.environ | {"TMPDIR": str(tmp_path)}
    told = subprocess.run(argv, capture_output=True, text=True, check=False, env=env, timeout=60)
    assert told.returncode == ExitCode.NOT_FOUND
    assert f"{lender}: belongs to user 12345" in told.stderr
    os.chown(alone, 12345, 12345)  # whoever owns the file that is started needs no lender to do harm
    told = subprocess.run(argv, capture_output=True, text=True, check=False, env=env, timeout=60)
    assert told.returncode == 7


def _neighbour(kind: str, place: Path, old: Path) -> None:
    """Something that is called like a .run, and is none that could lend anything."""
    match kind:
        case "FIFO":
            os.mkfifo(place)
        case "device":
            place.symlink_to("/dev/zero")
        case "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(place))
        case "folder":
            place.mkdir()
        case "dangling":
            place.symlink_to("nowhere")
        case "circle":
            place.symlink_to(place.name)
        case "itself":
            place.symlink_to(next(place.parent.glob("shop*.run")).name)
        case "no size of a .run":
            place.write_bytes(old.read_bytes()[:-1])
        case "a seal of numbers that are code":
            data = bytearray(old.read_bytes())
            at = data.rindex(b"\nruntime ") + 1
            digest = data[data.index(b"sha256:", at) : data.index(b"\n", at)]
            line = b"runtime a[$(touch${IFS}x)] a[$(touch${IFS}x)] " + digest
            data[at : at + len(line)] = line
            place.write_bytes(data)
        case _:
            shutil.copy(old, place)
            place.chmod(0)


@pytest.mark.parametrize(
    "kind",
    [
        *("FIFO", "device", "socket", "folder", "dangling", "circle", "itself", "no size of a .run"),
        "a seal of numbers that are code",
    ],
)
def test_odd_neighbours_hinder_nobody(alone: Path, old: Path, tmp_path: Path, kind: str) -> None:
    """They lie in front of the one that lends; the installer finds that one, and so does its reader."""
    _neighbour(kind, alone.parent / "a.run", old)
    argv, env = ["sh", str(alone), "plan"], os.environ | {"TMPDIR": str(tmp_path)}

    def start() -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, capture_output=True, text=True, check=False, env=env, timeout=60)

    assert start().returncode == ExitCode.NOT_FOUND
    shutil.copy(old, alone.parent / "b.run")
    told = start()
    assert (told.returncode, told.stdout.splitlines()[0]) == (7, "plan"), told.stderr
    assert contents(alone)["root/bin/tool"] == NEWER_TOOL
    assert not (Path.cwd() / "x").exists()


def test_the_installer_is_put_in_on_request(product: Product, old: Path) -> None:
    made = product.make("2", NEWER, NEWER_TOOL, "--base", str(old), "--with-installer", name="starts")
    with Bundle.open(made) as bundle:
        assert bundle.seal.section("runtime").length == bundle.runtime.size > 0
        assert bundle.recipes.runtime is None


def test_skopeo_reads_images_that_were_exported_out_of_a_delta(delta: Path, tmp_path: Path) -> None:
    told = installer(delta, "export", "images", str(tmp_path / "out"))
    assert told.returncode == 0, told.stderr
    found = registry_kit.skopeo("inspect", f"oci:{tmp_path}/out:quay.io/acme/shop:1")
    assert json.loads(found)["Digest"] == NEWER.digest


def test_a_delta_on_a_delta_applies(product: Product, delta: Path) -> None:
    third = product.make("3", NEWER, NEWER_TOOL + b"more", "--base", str(delta))
    found = contents(third)
    assert found["root/bin/tool"] == NEWER_TOOL + b"more"
    with Bundle.open(third) as bundle:
        assert bundle.seal.section("archive").length < 60_000


def test_a_delta_is_compared_with_its_base_like_the_full_bundle(
    product: Product, old: Path, alone: Path, full: Path
) -> None:
    told = [product.run("diff", str(old), str(new)) for new in (alone, full)]
    assert [done.returncode for done in told] == [1, 1], told[0].stderr
    changed = [[line for line in done.stdout.splitlines() if "root/" in line] for done in told]
    assert changed[0] == changed[1]
    assert any("root/bin/tool" in line for line in changed[0])


def test_from_takes_a_delta_with_its_base_beside_it(product: Product, delta: Path) -> None:
    context = product.folder / "child"
    context.mkdir()
    (context / "Kubefile").write_text(f"FROM {os.path.relpath(delta, context)}\nRUN cp bin/tool bin/copied\n")
    done = product.run("make", str(context), "-o", str(product.folder / "child.run"))
    assert done.returncode == 0, done.stderr
    assert contents(product.folder / "child.run")["root/bin/copied"] == NEWER_TOOL


def test_a_site_that_has_the_base_is_enough(
    alone: Path, old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the earlier bundle put on a host; what changed there is not taken."""
    state = tmp_path / "contents"
    with Bundle.open(old) as before:
        lines = []
        for number, member in enumerate(before.index.members):
            place = tmp_path / f"file {number}"
            place.write_bytes(b"".join(before.chunks(member)))
            lines.append(f"{member.digest.hex} {place}\n")
    state.write_text("".join(lines))
    monkeypatch.setattr("bundler.installer.run.site_base.CONTENTS", str(state))
    monkeypatch.setattr("bundler.installer.run.site_base._LIST", _listing(state))
    host = private_transport("10.0.0.1")
    with Bundle.open(alone) as bundle:
        needed = bundle.needs
        assert needed is not None
        site = SiteBase(host, needed)
        assert {content.digest for content in needed.contents.values()} <= site.digests()
        bundle.rest_on(site)
        source = BundleSource(bundle, site)
        for member in bundle.index.members:
            assert sum(map(len, source.chunks(Delivery(member.path, "/x", 0o644)))) == member.size
        digest = bundle.member("root/bin/tool").digest
        (tmp_path / "file 0").write_bytes(b"changed")
        first = before.index.members[0]
        with pytest.raises(BundlerError) as caught:
            list(site.chunks(MemberContent(first.digest, first.size)))
        assert caught.value.code is ExitCode.NOT_FOUND
        assert "name the .run of shop 1" in caught.value.fix
        assert digest not in site.digests()
        assert not site.has(digest)
        assert site.has(before.index.members[1].digest)
    host.close()


def _listing(state: Path) -> str:
    return f'while read -r hex path; do [ ! -f "$path" ] || echo "$hex"; done <"{state}" | sort -u'


def test_a_reader_that_stops_early_leaves_nobody_waiting(
    alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = bytes(64 << 20)
    (tmp_path / "big").write_bytes(data)
    (tmp_path / "contents").write_text(f"{_sha256(data)} {tmp_path / 'big'}\n")
    monkeypatch.setattr("bundler.installer.run.site_base.CONTENTS", str(tmp_path / "contents"))
    host = private_transport("10.0.0.1")
    with Bundle.open(alone) as bundle:
        assert bundle.needs is not None
        site = SiteBase(host, bundle.needs)
    chunks = iter(site.chunks(MemberContent(Digest.of(data), len(data))))
    assert next(chunks) == data[: 1 << 16]
    del chunks
    assert host.run("echo on", timeout=10).stdout == "on\n"
    host.close()


def test_layers_come_without_gzip_and_go_back_to_the_byte(product: Product, full: Path) -> None:
    small = product.make("2", NEWER, NEWER_TOOL, "--recompress", name="small")
    assert contents(small) == contents(full)
    told = small.with_suffix(".told").read_text()
    assert "2 layers recompressed: " in told
    with Bundle.open(small) as bundle, Bundle.open(full) as whole:
        assert bundle.seal.section("archive").length < whole.seal.section("archive").length * 0.97
        layers = [member for member in bundle.index.members if member.path.startswith("layers/")]
        assert {str(layer.digest) for layer in layers} == set(json.loads(NEWER.config)["rootfs"]["diff_ids"])
    check = subprocess.run(["sh", str(small), "--check"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stderr


def test_stock_tools_take_a_layer_out_of_a_recompressed_bundle(product: Product, tmp_path: Path) -> None:
    """zstd's window is larger than its own limit only beyond 128 MiB, so no option is needed."""
    small = product.make("2", NEWER, NEWER_TOOL, "--recompress", name="small")
    with Bundle.open(small) as bundle:
        archive = bundle.seal.section("archive")
        layer = next(member for member in bundle.index.members if member.path.startswith("layers/"))
    script = (
        f"dd if='{small}' iflag=skip_bytes,count_bytes bs=1M skip={archive.offset} count={archive.length} "
        f"2>/dev/null | zstd -dc | tar xf - -C '{tmp_path}'"
    )
    subprocess.run(["sh", "-c", script], check=True, timeout=60)
    summed = subprocess.run(
        ["sha256sum", str(tmp_path / layer.path)], capture_output=True, text=True, check=True
    )
    assert summed.stdout.split()[0] == layer.digest.hex


def test_layers_whose_gzip_cannot_be_made_again_stay(product: Product) -> None:
    image = MadeImage(BASE)
    packed = subprocess.run(["gzip", "-6nc"], input=image.tars[0], stdout=subprocess.PIPE, check=True).stdout
    image.layers = [packed]
    manifest = json.loads(image.manifest)
    manifest["layers"][0] |= {"digest": f"sha256:{_sha256(packed)}", "size": len(packed)}
    image.manifest = json.dumps(manifest).encode()
    made = product.make("4", image, TOOL, "--recompress")
    assert "left as before" in made.with_suffix(".told").read_text()
    assert contents(made)[f"images/blobs/sha256/{_sha256(packed)}"] == packed


def _sha256(data: bytes) -> str:
    return Digest.of(data).hex


def test_a_registry_carries_a_delta(product: Product, delta: Path, tmp_path: Path) -> None:
    with registry_kit.running(tmp_path / "registry") as registry:
        name = f"{registry.host}/bundles/shop:2"
        pushed = product.run("push", str(delta), name, "--insecure-registry", registry.host)
        assert pushed.returncode == 0, pushed.stderr
        back = tmp_path / "back.run"
        pulled = product.run("pull", name, "-o", str(back), "--insecure-registry", registry.host)
        assert pulled.returncode == 0, pulled.stderr
        assert back.read_bytes() == delta.read_bytes()


@pytest.mark.usefixtures("old")
def test_a_base_that_is_not_there_is_told(product: Product) -> None:
    told = product.run("make", str(product.folder / "context-1"), "--base", str(product.folder / "none.run"))
    assert told.returncode == ExitCode.NOT_FOUND
    assert "none.run" in told.stderr
