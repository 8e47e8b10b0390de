"""What is left of bundles of the past: decided from lists, removed by scripts under a real shell."""

from pathlib import Path
from typing import Any

import pytest

from bundler.installer.plan.prune import Doomed, Listed, doomed, listing, parse, prune_steps
from bundler.installer.plan.steps import Exec
from bundler.installer.scripts import render as templates
from tests.kits.machine import Machine
from tests.unit.installer.plan import kit

A, B, C, SHARED = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)


def bundle(version: str, *blobs: str, product: str = "shop") -> Listed:
    return Listed(product, version, frozenset({f"r/web:{version}", "r/pause:1"}), frozenset({*blobs, SHARED}))


def test_the_two_newest_of_a_product_stay_with_all_that_they_share() -> None:
    found = doomed([bundle("3", C), bundle("2", B), bundle("1", A)])
    assert found == Doomed(("shop 1",), ("r/web:1",), (A,))


def test_nothing_goes_while_no_more_than_two_were_there() -> None:
    found = doomed([bundle("2", B), bundle("1", A)])
    assert found == Doomed((), (), ())
    assert prune_steps(kit.site().hosts, found) == ()


def test_another_products_bundles_count_by_themselves() -> None:
    lists = [bundle("9", A, product="other"), bundle("3", C), bundle("2", B), bundle("1", A)]
    assert doomed(lists) == Doomed(("shop 1",), ("r/web:1",), ())


def test_of_a_product_that_was_deleted_nothing_stays_but_what_others_share() -> None:
    lists = [bundle("9", A, product="gone"), bundle("2", B), bundle("8", C, product="gone")]
    assert doomed(lists, {"shop"}) == Doomed(("gone 9", "gone 8"), ("r/web:8", "r/web:9"), (A, C))
    assert doomed(lists, {"shop", "gone"}) == Doomed((), (), ())


def test_where_no_record_says_which_products_there_are_all_count() -> None:
    assert doomed([bundle("9", A, product="other"), bundle("2", B)]) == Doomed((), (), ())


def test_a_list_holds_every_image_and_everything_that_it_is_made_of() -> None:
    index = kit.index()
    (read,) = parse(f"== demo 1\n{listing(index.images)}noise\nblob short\n")
    assert read.images == {image.name for image in index.images}
    assert read.blobs == {digest.hex for image in index.images for digest in image.digests}


def test_nodes_let_go_before_registries_and_lists_go_last() -> None:
    steps = prune_steps(kit.site(1).hosts, Doomed(("shop 1",), ("r/web:1",), (A,)))
    assert [(step.host, step.id.rpartition("/")[2]) for step in steps] == [
        (kit.CONTROL_PLANE, "prune-images"),
        (kit.WORKER, "prune-images"),
        (kit.CONTROL_PLANE, "prune-registry"),
        (kit.CONTROL_PLANE, "prune-lists"),
    ]
    assert steps[2].after == (steps[0].id, steps[1].id)
    assert steps[3].after == (steps[2].id,)


@pytest.fixture
def machine(tmp_path: Path) -> Any:
    return Machine(tmp_path)


def test_what_leads_to_content_goes_with_it_and_everything_else_stays(machine: Machine) -> None:
    store = machine.state / "registry/docker/registry/v2"

    def put(name: str, text: str = "") -> None:
        path = store / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    for digest in (A, B):
        put(f"blobs/sha256/{digest[:2]}/{digest}/data")
        put(f"repositories/r/web/_layers/sha256/{digest}/link", f"sha256:{digest}")
        put(f"repositories/r/web/_manifests/revisions/sha256/{digest}/link", f"sha256:{digest}")
        put(f"repositories/r/web/_manifests/tags/{digest[0]}/current/link", f"sha256:{digest}")
        put(f"repositories/r/web/_manifests/tags/{digest[0]}/index/sha256/{digest}/link", f"sha256:{digest}")
    kept = {
        str(path)
        for path in store.rglob("*")
        if path.is_file() and A not in path.read_text() and A not in str(path)
    }
    script = templates.script("prune-registry.sh", store="/var/lib/bundler/registry/docker/registry/v2")
    machine.run(script, stdin=f"{A}\n")
    assert {str(path) for path in store.rglob("*") if path.is_file()} == kept
    assert len(kept) == 5
    machine.run(script, stdin=f"{A}\n")


def prune_images(machine: Machine, stdin: str) -> list[str]:
    """Images that go from a node with a container of r/used:1; containerd lists each by its digest, too."""
    digests = {"r/used:1": A, "r/old:1": B, "r/again:1": C, "r/kept:1": C, "r/other:1": SHARED}
    by_name = [f"{name} type sha256:{digest} 1.0 MiB linux/amd64 -" for name, digest in digests.items()]
    by_id = [
        f"sha256:{n}{digest[1:]} type sha256:{digest} 1.0 MiB linux/amd64 -"
        for n, digest in enumerate(sorted(set(digests.values())))
    ]
    by_digest = [f"r/old@sha256:{B} type sha256:{B} 1.0 MiB linux/amd64 -"]
    listed = "\n".join(("REF TYPE DIGEST SIZE PLATFORMS LABELS", *by_name, *by_id, *by_digest))
    ctr = machine.bin / "ctr"
    ctr.write_text(
        f"""#!/bin/sh
case "$*" in
*'containers ls') printf 'CONTAINER IMAGE RUNTIME\\nabc r/used:1 io\\n' ;;
*'images ls') cat <<'EOF'
{listed}
EOF
;;
*) echo "$*" >>{machine.calls} ;;
esac
"""
    )
    ctr.chmod(0o755)
    machine.run(templates.script("prune-images.sh", store="/store"), stdin=stdin)
    calls = machine.calls.read_text().splitlines() if machine.calls.exists() else []
    assert all(call.startswith("-n k8s.io images rm ") for call in calls)
    return [call.split()[-1] for call in calls]


def test_an_image_goes_with_every_entry_that_would_keep_its_content(machine: Machine) -> None:
    assert prune_images(machine, f"r/old:1\nr/gone:1\n{B}\n") == [
        "r/old:1",
        f"r/old@sha256:{B}",
        f"sha256:1{B[1:]}",
    ]


def test_an_image_that_a_container_was_made_from_stays_whole(machine: Machine) -> None:
    assert prune_images(machine, f"r/used:1\n{A}\n") == []


def test_content_that_another_name_shares_stays(machine: Machine) -> None:
    assert prune_images(machine, "r/again:1\n") == ["r/again:1"]


def test_nodes_are_told_names_and_digests() -> None:
    images, *_ = prune_steps(kit.site(1).hosts, Doomed(("shop 1",), ("r/web:1",), (A,)))
    assert isinstance(images, Exec)
    assert images.stdin == f"r/web:1\n{A}\n"


def test_lists_are_read_newest_first_and_one_that_is_in_use_again_is_the_newest(machine: Machine) -> None:
    for version in ("1", "2"):
        machine.run(
            templates.script("bundle-list.sh", name=f"shop {version}"), stdin=f"image r/web:{version}\n"
        )
        machine.run("sleep 0.02")
    told = templates.script("bundle-lists.sh")
    assert [each.version for each in parse(machine.run(told))] == ["2", "1"]
    machine.run(templates.script("bundle-again.sh", name="shop 1"))
    assert [each.version for each in parse(machine.run(told))] == ["1", "2"]
    machine.run(templates.script("prune-lists.sh", store="/store"), stdin="shop 2\n")
    assert [each.version for each in parse(machine.run(told))] == ["1"]
