"""The real thing: demo.run brings up Kubernetes on machines without a way out, and takes it down again.

One .run and one site for all tests here; they run in the order in which they stand, as a site's engineer
would work.
"""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from bundler.core.errors import ExitCode
from tests.site import lifecycle, product, ssh, watch
from tests.site.footprint import differences, footprint
from tests.site.identity import Identity
from tests.site.spec import SiteSpec

pytestmark = [pytest.mark.site, pytest.mark.story]

_APPLY = "--clusterfile site.yaml"


@dataclass(slots=True)
class Story:
    """The site under test and what is remembered from one chapter to the next."""

    spec: SiteSpec
    run_file: Path
    before: dict[str, dict[str, frozenset[str]]] = field(default_factory=dict)
    installed: bool = False


@pytest.fixture(scope="module")
def story(run_file: Path) -> Iterator[Story]:
    spec = SiteSpec("install", IPv4Network("10.79.202.0/24"), 2)
    lifecycle.up(spec, lambda _: None)
    product.carry(spec, run_file)
    yield Story(spec, run_file, {machine.name: footprint(spec, machine) for machine in spec.machines})
    lifecycle.down(spec.name, lambda _: None)


WRONG = {
    "no such file": ("--clusterfile missing.yaml", "", ExitCode.NOT_FOUND),
    "no such option": ("--clusterfiel site.yaml", "", ExitCode.USAGE),
    "not YAML": ("--clusterfile wrong.yaml", "spec: [", ExitCode.INPUT),
    "unknown field": ("--clusterfile wrong.yaml", "@sed s/hosts:/hots:/", ExitCode.INPUT),
    "a host that is not there": ("--clusterfile wrong.yaml", "@sed s/202.12/202.99/", ExitCode.HOST),
    "a login that is refused": ("--clusterfile wrong.yaml", "@sed s/user: root/user: nobody/", ExitCode.HOST),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_ends_with_its_exit_code_and_no_traceback(story: Story, case: str) -> None:
    arguments, text, code = WRONG[case]
    made = f"sed '{text.removeprefix('@sed ')}' site.yaml" if text.startswith("@sed ") else f"echo '{text}'"
    ssh.on(story.spec, story.spec.machines[0], f"cd /root && {made} > wrong.yaml")
    done = product.run(story.spec, arguments)
    ssh.on(story.spec, story.spec.machines[0], "rm /root/wrong.yaml")
    assert done.returncode == code, done.stderr
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr + done.stdout


def test_an_unknown_host_key_is_not_trusted(story: Story) -> None:
    first = story.spec.machines[0]
    ssh.on(story.spec, first, "mv /root/.ssh/known_hosts /root/.ssh/aside")
    done = product.run(story.spec, _APPLY)
    ssh.on(story.spec, first, "mv /root/.ssh/aside /root/.ssh/known_hosts")
    assert done.returncode == ExitCode.TRUST, done.stderr
    assert "--accept-new-host-keys" in done.stderr


def test_a_file_of_an_unknown_vendor_is_not_taken(story: Story) -> None:
    """Neither in the trust folder nor remembered from the runs before."""
    first, key = story.spec.machines[0], f"{product.TRUSTED}/demo.pub"
    remembered = "/root/.config/bundler"
    ssh.on(story.spec, first, f"mv {key} /root/aside.pub; mv {remembered} /root/aside.known")
    done = product.run(story.spec, _APPLY)
    ssh.on(
        story.spec, first, f"mv /root/aside.pub {key}; rm -rf {remembered}; mv /root/aside.known {remembered}"
    )
    assert done.returncode == ExitCode.TRUST, done.stderr
    assert "--trust" in done.stderr


LOGINS = {
    "ops, by key, sudo without a password": "user: ops, pk: /root/id_ed25519",
    "clerk, by password, sudo with it": "user: clerk, passwordFile: /root/password",
}


def log_in_as(story: Story, login: str) -> None:
    """Put other.yaml beside site.yaml: the same site with another login."""
    first = story.spec.machines[0]
    ssh.put(story.spec, first, [Identity(story.spec.run_dir).password], "/root/")
    ssh.on(story.spec, first, f"cd /root && sed 's|ssh: {{.*}}|ssh: {{{login}}}|' site.yaml > other.yaml")


def forget_login(story: Story) -> None:
    ssh.on(story.spec, story.spec.machines[0], "rm -f /root/password /root/other.yaml")


@pytest.mark.parametrize("login", LOGINS)
def test_users_other_than_root_work_through_sudo(story: Story, login: str) -> None:
    log_in_as(story, LOGINS[login])
    done = product.run(story.spec, "facts --json --clusterfile other.yaml")
    forget_login(story)
    assert done.returncode == 0, done.stderr
    password = Identity(story.spec.run_dir).password.read_text()
    assert password not in done.stdout + done.stderr
    hosts = json.loads(done.stdout)["hosts"]
    assert hosts[str(story.spec.machines[1].address)]["sudo"] is True


def test_plan_shows_and_does_nothing(story: Story) -> None:
    done = product.run(story.spec, f"plan {_APPLY}")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^[\w-]+: install .* on 2 hosts$", done.stdout, re.MULTILINE)
    assert re.search(r"Nothing was changed. All [\d,]+ steps: plan -v", done.stdout)
    first = story.spec.machines[0]
    assert ssh.try_on(story.spec, first, "test -e /etc/kubernetes/admin.conf").returncode != 0


def test_install_brings_both_nodes_up(story: Story) -> None:
    done = product.run(story.spec, f"{_APPLY} --report report.json")
    assert done.returncode == 0, done.stderr + done.stdout[-3000:]
    story.installed = True
    assert product.ready_nodes(story.spec) == {"node-1": True, "node-2": True}
    report = json.loads(ssh.on(story.spec, story.spec.machines[0], "cat /root/report.json"))
    assert report["phases"]


def _require_installed(story: Story) -> None:
    assert story.installed, "the install failed, see the test of it"


def test_every_node_answers_with_the_pages_of_both_registries(story: Story) -> None:
    """Two images of one path and tag in two registries stay two images."""
    _require_installed(story)
    product.wait_for_pages(story.spec)
    for machine in story.spec.machines:
        texts = {port: product.page(machine, port).text for port in product.PAGES}
        assert all(image in texts[port] for port, image in product.PAGES.items())


def test_the_service_balances_over_both_nodes(story: Story) -> None:
    _require_installed(story)
    first = story.spec.machines[0]
    answers = {product.page(first, 30080).text for _ in range(40)}  # all from one node: once in 2^39
    assert {name for name in ("node-1", "node-2") if any(name in text for text in answers)} == {
        "node-1",
        "node-2",
    }


def test_images_came_from_the_sites_registry(story: Story) -> None:
    _require_installed(story)
    images = ssh.on(story.spec, story.spec.machines[1], "ctr -n k8s.io images ls -q")
    assert "docker.io/demo/web:1.0" in images


def test_a_second_run_finds_nothing_to_do(story: Story) -> None:
    _require_installed(story)
    began = time.monotonic()
    done = product.run(story.spec, _APPLY)
    took = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    assert "nothing to do" in (done.stdout + done.stderr).lower()
    assert took < 15, f"{took:.1f} s for nothing"


def test_status_finds_the_site_well(story: Story) -> None:
    _require_installed(story)
    done = product.run(story.spec, "status --json --clusterfile site.yaml")
    assert done.returncode == 0, done.stderr + done.stdout
    told = json.loads(done.stdout)
    # What started a moment ago is named, and is nothing to look at.
    graver = [each for each in told["findings"] if each["id"] not in {"component-starting", "pods-starting"}]
    assert (told["state"], graver) == ("well", [])
    assert {part["state"] for part in told["parts"].values()} == {"well"}
    assert [(host["node"], host["state"]) for host in told["hosts"]] == [
        ("node-1", "ready"),
        ("node-2", "ready"),
    ]
    assert told["parts"]["registries"]["images_there"] == told["parts"]["registries"]["images"] > 0
    assert [(run["operation"], run["result"]) for run in told["runs"]] == [("apply", "done")]


def test_status_names_what_a_person_changed(story: Story) -> None:
    """A kubelet that was stopped is an error, and what `apply` would do about it is drift."""
    _require_installed(story)
    second = story.spec.machines[1]
    ssh.on(story.spec, second, "systemctl stop kubelet")
    done = product.run(story.spec, "status --json --clusterfile site.yaml")
    ssh.on(story.spec, second, "systemctl start kubelet")
    assert done.returncode == ExitCode.FINDINGS, done.stderr + done.stdout
    found = {each["id"]: each["hosts"] for each in json.loads(done.stdout)["findings"]}
    assert found["kubelet-stopped"] == [str(second.address)]
    assert found["drift"] == [str(second.address)]


def test_collect_takes_all_hosts_and_no_secret(story: Story) -> None:
    _require_installed(story)
    first = story.spec.machines[0]
    done = product.run(story.spec, "collect --clusterfile site.yaml -o /root/all.tar.gz")
    assert done.returncode == 0, done.stderr + done.stdout
    unpack = "cd /root && rm -rf all && mkdir all && tar -xzf all.tar.gz -C all --strip-components 1"
    index = json.loads(ssh.on(story.spec, first, f"{unpack} && cat all/index.json"))
    paths = {each["path"] for each in index["files"]}
    for machine in story.spec.machines:
        assert {
            f"hosts/{machine.address}/logs/kubelet.log",
            f"hosts/{machine.address}/bundler/journal",
        } <= paths
    assert f"hosts/{first.address}/cluster/pods.yaml" in paths
    # Every line of every private key and kept secret of the control plane is looked for.
    secrets = "cat /etc/kubernetes/pki/*.key /etc/kubernetes/pki/etcd/*.key | grep -v -e '-----'"
    kept = "tr -d '\"' </var/lib/bundler/secrets.json | sed 's/\\\\n/\\n/g' | grep -E '^[A-Za-z0-9+/=]{40,}$'"
    leaked = ssh.on(
        story.spec,
        first,
        f"{{ {secrets}; {kept}; }} >/root/lines; grep -rlFf /root/lines /root/all; wc -l </root/lines",
    )
    ssh.on(story.spec, first, "rm -rf /root/all /root/all.tar.gz /root/lines")
    assert int(leaked) > 20, leaked  # the number of lines alone: no file has one


def test_an_upgrade_carries_what_changed_and_takes_the_rest_from_the_site(
    story: Story, tmp_path: Path
) -> None:
    """Nothing of the first .run is at hand any more: neither the file nor its unpacked installer."""
    _require_installed(story)
    first = story.spec.machines[0]
    delta = tmp_path / "upgrade.run"
    product.make(delta, "--base", str(story.run_file), context=product.upgraded(tmp_path), quiet=True)
    assert delta.stat().st_size < story.run_file.stat().st_size / 20
    ssh.put(story.spec, first, [delta], "/root/")
    ssh.on(story.spec, first, "mv /root/demo.run /root/aside; rm -rf /var/tmp/bundler-0")
    try:
        done = product.run(story.spec, _APPLY, name="upgrade.run")
        assert done.returncode == 0, done.stderr + done.stdout[-3000:]
        again = product.run(story.spec, _APPLY, name="upgrade.run")
        assert "nothing to do" in again.stderr
        older = product.run(story.spec, f"{_APPLY} --base /root/aside", name="upgrade.run")
        assert "nothing to do" in older.stderr
    finally:
        ssh.on(story.spec, first, "mv /root/aside /root/demo.run; rm -f /root/upgrade.run")
    for machine in story.spec.machines:
        for port, image in product.PAGES.items():
            assert image.replace("1.0", "1.1") in product.page(machine, port).text
    back = product.run(story.spec, _APPLY)
    assert back.returncode == ExitCode.TRUST
    assert "--allow-downgrade" in back.stderr


def test_nothing_tried_to_leave_the_site(story: Story) -> None:
    _require_installed(story)
    assert watch.seen(story.spec, watch.CLUSTER_NETWORKS) == ()


def test_delete_leaves_the_machines_as_they_were_found(story: Story) -> None:
    _require_installed(story)
    done = product.run(story.spec, f"delete --yes {_APPLY}")
    assert done.returncode == 0, done.stderr + done.stdout[-3000:]
    first = story.spec.machines[0]
    ssh.on(story.spec, first, "rm -f /root/report.json /root/*.log")  # what this test asked for
    left = [
        f"{machine.name} {each.section} {each.sign} {each.line}"
        for machine in story.spec.machines
        for each in differences(story.before[machine.name], footprint(story.spec, machine))
    ]
    assert not left, "\n".join(left)


def test_it_comes_up_again_after_delete_by_a_user_whose_sudo_asks(story: Story) -> None:
    _require_installed(story)
    log_in_as(story, LOGINS["clerk, by password, sudo with it"])
    done = product.run(story.spec, "--clusterfile other.yaml")
    forget_login(story)
    assert done.returncode == 0, done.stderr + done.stdout[-3000:]
    assert product.ready_nodes(story.spec) == {"node-1": True, "node-2": True}
    assert watch.seen(story.spec, watch.CLUSTER_NETWORKS) == ()
