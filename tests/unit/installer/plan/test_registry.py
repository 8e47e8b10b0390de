"""The site's registry: names that stay distinct, links as distribution lays them out, mirrors for all."""

import base64
import tomllib
from collections import Counter
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bundler.core.errors import Problems
from bundler.core.reference import Reference
from bundler.installer.facts.model import Facts
from bundler.installer.facts.observed import FileState, UnitState
from bundler.installer.plan.context import spread
from bundler.installer.plan.ids import Ids
from bundler.installer.plan.registry import links
from bundler.installer.plan.registry_paths import store_name
from bundler.installer.plan.site_pki import Secrets
from bundler.installer.plan.steps import Exec, Plan, Write
from bundler.installer.site.model import Secret, SiteRegistry
from tests.unit.installer.plan import kit

HOST_NAMES = st.from_regex(
    r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z0-9]{1,5}){0,2}(:[1-9][0-9]{0,3})?", fullmatch=True
)


def _before_logins(found: Facts) -> Facts:
    """The same site with files of before: other lists of registries, another unit, no htpasswd."""
    for host, of in found.hosts.items():
        assert of.site is not None
        other = {
            path: FileState("0" * 64) if "/certs.d/" in path or "registry" in path else state
            for path, state in of.site.files.items()
            if not path.endswith(".htpasswd")
        }
        start = f"registry/{host}/start"
        journal = dict(of.site.journal)
        if start in journal:
            journal[start] = replace(journal[start], inputs={**journal[start].inputs, "inputs": "before"})
        found = kit.changed(found, host, files=other, journal=journal)
    return found


def written(made: Plan, name: str) -> str:
    step = kit.steps(made)[name]
    assert isinstance(step, Write)
    return step.content


@pytest.mark.parametrize(
    ("registry", "expected"),
    [
        ("docker.io", "docker.io"),
        ("localhost:5000", "localhost__5000"),
        ("Quay.IO", "quay.io"),
        ("[::1]:5000", "ipv6-0000-0000-0000-0000-0000-0000-0000-0001__5000"),
    ],
)
def test_store_name(registry: str, expected: str) -> None:
    assert store_name(registry) == expected


@given(HOST_NAMES, HOST_NAMES)
def test_different_registries_have_different_names(one: str, two: str) -> None:
    assert (store_name(one) == store_name(two)) == (one == two)


@given(HOST_NAMES)
def test_a_store_name_can_stand_in_a_repositorys_path(registry: str) -> None:
    assert (
        Reference.parse(f"site.internal/{store_name(registry)}/a").repository == f"{store_name(registry)}/a"
    )


def test_links_of_an_image_with_a_tag() -> None:
    image = kit.image("docker.io/a/b:1")
    top, config, layer = image.digest.hex, *(blob.hex for blob in image.blobs)
    base = "docker.io/a/b"
    assert set(links(image)) == {
        f"{base}/_layers/sha256/{config} {config}",
        f"{base}/_layers/sha256/{layer} {layer}",
        f"{base}/_manifests/revisions/sha256/{top} {top}",
        f"{base}/_manifests/tags/1/current {top}",
        f"{base}/_manifests/tags/1/index/sha256/{top} {top}",
    }


def test_an_image_by_digest_has_no_tag() -> None:
    image = replace(kit.image("docker.io/a/b:1"), name=f"docker.io/a/b@{kit.digest('x')}")
    assert not any("/tags/" in line for line in links(image))


def test_same_path_in_two_registries_stays_two_images() -> None:
    step = kit.steps(kit.plan())["registry/10.0.0.2/app-images"]
    assert isinstance(step, Exec)
    folders = {line.split(" ")[0] for line in step.stdin.splitlines() if "/current" in line}
    assert folders == {"docker.io/a/b/_manifests/tags/1/current", "quay.io/a/b/_manifests/tags/1/current"}


def test_each_registry_of_the_bundle_is_asked_for_on_the_site_and_nowhere_else() -> None:
    made = kit.plan()
    for name in ("docker.io", "registry.k8s.io", "quay.io"):
        found = tomllib.loads(written(made, f"runtime/10.0.0.3/mirror-{name}"))
        url = f"https://10.0.0.2:5000/v2/{name}"
        assert found["server"] == url
        assert found["override_path"] is True
        assert found["host"] == {
            url: {
                "capabilities": ["pull", "resolve"],
                "ca": "/etc/bundler/ca.crt",
                "override_path": True,
                "dial_timeout": "2s",
                "header": found["header"],
            }
        }


def test_registries_that_the_bundle_does_not_know_are_asked_for_on_the_site_too() -> None:
    found = tomllib.loads(written(kit.plan(), "runtime/10.0.0.3/mirror-_default"))
    assert [found["server"], *found["host"]] == ["https://10.0.0.2:5000"] * 2


