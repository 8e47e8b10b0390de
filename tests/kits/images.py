"""Small container images made of nothing, and a registry that can be told to misbehave. Loopback only."""

import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OCI = "application/vnd.oci.image"
DOCKER = "application/vnd.docker"


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer(files: dict[str, bytes]) -> bytes:
    """An uncompressed layer, the same bytes for the same files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


class MadeImage:
    """One image: manifest, config and gzipped layers, as bytes. docker: Docker's media types, else OCI's."""

    def __init__(self, *contents: bytes, docker: bool = False, platform: str = "linux/amd64") -> None:
        system, architecture, *variant = platform.split("/")
        self.platform = {"os": system, "architecture": architecture} | (
            {"variant": variant[0]} if variant else {}
        )
        self.tars = [layer({"file": data}) for data in contents]
        self.layers = [gzip.compress(tar, 1, mtime=0) for tar in self.tars]
        rootfs = {"type": "layers", "diff_ids": [digest_of(tar) for tar in self.tars]}
        self.config = json.dumps(self.platform | {"config": {}, "rootfs": rootfs, "history": []}).encode()
        kinds = (
            (
                f"{DOCKER}.distribution.manifest.v2+json",
                f"{DOCKER}.container.image.v1+json",
                f"{DOCKER}.image.rootfs.diff.tar.gzip",
            )
            if docker
            else (f"{OCI}.manifest.v1+json", f"{OCI}.config.v1+json", f"{OCI}.layer.v1.tar+gzip")
        )
        self.media_type = kinds[0]
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": kinds[0],
                "config": described(self.config, kinds[1]),
                "layers": [described(one, kinds[2]) for one in self.layers],
            }
        ).encode()
        self.digest = digest_of(self.manifest)

    def entry(self) -> dict[str, Any]:
        """How an index lists it."""
        return described(self.manifest, self.media_type) | {"platform": self.platform}

    def blobs(self) -> dict[str, bytes]:
        return {digest_of(blob): blob for blob in (self.config, *self.layers)}


def described(data: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}


def index_of(*images: MadeImage, docker: bool = False) -> bytes:
    kind = f"{DOCKER}.distribution.manifest.list.v2+json" if docker else f"{OCI}.index.v1+json"
    entries = [image.entry() for image in images]
    return json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": entries}).encode()


def layout_files(entries: dict[str, MadeImage]) -> dict[str, bytes]:
    """An OCI layout with these images under these ref names."""
    files = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}'}
    listed = []
    for name, image in entries.items():
        note = {"annotations": {"org.opencontainers.image.ref.name": name}} if name else {}
        listed.append(described(image.manifest, image.media_type) | note)
        for data in (image.manifest, image.config, *image.layers):
            files[f"blobs/sha256/{digest_of(data).partition(':')[2]}"] = data
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": listed}).encode()
    return files


def docker_files(entries: dict[str, MadeImage]) -> dict[str, bytes]:
    """What `docker save` writes for images of these names; "" for one without."""
    files: dict[str, bytes] = {}
    listed = []
    for name, image in entries.items():
        config = f"{digest_of(image.config)[7:]}.json"
        layers = [f"{digest_of(tar)[7:]}/layer.tar" for tar in image.tars]
        files |= {config: image.config} | dict(zip(layers, image.tars, strict=True))
        listed.append({"Config": config, "RepoTags": [name] if name else None, "Layers": layers})
    return files | {"manifest.json": json.dumps(listed).encode()}


Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Serves what the registry holds; a scripted answer for a path comes first."""

    protocol_version = "HTTP/1.1"
    server: "StubRegistry"

    def do_GET(self) -> None:
        self.server.seen.append((self.path, dict(self.headers)))
        scripted = self.server.scripts.get(self.path, [])
        if scripted:
            scripted.pop(0)(self)
        else:
            self.serve()

    do_POST = do_GET  # noqa: N815  (the name that http.server calls)

    def serve(self) -> None:
        found = self.server.content.get(self.path)
        if found is None:
            error = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
            return self.say(404, json.dumps(error).encode())
        media_type, data = found
        begin = 0
        if wanted := self.headers.get("Range"):
            begin = int(wanted.removeprefix("bytes=").partition("-")[0])
            extra = {"Content-Range": f"bytes {begin}-{len(data) - 1}/{len(data)}"}
            return self.say(206, data[begin:], {"Content-Type": media_type} | extra)
        return self.say(200, data, {"Content-Type": media_type})

    def say(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class StubRegistry(ThreadingHTTPServer):
    """A registry on loopback. `scripts`: path → answers that are given, once each, before the true one."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content: dict[str, tuple[str, bytes]] = {}
        self.scripts: dict[str, list[Answer]] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.host = f"127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is part of the game."""

    def put(self, name: str, image: MadeImage) -> str:
        """Make an image available as NAME:TAG and by digest; its full name."""
        repository, _, tag = name.partition(":")
        self.content |= {
            f"/v2/{repository}/blobs/{digest}": ("application/octet-stream", data)
            for digest, data in image.blobs().items()
        }
        self._put_manifest(repository, tag, image.manifest, image.media_type)
        return f"{self.host}/{name}"

    def put_index(self, name: str, raw: bytes) -> str:
        repository, _, tag = name.partition(":")
        self._put_manifest(repository, tag, raw, json.loads(raw)["mediaType"])
        return f"{self.host}/{name}"

    def _put_manifest(self, repository: str, tag: str, raw: bytes, media_type: str) -> None:
        for wanted in (tag, digest_of(raw)):
            self.content[f"/v2/{repository}/manifests/{wanted}"] = (media_type, raw)

    def script(self, path: str, *answers: Answer) -> None:
        self.scripts[path] = list(answers)

    def asked(self, part: str) -> list[dict[str, str]]:
        """The headers of all requests whose path holds `part`."""
        return [headers for path, headers in self.seen if part in path]
