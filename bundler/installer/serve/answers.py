"""From a request to an answer, without a socket: addresses, ranges, the registry's JSON.

Follows the OCI distribution specification 1.1 (the pulling part) and RFC 9110 (ranges, conditions).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from bundler.core.digest import Digest
from bundler.core.oci import OCI_INDEX
from bundler.installer.serve.contents import Contents, Repository, ServedFile

MAX_PAGE: Final = 10_000  # names or tags in one answer
_JSON: Final = "application/json"
_API: Final = {"Docker-Distribution-API-Version": "registry/2.0"}
_OCI = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs|tags|referrers)/(?P<what>[^/]+)")
_RANGE = re.compile(r"bytes=(?P<first>[0-9]{0,18})-(?P<last>[0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: bytes `start` to `stop` of the entry are its body."""

    status: int
    entry: ServedFile
    start: int
    stop: int
    headers: Mapping[str, str] = field(default_factory=dict)


def reply(contents: Contents, target: str, headers: Mapping[str, str]) -> Reply:
    """What GET `target` gives; HEAD gives the same without its body. Header names in lower case."""
    parts = urlsplit(target)
    path, query = unquote(parts.path), parse_qs(parts.query)
    path = "/".join(part for part in path.split("/") if part != ".")  # apt asks for FOLDER/./Packages
    if path == "/v2" or path.startswith("/v2/"):
        return _registry(contents, path, query, headers)
    found = contents.files.get(path.strip("/"))
    if found is not None and not path.endswith("/"):
        return _content(found, headers, {})
    return _folder(contents, path)


def _registry(
    contents: Contents, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str]
) -> Reply:
    if path in {"/v2", "/v2/"}:
        return _text("{}", _JSON)
    if path == "/v2/_catalog":
        return _page("repositories", sorted(contents.repositories), query, {})
    match = _OCI.fullmatch(path)
    if match is None:
        return _error(404, "UNSUPPORTED", "there is nothing at this address")
    home = contents.repository(match["name"], next(iter(query.get("ns", [])), ""))
    if home is None:
        return _error(404, "NAME_UNKNOWN", "the bundle has no such image")
    match match["kind"], match["what"]:
        case "tags", "list":
            return _page("tags", sorted(home.tags), query, {"name": match["name"]})
        case kind, what:
            return _of_repository(home, kind, what, query, headers)


def _of_repository(
    home: Repository, kind: str, what: str, query: Mapping[str, list[str]], headers: Mapping[str, str]
) -> Reply:
    match kind:
        case "referrers":
            return _referrers(home, what, next(iter(query.get("artifactType", [])), ""))
        case "manifests":
            return _found(home.manifest(what), "MANIFEST_UNKNOWN", headers)
        case "blobs":
            return _found(_blob(home, what), "BLOB_UNKNOWN", headers)
        case _:
            return _error(404, "UNSUPPORTED", "there is nothing at this address")


def _referrers(home: Repository, subject: str, kind: str) -> Reply:
    """What refers to a manifest, all of it or one artifactType; nothing for one that isn't here."""
    listed = next((found for digest, found in home.referrers.items() if str(digest) == subject), {})
    entries = [entry for entry in listed.values() if kind in {"", entry["artifactType"]}]
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    answer = _text(json.dumps(index), OCI_INDEX)
    return (
        replace(answer, headers={**answer.headers, "OCI-Filters-Applied": "artifactType"}) if kind else answer
    )


def _blob(home: Repository, what: str) -> ServedFile | None:
    every = home.blobs | home.manifests
    return next((entry for digest, entry in every.items() if str(digest) == what), None)


def _found(entry: ServedFile | None, code: str, headers: Mapping[str, str]) -> Reply:
    if entry is None:
        return _error(404, code, "the bundle does not have it")
    return _content(entry, headers, {"Docker-Content-Digest": str(entry.digest), **_API})


def _content(entry: ServedFile, headers: Mapping[str, str], more: Mapping[str, str]) -> Reply:
    """The whole content, or the range that is asked for, or 304 or 416."""
    tag = f'"{entry.digest}"'
    told = {"ETag": tag, "Accept-Ranges": "bytes", **more}
    if headers.get("if-none-match") in {tag, "*"}:
        return Reply(304, entry, 0, 0, told)
    asked = headers.get("range", "")
    if not asked or headers.get("if-range", tag) != tag:
        return Reply(200, entry, 0, entry.size, told)
    match = _RANGE.fullmatch(asked.replace(" ", ""))
    if match is None or not (match["first"] or match["last"]):  # others may be passed over (RFC 9110, 14.2)
        return Reply(200, entry, 0, entry.size, told)
    start, stop = _bounds(match["first"], match["last"], entry.size)
    if start >= stop:
        return Reply(416, entry, 0, 0, told | {"Content-Range": f"bytes */{entry.size}"})
    return Reply(206, entry, start, stop, told | {"Content-Range": f"bytes {start}-{stop - 1}/{entry.size}"})


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


def _page(key: str, names: list[str], query: Mapping[str, list[str]], more: Mapping[str, str]) -> Reply:
    """A list, from `last` on and at most `n` of it, with the address of the rest."""
    after, asked = (next(iter(query.get(name, [])), "") for name in ("last", "n"))
    left = [name for name in names if name > after]
    count = min(int(asked), MAX_PAGE) if re.fullmatch(r"[0-9]{1,9}", asked) else MAX_PAGE
    page = left[:count]
    headers = dict(_API)
    if page and len(left) > count:
        where = f"/v2/{more['name']}/tags/list" if "name" in more else "/v2/_catalog"
        headers["Link"] = f'<{where}?{urlencode({"n": count, "last": page[-1]})}>; rel="next"'
    return replace(_text(json.dumps({**more, key: page}), _JSON), headers=headers)


def _folder(contents: Contents, path: str) -> Reply:
    """What is below a folder, a name a line."""
    start = path.strip("/")
    start = f"{start}/" if start else ""
    names = {name.removeprefix(start) for name in contents.files if name.startswith(start)}
    lines = sorted({name.partition("/")[0] + ("/" if "/" in name else "") for name in names})
    if not lines:
        return _text("there is nothing at this address\n", "text/plain; charset=utf-8", status=404)
    return _text("".join(f"{line}\n" for line in lines), "text/plain; charset=utf-8")


def _error(status: int, code: str, message: str) -> Reply:
    document: dict[str, Any] = {"errors": [{"code": code, "message": message}]}
    return _text(json.dumps(document), _JSON, status=status)


def _text(text: str, media_type: str, *, status: int = 200) -> Reply:
    data = text.encode()
    return Reply(status, ServedFile(media_type, data, Digest.of(data)), 0, len(data), _API)