def test_a_password_makes_htpasswd_and_a_header_that_only_root_reads() -> None:
    of = replace(kit.site(), registry=SiteRegistry("sea.hub", 5001, "ops", Secret("geheim")))
    secrets = Secrets("CA", "KEY", {}, "ops:$2b$10$x\n")
    made = kit.plan(of, secrets=secrets)
    step = kit.steps(made)["runtime/10.0.0.3/mirror-docker.io"]
    assert isinstance(step, Write)
    assert (step.secret, step.mode) == (True, 0o600)
    found = tomllib.loads(step.content)
    header = {"Authorization": "Basic b3BzOmdlaGVpbQ=="}
    assert found["header"] == found["host"]["https://10.0.0.2:5001/v2/docker.io"]["header"] == header
    config = yaml.safe_load(written(made, "registry/10.0.0.2/config"))
    assert config["auth"]["htpasswd"]["path"] == "/run/bundler-registry/registry.htpasswd"
    assert written(made, "registry/10.0.0.2/htpasswd") == "ops:$2b$10$x\n"


def test_the_registry_is_read_only_and_speaks_tls() -> None:
    config = yaml.safe_load(written(kit.plan(), "registry/10.0.0.2/config"))
    assert config["storage"]["maintenance"]["readonly"] == {"enabled": True}
    assert config["http"]["tls"]["minimumtls"] == "tls1.2"
    assert config["http"]["addr"] == "10.0.0.2:5000"


def test_behind_address_translation_the_registry_listens_on_all_addresses() -> None:
    of = kit.site()
    made = kit.plan(of, kit.facts(of, control_plane={"addresses": ("192.168.7.2",)}))
    assert yaml.safe_load(written(made, "registry/10.0.0.2/config"))["http"]["addr"] == ":5000"


@pytest.mark.parametrize(("port", "lines"), [(5000, 0), (443, 1)])
def test_the_registry_runs_as_a_user_of_its_own(port: int, lines: int) -> None:
    """It sees the store and four copies; only a low port takes a right."""
    made = kit.plan(replace(kit.site(), registry=SiteRegistry(port=port), data_root="/data/b"))
    unit = written(made, "registry/10.0.0.2/unit").splitlines()
    assert {"User=bundler-registry", "DynamicUser=yes", "NoNewPrivileges=yes"} <= set(unit)
    assert "TemporaryFileSystem=/var/lib/bundler:ro /etc/bundler:ro" in unit
    (bound,) = (line for line in unit if line.startswith("BindReadOnlyPaths="))
    assert bound.startswith("BindReadOnlyPaths=/data/b/registry/docker:/var/lib/bundler/registry/docker ")
    assert unit.count("AmbientCapabilities=CAP_NET_BIND_SERVICE") == lines


def test_without_a_login_in_the_clusterfile_the_site_has_one_of_its_own() -> None:
    """The same on every node and control plane, another on another site, secret everywhere."""
    of = kit.site(1, control_planes=3)
    headers: list[str] = []
    for key in ("a2V5LW9uZQ==", "a2V5LXR3bw=="):
        made = kit.plan(
            of, bundle=kit.index(packages=kit.BALANCED), secrets=replace(kit.SECRETS, encryption_key=key)
        )
        steps = [kit.steps(made)[f"runtime/{host.address}/mirror-_default"] for host in of.hosts]
        assert all(isinstance(step, Write) and step.secret and step.mode == 0o600 for step in steps)
        found = {
            tomllib.loads(step.content)["header"]["Authorization"]
            for step in steps
            if isinstance(step, Write)
        }
        assert len(found) == 1
        headers += found
    assert len(set(headers)) == 2
    user, _, password = base64.b64decode(headers[0].removeprefix("Basic ")).decode().partition(":")
    assert (user, len(password)) == ("bundler", 43)


def test_a_running_site_knows_the_login_before_its_registry_asks_for_it() -> None:
    """No pull fails on a site of before; a new one waits for nobody, as nobody pulls yet."""
    of = kit.site()
    bundle = kit.index()
    fresh = kit.steps(kit.plan(of))["registry/10.0.0.2/start"]
    assert not any("/mirror-" in name for name in fresh.after)
    found = kit.done_all(kit.plan(of, bundle=bundle), kit.facts(of))
    made = kit.plan(of, _before_logins(found), bundle)
    start = kit.steps(made)["registry/10.0.0.2/start"]
    assert {f"runtime/{host.address}/mirror-docker.io" for host in of.hosts} <= set(start.after)


def test_every_node_resolves_the_registry_and_the_api() -> None:
    made = kit.steps(kit.plan())
    for host in (kit.CONTROL_PLANE, kit.WORKER):
        names = {}
        for name in ("prepare", "endpoint"):
            step = made[f"host/{host}/{name}"]
            assert isinstance(step, Exec)
            for address, *called in map(str.split, step.stdin.splitlines()):
                names.update(dict.fromkeys(called, address))
        assert names["registry.internal"] == names["apiserver.cluster.local"] == kit.CONTROL_PLANE


