"""Hosts of two architectures in one cluster, out of one file: who gets what, and what registries hold."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.core.errors import BundlerError, ExitCode, Problems
from bundler.core.offered import offer
from bundler.installer.plan.contents import Mix, blob_path
from bundler.installer.plan.distribution import LABEL
from bundler.installer.plan.prune import Listed, doomed, listing, parse
from bundler.installer.plan.steps import Deliver, Exec, Phase, Plan
from tests.unit.installer.plan import golden_text, kit, mixed_kit
from tests.unit.installer.plan.mixed_kit import AMD, ARM

WEB = "docker.io/a/b:1"


def linked(made: Plan, host: str) -> dict[str, str]:
    """Folders of the registry's store on this host, with what each leads to."""
    return {
        folder: to
        for step in made.steps
        if isinstance(step, Exec) and step.host == host and step.id.endswith(("/images", "/app-images"))
        if step.id.startswith("registry/")
        for folder, to in (line.split() for line in step.stdin.splitlines())
    }


def blobs(made: Plan, host: str) -> set[str]:
    return {
        file.path
        for step in made.steps
        if isinstance(step, Deliver) and step.host == host
        for file in step.files
        if file.member.startswith("images/")
    }


@pytest.mark.parametrize(
    ("name", "planes", "workers", "arms"),
    [
        ("1+1", 1, 1, {kit.WORKER}),
        ("3+2", 3, 2, {"10.0.0.3", "10.0.0.6"}),
    ],
)
def test_a_first_install(name: str, planes: int, workers: int, arms: set[str]) -> None:
    of = kit.site(workers, control_planes=planes)
    made = mixed_kit.plan(of, mixed_kit.facts(of, arms))
    golden_text.check(f"mixed-{name}", made)
    path = Path(__file__).parent / "golden_plans" / f"mixed-{name}-deliveries.txt"
    told = "".join(
        f"{step.id}: {file.member} of {file.platform or AMD}\n"
        for step in made.steps
        if isinstance(step, Deliver)
        for file in step.files
        if not file.member.startswith("images/")
    )
    if os.environ.get("BUNDLER_WRITE_GOLDEN"):
        path.write_text(told, encoding="utf-8")
    assert told == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("first", ["amd64", "arm64"])
def test_each_host_gets_its_own_platform(first: str) -> None:
    """Whichever the control plane is, and whatever the plan is made of."""
    of = kit.site()
    arms = {kit.CONTROL_PLANE} if first == "arm64" else {kit.WORKER}
    for bundle in (mixed_kit.amd(), mixed_kit.arm(mixed_kit.amd())):
        other = ARM if bundle.platform == AMD else AMD
        for host, told in mixed_kit.delivered(mixed_kit.plan(of, mixed_kit.facts(of, arms), bundle)).items():
            its = "linux/arm64" if host in arms else "linux/amd64"
            expected = frozenset({"" if its == bundle.platform else other})
            assert told["programs"] == told["packages"] == expected, (host, bundle.platform)


def test_a_name_means_the_index_and_both_platforms_are_in_every_registry() -> None:
    of = kit.site(2, control_planes=3)
    made = mixed_kit.plan(of, mixed_kit.facts(of, {"10.0.0.3", "10.0.0.6"}))
    index, theirs = mixed_kit.amd(), mixed_kit.arm(mixed_kit.amd())
    name = "docker.io/a/b"
    manifests = [next(i for i in each.images if i.name == WEB).digest.hex for each in (index, theirs)]
    for host in of.control_planes:
        links = linked(made, host.address)
        assert links[f"{name}/_manifests/tags/1/current"] == mixed_kit.top(WEB).digest.hex
        for digest in (mixed_kit.top(WEB).digest.hex, *manifests):
            assert links[f"{name}/_manifests/revisions/sha256/{digest}"] == digest
        wanted = {d.hex for each in (index, theirs) for image in each.images for d in image.digests}
        wanted |= {mixed_kit.top(image.name).digest.hex for image in index.images}
        assert blobs(made, host.address) == {blob_path(digest) for digest in wanted}


def test_pruning_keeps_what_either_platform_of_a_bundle_that_counts_has() -> None:
    """Also where hosts of one of them are gone: a list says what the file has, not who is there."""
    index, theirs = mixed_kit.amd(), mixed_kit.arm(mixed_kit.amd())
    lists = parse(f"== demo 1\n{listing(offer((index.images, theirs.images), mixed_kit.mix(index).choices))}")
    old = Listed("demo", "0", frozenset(), lists[0].blobs | {"0" * 64})
    wanted = {d.hex for each in (index, theirs) for image in each.images for d in image.digests}
    wanted |= {mixed_kit.top(image.name).digest.hex for image in index.images}
    assert lists[0].blobs == wanted
    assert doomed((*lists, replace(lists[0], version="2"), old)).blobs == ("0" * 64,)


