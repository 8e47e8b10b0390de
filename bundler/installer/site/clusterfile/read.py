"""Reading a Clusterfile: all documents, all faults at once."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from bundler.core.errors import BundlerError, ExitCode, Location, Problem, Problems
from bundler.core.yamldoc import Document, YamlLimits, kind_of, load_all, suggest
from bundler.installer.site.clusterfile import schema
from bundler.installer.site.clusterfile.build import Builder, ClusterfileParts
from bundler.installer.site.clusterfile.extras import Extras
from bundler.installer.site.clusterfile.faults import UNSUPPORTED, hide, invalid, not_yet
from bundler.installer.site.clusterfile.files import check_files
from bundler.installer.site.clusterfile.kubeadm import check_fields
from bundler.installer.site.clusterfile.kubeadm_config import faults, parted
from bundler.installer.site.model import Site

_MOST: Final = 8 << 20  # bytes; three thousand hosts take a tenth of it
_LIMITS: Final = YamlLimits(values=500_000)  # aliases followed


def read_file(path: Path) -> Site:
    """The site that a Clusterfile describes.

    Raises BundlerError (NOT_FOUND, INPUT) when it can't be read, Problems as `read` does.
    """
    try:
        with path.open("rb") as stream:
            text = stream.read(_MOST + 1)
    except OSError as error:
        code = ExitCode.NOT_FOUND if isinstance(error, FileNotFoundError) else ExitCode.INPUT
        why = error.strerror or str(error)
        fix = "name it with --clusterfile FILE"
        raise BundlerError("the Clusterfile can't be read", where=path, why=why, code=code, fix=fix) from None
    if len(text) > _MOST:
        raise BundlerError("the Clusterfile is larger than 8 MiB", where=path, code=ExitCode.INPUT)
    site, builder = _read(text, str(path))
    notes = check_files(builder)
    if site.external is not None and site.external.ca_file:
        authority = Path(site.external.ca_file).expanduser().read_text(encoding="ascii", errors="replace")
        site = replace(site, external=replace(site.external, ca=authority))
    return replace(site, notices=(*site.notices, *notes))


def read(text: str | bytes, file: str) -> Site:
    """The site that this text describes; `file` names it in messages, and files are looked for beside it.

    Raises Problems with every fault: UNSUPPORTED when all of them are fields of a later version, else INPUT.
    """
    return _read(text, file)[0]


def _read(text: str | bytes, file: str) -> tuple[Site, Builder]:
    try:
        loaded = load_all(text, file, limits=_LIMITS)
        documents = [document for document in loaded if document.data is not None]
    except Problems as error:
        raise Problems(tuple(hide(each) for each in error.problems)) from None
    parts = ClusterfileParts()
    problems = [problem for document in documents for problem in _take(document, parts)]
    if parts.cluster is None:
        if not any(isinstance(each.data, dict) and each.data.get("kind") == "Cluster" for each in documents):
            hint = "it needs apiVersion: bundler/v1, kind: Cluster, spec.hosts"
            problems.append(Problem(Location(file), "missing-document", "there is no Cluster document", hint))
        raise _problems(problems)
    document, cluster = parts.cluster
    builder = Builder(document, Path(file).parent)
    site = builder.site(cluster, parts)
    if problems or builder.problems:
        raise _problems([*problems, *builder.problems])
    return site, builder


def read_plugins(text: str | bytes, file: str) -> Extras:
    """The plug-ins of a file of the bundle. Raises Problems with every fault."""
    parts = ClusterfileParts()
    documents = [document for document in load_all(text, file) if document.data is not None]
    problems = [problem for document in documents for problem in _take(document, parts)]
    problems += (
        document.problem(("kind",), "wrong-document", "only plug-ins stand here")
        for document in documents
        if isinstance(document.data, dict) and document.data.get("kind") not in {"Plugin", None}
    )
    extras = Extras()
    for plugin in parts.plugins:
        extras.plugin(*plugin)
    if problems or extras.problems:
        raise _problems([*problems, *extras.problems])
    return extras


def _problems(found: list[Problem]) -> Problems:
    later = all(problem.rule == UNSUPPORTED for problem in found)
    code = ExitCode.UNSUPPORTED if later else ExitCode.INPUT
    return Problems(tuple(hide(problem) for problem in found), code=code)


def _take(document: Document, parts: ClusterfileParts) -> Iterator[Problem]:
    """Put a document where it belongs, and tell its faults."""
    data = document.data
    if not isinstance(data, dict):
        yield document.problem((), "wrong-document", f"a document must be a mapping, not {kind_of(data)}")
        return
    kind = data.get("kind")
    if kind in schema.RAW_KINDS:
        yield from _take_raw(document, str(kind), parts)
    elif kind in schema.KINDS:
        yield from _take_ours(document, str(kind), parts)
    elif kind == schema.KUBEADM_CONFIG:
        yield from _take_mixed(document, parts)
    else:
        known = (*schema.KINDS, *schema.RAW_KINDS, schema.KUBEADM_CONFIG)
        message = f"unknown kind {kind!r}" if kind else "the document has no kind"
        yield document.problem(("kind",), "unknown-kind", message, hint=suggest(kind, known))


def _take_raw(document: Document, kind: str, parts: ClusterfileParts) -> Iterator[Problem]:
    version = document.data.get("apiVersion")
    group = schema.RAW_KINDS[kind]
    if not isinstance(version, str) or version.partition("/")[0] != group:
        message = f"{kind} must have an apiVersion of {group}"
        yield document.problem(("apiVersion",), "wrong-version", message)
    elif kind in parts.kubeadm:
        yield document.problem(("kind",), "duplicate-document", f"a second {kind}")
    else:
        yield from check_fields(document, kind)
        parts.kubeadm[kind] = document.data
        parts.documents[kind] = document


def _take_ours(document: Document, kind: str, parts: ClusterfileParts) -> Iterator[Problem]:
    version = document.data.get("apiVersion")
    if version not in schema.API_VERSIONS[kind]:
        yield _wrong_version(document, kind)
        return
    yield from not_yet(document, schema.KINDS[kind])
    try:
        model: Any = schema.KINDS[kind].model_validate(document.data)
    except ValidationError as error:
        yield from invalid(document, schema.KINDS[kind], error)
        return
    match model:
        case schema.Config():
            parts.configs.append((document, model))
        case schema.Plugin():
            parts.plugins.append((document, model))
        case schema.Cluster() if parts.cluster is None:
            parts.cluster = (document, model)
        case schema.Application() if parts.application is None:
            parts.application = (document, model)
        case _:
            yield document.problem(("kind",), "duplicate-document", f"a second {kind}")


def _take_mixed(document: Document, parts: ClusterfileParts) -> Iterator[Problem]:
    """Its fields go where they would stand in documents of their own, which exclude it."""
    kind = schema.KUBEADM_CONFIG
    if document.data.get("apiVersion") not in schema.API_VERSIONS[kind]:
        yield _wrong_version(document, kind)
        return
    problems = tuple(faults(document))
    yield from problems
    if problems:
        return
    for name, data in parted(document).items():
        if name in parts.kubeadm:
            yield document.problem(("kind",), "duplicate-document", f"a second {name}, in this {kind}")
        parts.kubeadm[name] = data
        parts.documents[name] = document.below("spec")


def _wrong_version(document: Document, kind: str) -> Problem:
    known = ", ".join(sorted(schema.API_VERSIONS[kind], reverse=True))
    return document.problem(("apiVersion",), "wrong-version", f"apiVersion of {kind} must be one of: {known}")
