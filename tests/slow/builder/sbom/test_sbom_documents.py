"""The documents of a whole bundle: valid by the formats' own schemas, the same each time, made once."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from bundler.builder.cache.store import Store
from bundler.builder.lib.progress import Silent
from bundler.builder.model.spec import BundleSpec, Identity, SpecContent
from bundler.builder.sbom import scans
from bundler.builder.sbom.account import accounted, source_date
from bundler.builder.sbom.model import CYCLONEDX, PROVENANCE, SPDX
from bundler.builder.sbom.provenance import listing_digest
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import App, AppKind, AppRole, Image, OsPackage, canonical
from tests.unit.builder.sbom.parts import DPKG, deb, go_program, jar, modules, node, pom, status, tar, wheel

BASE = {"etc/os-release": b"ID=debian\nVERSION_ID=12\n", DPKG: status("bash", "libc6")}
CHART = b"name: storefront\nversion: 1.2.3\nannotations:\n  artifacthub.io/license: Apache-2.0\n"
DEP5 = (
    b"Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
    b"Files: *\nLicense: Own thing\n"
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Any]:
    with Store(tmp_path / "cache") as store:
        yield store


@pytest.fixture
def runtime(tmp_path: Path) -> Any:
    path = tmp_path / "runtime.tar.gz"
    path.write_bytes(gzip.compress(b"installer"))
    return path


def put(store: Any, data: Any) -> Any:
    return store.add([data], digest=None, size=None, name="test")


def image(store: Any, name: Any, *layers: Any) -> Any:
    """(the index's entry, the members) of an image of these layers."""
    blobs = [put(store, gzip.compress(tar(layer, mode=0o755), 1, mtime=0)) for layer in layers]
    kind = "application/vnd.oci.image"
    config = put(store, canonical({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": []}}))
    listed = [
        {"mediaType": f"{kind}.layer.v1.tar+gzip", "digest": str(b.digest), "size": b.size} for b in blobs
    ]
    manifest = put(
        store,
        canonical(
            {
                "schemaVersion": 2,
                "mediaType": f"{kind}.manifest.v1+json",
                "config": {
                    "mediaType": f"{kind}.config.v1+json",
                    "digest": str(config.digest),
                    "size": config.size,
                },
                "layers": listed,
            }
        ),
    )
    entry = Image(
        name,
        manifest.digest,
        f"{kind}.manifest.v1+json",
        manifest.size,
        (manifest.digest,),
        tuple(blob.digest for blob in (config, *blobs)),
    )
    return entry, [
        SpecContent(f"images/blobs/sha256/{blob.digest.hex}", blob) for blob in (manifest, config, *blobs)
    ]


@pytest.fixture
def spec(store: Any) -> Any:
    web, web_blobs = image(
        store,
        "registry.example:5000/shop/web:1.0",
        BASE,
        wheel("flask") | node("left-pad", version="1.0.0", license="WTFPL"),
    )
    tool = {"usr/bin/tool": go_program("go1.21.5", modules("mod\texample.org/x/tool\tv1.0.0\th1:"))}
    api, api_blobs = image(
        store, "docker.io/shop/api:2", BASE, tool | {"app/node_modules/bad/package.json": b"["}
    )
    package = OsPackage(
        "debian:bookworm",
        "socat",
        "1.7.4.4-2",
        "amd64",
        "packages/debian-bookworm/socat_1.7.4.4-2_amd64.deb",
        requested=True,
    )
    files = {
        "root/application/apps/shop/Chart.yaml": CHART,
        "root/application/apps/shop/values.yaml": b"a: 1\n",
        "root/application/apps/shop/charts/db-1.0.tgz": gzip.compress(
            tar({"db/Chart.yaml": b"name: db\nversion: 1.0.0\n"}), mtime=0
        ),
        "root/lib/app.jar": jar(pom("org.example", "app", "3.1")),
        package.path: deb({"usr/share/doc/socat/copyright": DEP5}, gzip.compress, ".gz"),
    }
    contents = [SpecContent(path, put(store, data)) for path, data in files.items()]
    blobs = {content.path: content for content in (*contents, *web_blobs, *api_blobs)}
    return BundleSpec(
        identity=Identity("shop", "2.0", ""),
        platform="linux/amd64",
        labels={},
        env={},
        apps=(App("shop", AppKind.HELM, AppRole.APP, "root/application/apps/shop"),),
        launch=("shop",),
        commands=(),
        kube_versions=(),
        images=(api, web),
        packages=(package,),
        contents=tuple(sorted(blobs.values(), key=lambda content: content.path)),
    )


@pytest.fixture
def documents(spec: Any, store: Any, runtime: Any) -> Any:
    """The three documents, read again; options are those of `accounted`."""

    def documents(of: Any = spec, **options: Any) -> Any:
        made = accounted(of, store, runtime=runtime, progress=Silent(), **options)
        found = {content.path: content.blob for content in made.contents}
        return [json.loads(store.open(found[path].digest).read()) for path in (CYCLONEDX, SPDX, PROVENANCE)]

    return documents


def purls(cdx: Any) -> Any:
    return {part["purl"] for part in cdx["components"] if "purl" in part}


def test_both_bills_are_valid_by_the_formats_own_rules(documents: Any) -> None:
    for created in (None, 1_700_000_000):
        cdx, spdx, _ = documents(created=created)
        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(cdx)) is None
        document = JsonLikeDictParser().parse(spdx)  # type: ignore[no-untyped-call]  # spdx-tools types no constructor
        assert validate_full_spdx_document(document, "SPDX-2.3") == []


def test_everything_is_in_both_bills_and_every_url_reads_back(documents: Any) -> None:
    cdx, spdx, _ = documents()
    found = purls(cdx)
    named = {PackageURL.from_string(text).to_string() for text in found}
    assert named == found
    assert {
        "pkg:deb/debian/bash@1.0?arch=amd64&distro=debian-12",
        "pkg:deb/debian/libc6@1.0?arch=amd64&distro=debian-12",
        "pkg:pypi/flask@1.0",
        "pkg:npm/left-pad@1.0.0",
        "pkg:golang/example.org/x/tool@v1.0.0",
        "pkg:golang/stdlib@1.21.5",
        "pkg:maven/org.example/app@3.1",
        "pkg:helm/storefront@1.2.3",
        "pkg:helm/db@1.0.0",
        "pkg:deb/debian/socat@1.7.4.4-2?arch=amd64&distro=bookworm",
    } <= found
    refs = {
        ref["referenceLocator"] for package in spdx["packages"] for ref in package.get("externalRefs", ())
    }
    assert refs == found
    assert len(found) == 12  # and the two images


def test_what_holds_what(documents: Any) -> None:
    cdx, _, _ = documents()
    holds = {each["ref"]: each["dependsOn"] for each in cdx["dependencies"]}
    assert "pkg:pypi/flask@1.0" in holds["image:registry.example:5000/shop/web:1.0"]
    assert "pkg:pypi/flask@1.0" not in holds["image:docker.io/shop/api:2"]
    assert "file:root/application/apps/shop/values.yaml" in holds["chart:root/application/apps/shop"]
    assert "chart:root/application/apps/shop/charts/db-1.0.tgz" in holds["chart:root/application/apps/shop"]
    assert holds["file:root/lib/app.jar"] == ["pkg:maven/org.example/app@3.1"]
    refs = {part["bom-ref"] for part in cdx["components"]}
    assert {ref for several in holds.values() for ref in several} == refs


def test_what_could_not_be_read_is_told(documents: Any) -> None:
    cdx, spdx, _ = documents()
    unread = ["image:docker.io/shop/api:2", "installer"]  # a stand-in, which doesn't tell what is in it
    assert cdx["compositions"] == [{"aggregate": "incomplete", "assemblies": unread}]
    comments = [package["comment"] for package in spdx["packages"] if "comment" in package]
    assert ["app/node_modules/bad/package.json" in each for each in comments].count(True) == 1
    assert len(comments) == 2


def test_licences_are_told_in_the_words_of_each_format(documents: Any) -> None:
    cdx, spdx, _ = documents()
    told = {part["name"]: part.get("licenses") for part in cdx["components"]}
    assert told["left-pad"] == [{"license": {"id": "WTFPL"}}]
    assert told["socat"] == [{"license": {"name": "Own thing"}}]
    declared = {package["name"]: package["licenseDeclared"] for package in spdx["packages"]}
    assert declared["storefront"] == "Apache-2.0"
    assert declared["flask"] == "NOASSERTION"
    assert declared["socat"].startswith("LicenseRef-Own-thing-")
    assert [each["licenseId"] for each in spdx["hasExtractedLicensingInfos"]] == [declared["socat"]]


def test_the_statement_names_the_lock_the_inputs_and_all_members(
    documents: Any, spec: Any, store: Any, runtime: Any
) -> None:
    lock = Digest.of(b"lock")
    _, _, statement = documents(lock=lock)
    made = accounted(spec, store, runtime=runtime, progress=Silent(), lock=lock)
    members = {c.path: c.blob.digest for c in made.contents if c.path != PROVENANCE}
    (subject,) = statement["subject"]
    assert subject == {"name": "shop-2.0", "digest": {"sha256": listing_digest(members).hex}}
    definition = statement["predicate"]["buildDefinition"]
    assert definition["externalParameters"]["lock"] == {"sha256": lock.hex}
    inputs = {each["name"]: each["digest"]["sha256"] for each in definition["resolvedDependencies"]}
    assert inputs["Kubefile.lock"] == lock.hex
    assert inputs["docker.io/shop/api:2"] == spec.images[0].digest.hex
    assert {"socat 1.7.4.4-2", "files", "registry.example:5000/shop/web:1.0"} <= set(inputs)


def test_another_cache_gives_the_same_bytes(spec: Any, store: Any, runtime: Any, tmp_path: Path) -> None:
    made = accounted(spec, store, runtime=runtime, progress=Silent())
    with Store(tmp_path / "other") as other:
        for content in spec.contents:
            other.add_file(store.path(content.blob.digest), name=content.path)
        assert accounted(spec, other, runtime=runtime, progress=Silent()) == made


def test_no_layer_is_read_twice(documents: Any, spec: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    once = documents()

    def never(*_: object, **__: object) -> None:
        raise AssertionError("it was scanned again")

    monkeypatch.setattr(scans, "scan", never)
    assert documents() == once  # from the documents' own record
    renamed = replace(spec, identity=Identity("shop", "2.1", ""))
    assert purls(documents(renamed)[0]) == purls(once[0])  # from the scans' records


def test_a_changed_content_gives_other_bills(documents: Any, spec: Any, store: Any) -> None:
    changed = [
        SpecContent(content.path, put(store, b"a: 2\n")) if content.path.endswith("values.yaml") else content
        for content in spec.contents
    ]
    assert documents(replace(spec, contents=tuple(changed)))[0] != documents()[0]


def test_a_damaged_layer_in_the_cache_stops_the_build(documents: Any, spec: Any, store: Any) -> None:
    layer = store.path(spec.images[0].blobs[1])
    layer.chmod(0o644)
    data = bytearray(layer.read_bytes())
    data[len(data) // 2] ^= 0xFF
    layer.write_bytes(bytes(data))
    with pytest.raises(BundlerError) as raised:
        documents()
    assert raised.value.code is ExitCode.INTEGRITY


@pytest.mark.parametrize(("text", "expected"), [("", None), ("0", 0), ("1700000000", 1_700_000_000)])
def test_the_date_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, text: str, expected: int | None
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    assert source_date() == expected


@pytest.mark.parametrize("text", ["now", "-1", "1.5", "9" * 30])
def test_a_date_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    with pytest.raises(BundlerError) as raised:
        source_date()
    assert raised.value.code is ExitCode.USAGE