def test_what_registries_hold_does_not_hang_on_which_platform_the_plan_is_made_of() -> None:
    of = kit.site(2, control_planes=3)
    found = mixed_kit.facts(of, {"10.0.0.3", "10.0.0.6"})
    one, other = (mixed_kit.plan(of, found, b) for b in (mixed_kit.amd(), mixed_kit.arm(mixed_kit.amd())))
    named = [step for step in one.steps if step.phase is Phase.REGISTRY]
    assert named == [step for step in other.steps if step.phase is Phase.REGISTRY]


def test_hosts_of_one_architecture_get_what_a_plain_file_gives_them() -> None:
    of = kit.site(2)
    plain = kit.plan(of, kit.facts(of), mixed_kit.amd())
    for arms in ((), [host.address for host in of.hosts]):
        index = mixed_kit.arm(mixed_kit.amd()) if arms else mixed_kit.amd()
        made = mixed_kit.plan(of, mixed_kit.facts(of, arms), index)
        assert [(step.id, step.after) for step in made.steps] == [(s.id, s.after) for s in plain.steps]
        assert {
            platform for told in mixed_kit.delivered(made).values() for p in told.values() for platform in p
        } == {""}
    assert mixed_kit.plan(of, kit.facts(of)).steps == plain.steps


@pytest.mark.parametrize("name", ["k3s", "k0s"])
def test_a_distribution_that_is_one_program_comes_out_of_each_hosts_platform(name: str) -> None:
    of = kit.site(2)
    files = {f"root/{name}/{name}": 10, f"root/{name}/images.tar.zst": 100}
    version = {"k3s": "v1.37.2+k3s1", "k0s": "v1.37.2+k0s"}[name]
    bundle = mixed_kit.amd(files=files, packages=kit.BALANCED[1:], kubernetes=version)
    bundle = replace(bundle, labels={LABEL: name}, apps=())
    told = mixed_kit.delivered(mixed_kit.plan(of, mixed_kit.facts(of, {kit.WORKER}), bundle))
    assert {host: platforms["programs"] for host, platforms in told.items()} == {
        kit.CONTROL_PLANE: {""}, kit.WORKER: {ARM}, "10.0.0.4": {""},
    }  # fmt: skip


def test_a_host_whose_platform_the_file_lacks_is_named_with_the_way() -> None:
    of = kit.site(2)
    with pytest.raises(Problems) as caught:
        kit.plan(of, mixed_kit.facts(of, {kit.WORKER}))
    assert caught.value.code is ExitCode.PREFLIGHT
    (problem,) = caught.value.problems
    assert (problem.location.file, problem.rule) == (kit.WORKER, "architecture")
    assert problem.message == "the host is arm64, the bundle is for amd64"
    assert "bundler make --platform linux/amd64,linux/arm64 --universal" in problem.hint


def test_a_file_for_two_is_not_for_a_third() -> None:
    of = kit.site(2)
    found = mixed_kit.facts(of, {kit.WORKER})
    hosts = {**found.hosts, "10.0.0.4": replace(found.hosts["10.0.0.4"], architecture="riscv64")}
    with pytest.raises(Problems) as caught:
        mixed_kit.plan(of, replace(found, hosts=hosts))
    (problem,) = caught.value.problems
    assert problem.location.file == "10.0.0.4"
    assert "--platform linux/amd64,linux/arm64,linux/riscv64 --universal" in problem.hint


def test_both_platforms_have_to_install_one_kubernetes() -> None:
    of, index = kit.site(), mixed_kit.amd()
    other = replace(
        mixed_kit.contents(index).mix.others[ARM], index=replace(mixed_kit.arm(index), kubernetes="v1.35.4")
    )
    with pytest.raises(Problems) as caught:
        kit.plan(
            of, mixed_kit.facts(of, {kit.WORKER}), index, platforms=(AMD, ARM),
            mix=Mix({ARM: other}, choices=mixed_kit.mix(index).choices),
        )  # fmt: skip
    assert "v1.34.4 on linux/amd64 and v1.35.4 on linux/arm64" in caught.value.problems[0].message


def test_images_that_differ_need_an_index_made_with_the_file() -> None:
    of, index = kit.site(), mixed_kit.amd()
    with pytest.raises(BundlerError) as caught:
        kit.plan(
            of, mixed_kit.facts(of, {kit.WORKER}), index, platforms=(AMD, ARM),
            mix=replace(mixed_kit.mix(index), choices={}),
        )  # fmt: skip
    assert caught.value.code is ExitCode.INTEGRITY
