"""The index of a collection: what programs read, and a page on which hosts' words are text."""

import json
from dataclasses import replace

import pytest

from bundler.installer.collect import contents
from bundler.installer.collect.contents import Collection, File
from bundler.installer.plan.cluster.steps import Severity
from bundler.installer.status.judge import judge
from bundler.installer.status.model import Finding
from tests.unit.core.test_markup import EVIL, Tags
from tests.unit.installer.status import condition_kit as made

FILES = (
    File("hosts/10.0.0.2/logs/kubelet.log", "10.0.0.2", 1000, {"bearer token": 2}),
    File("hosts/10.0.0.3/x", "10.0.0.3", 5, cut=True),
    File("deployer/site.yaml", "", 7, {"of this site": 1}),
)


def collection(word: str = "no route to host") -> Collection:
    status = judge(made.look())
    finding = Finding("x", Severity.ERROR, word, subject=word)
    host = replace(status.hosts[0], node=word, os=word, kubelet=word)
    evil = replace(status, findings=(finding,), hosts=(host,), product=word)
    left = File("hosts/10.0.0.3/big", "10.0.0.3", 9 << 20)
    return Collection("trial", made.NOW, 100 << 20, evil, FILES, (left,), {"10.0.0.9": word})


def test_programs_find_files_masked_left_out_and_silent() -> None:
    told = json.loads(contents.as_json(collection()))
    assert (told["schema"], told["kind"], told["site"], told["masked"]) == (
        1,
        "bundler-collection",
        "trial",
        3,
    )
    assert told["files"][0] == {
        "path": "hosts/10.0.0.2/logs/kubelet.log",
        "host": "10.0.0.2",
        "bytes": 1000,
        "masked": {"bearer token": 2},
        "cut": False,
    }
    assert told["left_out"][0]["path"] == "hosts/10.0.0.3/big"
    assert told["silent"] == {"10.0.0.9": "no route to host"}
    assert told["status"]["schema"] == 1


def test_masked_secrets_are_listed_by_kind_and_file() -> None:
    assert contents.masked_text(collection()) == (
        "3 secrets masked; each stands as ***\n"
        "hosts/10.0.0.2/logs/kubelet.log: 2 x bearer token\n"
        "deployer/site.yaml: 1 x of this site\n"
    )


def test_the_page_links_every_file_and_names_what_is_missing() -> None:
    page = contents.as_html(collection())
    text = Tags(page).text
    for part in (
        "Hosts that gave nothing",
        "10.0.0.9",
        "Left out",
        "9 MiB",
        "Masked secrets",
        "5 bytes, cut",
    ):
        assert part in text
    assert page.count("<a href=") == 3
    assert 'href="hosts/10.0.0.2/logs/kubelet.log"' in page


@pytest.mark.parametrize("evil", EVIL)
def test_nothing_that_a_host_says_becomes_markup(evil: str) -> None:
    seen, wanted = Tags(contents.as_html(collection(evil))), Tags(contents.as_html(collection("x")))
    assert (seen.tags, seen.names) == (wanted.tags, wanted.names)