@pytest.mark.parametrize(
    ("host", "order"),
    [
        ("10.0.0.2", ["10.0.0.2", "10.0.0.3", "10.0.0.4"]),  # a registry's own host asks itself first
        ("10.0.0.3", ["10.0.0.3", "10.0.0.4", "10.0.0.2"]),
        ("10.0.0.5", ["10.0.0.2", "10.0.0.4", "10.0.0.3"]),
        ("10.0.0.6", ["10.0.0.3", "10.0.0.4", "10.0.0.2"]),
        ("10.0.0.7", ["10.0.0.4", "10.0.0.3", "10.0.0.2"]),
    ],
)
def test_every_node_lists_all_registries_in_an_order_of_its_own(host: str, order: list[str]) -> None:
    of = kit.site(3, control_planes=3)
    made = kit.plan(of, bundle=kit.index(packages=kit.BALANCED))
    found = tomllib.loads(written(made, f"runtime/{host}/mirror-docker.io"))
    assert list(found["host"]) == [f"https://{address}:5000/v2/docker.io" for address in order]
    assert found["server"] == next(iter(found["host"]))


@given(st.lists(st.ip_addresses(v=4).map(str), min_size=1, max_size=5, unique=True), st.ip_addresses(v=4))
def test_an_order_of_registries_holds_each_once(registries: list[str], address: IPv4Address) -> None:
    assert sorted(spread(registries, str(address))) == sorted(registries)


def test_neighbours_begin_with_different_registries() -> None:
    registries = ("10.0.0.2", "10.0.0.3", "10.0.0.4")
    first = Counter(spread(registries, f"10.1.0.{number}")[0] for number in range(30))
    assert set(first.values()) == {10}


def test_every_control_plane_serves_every_image_by_its_own_certificate() -> None:
    of = kit.site(1, control_planes=3)
    made = kit.plan(of, bundle=kit.index(packages=kit.BALANCED))
    links = {kit.steps(made)[f"registry/{host.address}/images"].stdin for host in of.control_planes}  # type: ignore[union-attr]  # an Exec
    assert len(links) == 1
    certificates = {written(made, f"registry/{host.address}/certificate") for host in of.control_planes}
    assert len(certificates) == 3


def test_a_control_plane_more_rewrites_lists_and_restarts_no_runtime() -> None:
    small, large = kit.site(0, control_planes=1), kit.site(0, control_planes=3)
    bundle = kit.index(packages=kit.BALANCED)
    found = kit.done_all(kit.plan(small, bundle=bundle), kit.facts(small))
    found = replace(found, hosts={**kit.facts(large).hosts, **found.hosts})
    changed = {s.id for s in kit.plan(large, found, bundle).steps if s.host == "10.0.0.2"}
    assert "runtime/10.0.0.2/mirror-docker.io" in changed
    assert not changed & {
        "runtime/10.0.0.2/start",
        "registry/10.0.0.2/start",
        "registry/10.0.0.2/certificate",
    }


def test_the_store_may_lie_on_another_disk() -> None:
    """What is delivered there is weighed against that disk, and the step comes before it."""
    of = replace(kit.site(), data_root="/data/b")
    disks = {"/": 12 << 30, "/data": 500 << 30}
    made = kit.plan(of, kit.facts(of, control_plane={"disk_free": disks}))
    root = kit.steps(made)["registry/10.0.0.2/data-root"]
    assert isinstance(root, Exec)
    assert root.script.startswith("root=/data/b\nstore=/var/lib/bundler/registry\n")
    assert root.id in kit.steps(made)["distribute/10.0.0.2/images"].after
    assert "registry/10.0.0.3/data-root" not in kit.steps(made)
    big = kit.index(images=(*kit.IMAGES, "quay.io/big/b:1"))
    members = tuple(
        replace(each, size=20 << 30) if each.path.endswith(kit.digest("config quay.io/big/b:1").hex) else each
        for each in big.members
    )
    large = replace(big, members=members)
    assert kit.plan(of, kit.facts(of, control_plane={"disk_free": disks}), large).steps
    with pytest.raises(Problems, match="MiB free on /;"):
        kit.plan(kit.site(), kit.facts(of, control_plane={"disk_free": disks}), large)


def test_nobody_pulls_from_a_registry_that_was_started_again_before_it_listens() -> None:
    """As in a restore on the same machines: the journal knows a wait that was for the process of before."""
    of = kit.site()
    found = kit.done_all(kit.plan(of), kit.facts(of))
    assert kit.plan(of, found).steps == ()
    seen = found.hosts[kit.CONTROL_PLANE].site
    assert seen is not None
    stopped = {"bundler-registry.service": UnitState(enabled=True, active=False)}
    found = kit.changed(found, kit.CONTROL_PLANE, units={**seen.units, **stopped})
    left = kit.steps(kit.plan(of, kit.changed(found, kit.WORKER, images=frozenset())))
    start, listens = left[f"registry/{kit.CONTROL_PLANE}/start"], left[Ids(kit.CONTROL_PLANE).registry]
    assert listens.after == (start.id,)
    assert listens.id in left[Ids(kit.WORKER).images].after
