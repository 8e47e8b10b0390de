"""Licences and package URLs, held against the lists and the parser of those who define them."""

import json
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packageurl import PackageURL

from bundler.builder.sbom.licences import EXCEPTIONS, IDENTIFIERS, combined, licence
from bundler.builder.sbom.model import Kind, Package
from bundler.builder.sbom.purl import of_package, purl


def test_every_identifier_is_on_spdxs_list() -> None:
    schema = json.loads((resources.files("cyclonedx.schema._res") / "spdx.SNAPSHOT.schema.json").read_text())
    assert {*IDENTIFIERS, *EXCEPTIONS} <= set(schema["enum"])


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("MIT", "MIT"),
        ("apache-2.0", "Apache-2.0"),
        ("Expat", "MIT"),
        ("GPL-2", "GPL-2.0-only"),
        ("GPL-2+", "GPL-2.0-or-later"),
        ("GPL-2.0", "GPL-2.0-only"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("LGPL-2.1+", "LGPL-2.1-or-later"),
        ("GPL-9", ""),
        ("MIT OR Apache-2.0", "MIT OR Apache-2.0"),
        ("(GPL-2+ or Artistic)  and MIT", "(GPL-2.0-or-later OR Artistic-1.0-Perl) AND MIT"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("(MIT) WITH Classpath-exception-2.0", ""),
        ("GPL-2+ with some exception", ""),
        ("MIT AND", ""),
        ("(MIT", ""),
        ("MIT Apache-2.0", ""),
        ("BSD", ""),
        ("Apache Software License", ""),
    ],
)
def test_statements_in_spdxs_words(stated: str, expected: str) -> None:
    assert licence(stated).expression == expected


def test_several_are_joined() -> None:
    found = [licence(text) for text in ("MIT", "GPL-2+ or ISC", "Own")]
    assert combined(found[:1]) == "MIT"
    assert combined(found) == f"MIT AND (GPL-2.0-or-later OR ISC) AND {found[2].reference}"
    assert combined([]) == ""


@given(st.text(max_size=300))
def test_any_statement_is_taken(text: Any) -> None:
    found = licence(text)
    assert found.reference.startswith("LicenseRef-")
    assert found.reference.isascii()


# the parser strips white space, which no name of a package has
CHARACTERS = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Z"), exclude_characters="/")
TEXT = st.text(CHARACTERS, min_size=1, max_size=20)


@given(TEXT, TEXT, TEXT)
def test_urls_read_back_as_what_they_were_made_of(name: Any, version: Any, value: Any) -> None:
    found = PackageURL.from_string(purl("generic", name, version, qualifiers={"a": value, "empty": ""}))
    assert (found.name, found.version, found.qualifiers) == (name, version, {"a": value})


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        (
            Package(Kind.DEB, "libstdc++6", "1:2.0~rc1-1+deb12u1", architecture="amd64", distro="debian-12"),
            "pkg:deb/debian/libstdc%2B%2B6@1:2.0~rc1-1%2Bdeb12u1?arch=amd64&distro=debian-12",
        ),
        (
            Package(Kind.RPM, "openssl", "1:3.0-2", architecture="x86_64", distro="rhel-9.2"),
            "pkg:rpm/redhat/openssl@3.0-2?arch=x86_64&distro=rhel-9.2&epoch=1",
        ),
        (Package(Kind.NPM, "core", "7.0.0", "@babel"), "pkg:npm/%40babel/core@7.0.0"),
        (Package(Kind.GO, "v2", "v2.0.0", "github.com/a/b"), "pkg:golang/github.com/a/b/v2@v2.0.0"),
        (Package(Kind.MAVEN, "app", "1", "org.example"), "pkg:maven/org.example/app@1"),
        (Package(Kind.DEB, "bash", "1"), "pkg:deb/bash@1"),
    ],
)
def test_urls_of_packages(package: Any, expected: str) -> None:
    assert of_package(package) == expected
    assert PackageURL.from_string(expected).to_string() == expected
