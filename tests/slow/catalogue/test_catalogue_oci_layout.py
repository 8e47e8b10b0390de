"""oci_layout.py: the same folders give the same image, wherever, whenever and by whomever they were made."""

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
import zstandard

from bundler.builder.kubefile.catalogue import default_catalogue

SCRIPT = default_catalogue() / "tools/oci_layout.py"
pytestmark = pytest.mark.skipif(
    shutil.which("zstd") is None, reason="the zstd program is not on this machine"
)
NAME = "registry.example/team/app:1"


def compose(layout: Any, name: Any = NAME, *options: Any) -> Any:
    command = [SCRIPT, layout, name, "--platform", "linux/amd64", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def folder(path: Any, *, when: int = 0, umask: int = 0o022) -> Any:
    """A folder with a program, a file, a link and an empty folder."""
    before = os.umask(umask)
    try:
        (path / "bin").mkdir(parents=True)
        (path / "empty").mkdir()
        (path / "bin/tool").write_bytes(b"\x7fELF" + bytes(100_000))
        (path / "bin/tool").chmod(0o755 & ~umask)
        (path / "notes").write_text("text\n")
        (path / "bin/alias").symlink_to("tool")
    finally:
        os.umask(before)
    for one in path.rglob("*"):
        os.utime(one, (when, when), follow_symlinks=False)
    return path


def blob(layout: Any, digest: Any) -> Any:
    data = (layout / "blobs/sha256" / digest.removeprefix("sha256:")).read_bytes()
    assert f"sha256:{hashlib.sha256(data).hexdigest()}" == digest
    return data


def manifest(layout: Any, name: Any = NAME) -> Any:
    index = json.loads((layout / "index.json").read_bytes())
    (entry,) = [
        one for one in index["manifests"] if one["annotations"]["org.opencontainers.image.ref.name"] == name
    ]
    raw = blob(layout, entry["digest"])
    assert len(raw) == entry["size"]
    return json.loads(raw)


def test_time_and_umask_leave_no_trace(tmp_path: Path) -> None:
    one = folder(tmp_path / "one", when=1_000_000_000, umask=0o022)
    two = folder(tmp_path / "elsewhere/two", when=1_700_000_000, umask=0o077)
    for layout, source in (("a", one), ("b", two)):
        assert (
            compose(tmp_path / layout, NAME, "--layer", source, "--entrypoint", "/bin/tool").returncode == 0
        )
    files = [
        {
            path.relative_to(tmp_path / layout): path.read_bytes()
            for path in (tmp_path / layout).rglob("*")
            if path.is_file()
        }
        for layout in ("a", "b")
    ]
    assert files[0] == files[1]


def test_every_digest_and_size_holds(tmp_path: Path) -> None:
    compose(
        tmp_path / "a", NAME, "--layer", folder(tmp_path / "one"), "--env", "K=V", "--entrypoint", "/bin/tool"
    )
    made = manifest(tmp_path / "a")
    config = json.loads(blob(tmp_path / "a", made["config"]["digest"]))
    (layer,) = made["layers"]
    packed = blob(tmp_path / "a", layer["digest"])
    assert len(packed) == layer["size"]
    unpacked = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(unpacked).hexdigest()}"]
    assert config["config"]["Entrypoint"] == ["/bin/tool"]
    assert "K=V" in config["config"]["Env"]
    assert (config["os"], config["architecture"]) == ("linux", "amd64")


def test_a_layer_holds_names_in_order_and_plain_modes(tmp_path: Path) -> None:
    compose(tmp_path / "a", NAME, "--layer", folder(tmp_path / "one", umask=0o077))
    packed = blob(tmp_path / "a", manifest(tmp_path / "a")["layers"][0]["digest"])
    raw = tmp_path / "layer.tar"
    raw.write_bytes(zstandard.ZstdDecompressor().decompressobj().decompress(packed))
    with tarfile.open(raw) as tar:
        members = [(one.name, one.mode, one.uid, one.uname, one.mtime, one.linkname) for one in tar]
    assert members == [
        ("bin", 0o755, 0, "", 0, ""),
        ("bin/alias", 0o777, 0, "", 0, "tool"),
        ("bin/tool", 0o755, 0, "", 0, ""),
        ("empty", 0o755, 0, "", 0, ""),
        ("notes", 0o644, 0, "", 0, ""),
    ]


def test_images_share_a_layer_and_keep_to_their_names(tmp_path: Path) -> None:
    base, own = folder(tmp_path / "base"), tmp_path / "own"
    own.mkdir()
    (own / "page").write_text("1")
    layout = tmp_path / "a"
    compose(layout, NAME, "--layer", base)
    compose(layout, "registry.example/team/other:1", "--layer", base, "--layer", own)
    first, second = manifest(layout), manifest(layout, "registry.example/team/other:1")
    assert second["layers"][0] == first["layers"][0]
    assert len(list((layout / "blobs/sha256").iterdir())) == 6  # 2 manifests, 2 configs, 2 layers


def test_the_same_name_again_means_the_new_image(tmp_path: Path) -> None:
    one, layout = folder(tmp_path / "one"), tmp_path / "a"
    compose(layout, NAME, "--layer", one)
    before = manifest(layout)
    (one / "notes").write_text("other")
    compose(layout, NAME, "--layer", one)
    assert manifest(layout) != before


def test_what_no_layer_can_hold_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    one = folder(tmp_path / "one")
    os.mkfifo(one / "pipe")
    done = compose(tmp_path / "a", NAME, "--layer", one)
    assert done.returncode == 1
    assert f"{one}/pipe is neither a file, a folder nor a link" in done.stderr
    assert list((tmp_path / "a/blobs/sha256").iterdir()) == []
