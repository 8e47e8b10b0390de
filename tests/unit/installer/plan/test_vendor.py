"""A vendor's rules: read with every fault at once, and what `apply` makes of them."""

from dataclasses import replace

import pytest

from bundler.core.errors import ExitCode, Problems
from bundler.installer.checks.judge import rule_faults
from bundler.installer.plan.cluster.decide import decide
from bundler.installer.plan.cluster.operation import Consents, Kind, Operation
from bundler.installer.plan.cluster.steps import Plan as Decided
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.decide import concrete, prepare
from bundler.installer.plan.limits import DEFAULT_LIMITS
from bundler.installer.plan.steps import Plan
from bundler.installer.plan.vendor import NO_RULES, VendorCheck, VendorRules, vendor_rules
from tests.unit.installer.plan import kit

FULL = b"""\
limits: {etcd-fsync: 5, disk-size: 51200}
severities: {swap-on: error}
strict: [clock]
checks:
- {id: gpu, title: a GPU is there, on: worker, severity: warning, script: nvidia-smi -L | wc -l, least: 1,
   unit: GPUs, reason: models run on it, fix: put it in, strict: true, timeout: 5}
- {id: plain, script: "true"}
"""


def rules(*texts: bytes) -> VendorRules:
    return vendor_rules({f"root/checks/{number}.yaml": text for number, text in enumerate(texts)})


def test_everything_at_once() -> None:
    found = rules(FULL)
    assert (found.limits.etcd_fsync, found.limits.disk_size) == (5.0, 51200 << 20)
    assert found.severities == {"swap-on": "error"}
    assert found.strict == {"clock"}
    assert found.checks == (
        VendorCheck(
            "gpu", "nvidia-smi -L | wc -l", "a GPU is there", "warning", "worker", least=1, unit="GPUs",
            reason="models run on it", fix="put it in", strict=True, timeout=5,
        ),
        VendorCheck("plain", "true"),
    )  # fmt: skip


def test_later_files_win_and_add() -> None:
    found = rules(
        b"limits: {mtu: 1500, load: 1}", b"limits: {mtu: 9000}\nstrict: [clock]", b"strict: [mtu-small]"
    )
    assert (found.limits.mtu, found.limits.load) == (9000, 1.0)
    assert found.strict == {"clock", "mtu-small"}


def test_no_files_no_rules() -> None:
    assert vendor_rules({"root/etc/kubeadm.yml": b"x"}) == NO_RULES
    assert rules(b"") == NO_RULES


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (b"- a", 1, "not a mapping"),
        (b"limit: {}", 1, "unknown field 'limit'"),
        (b"limits:\n  mtuu: 1", 2, "no limit is called 'mtuu'"),
        (b"limits:\n  mtu: -1", 2, "mtu must be a number from 0 on"),
        (b"limits:\n  mtu: .nan", 2, "mtu must be a number from 0 on"),
        (b"limits:\n  mtu: true", 2, "mtu must be a number from 0 on"),
        (b"severities:\n  swap-on: fatal", 2, "'fatal' is no severity"),
        (b"limits: 5", 1, "limits must be a mapping"),
        (b"severities: [a]", 1, "severities must be a mapping"),
        (b"strict: clock", 1, "strict must be a list of ids"),
        (b"checks: {a: b}", 1, "checks must be a list"),
        (b"checks:\n- gpu", 2, "a check is a mapping"),
        (b"checks:\n- script: x", 2, "a check needs its id"),
        (b"checks:\n- id: a", 2, "a check needs its script"),
        (b"checks:\n- id: A B\n  script: x", 2, "'A B' is no id"),
        (b"checks:\n- id: a\n  script: x\n  sevrity: error", 4, "unknown field 'sevrity'"),
        (b"checks:\n- id: a\n  script: x\n  on: master", 4, "'master' is no role"),
        (b"checks:\n- id: a\n  script: x\n  timeout: 600", 4, "60 s at most"),
        (b"checks:\n- id: a\n  script: x\n  least: many", 4, "least must be a number from 0 on"),
        (b"checks:\n- {id: a, script: x}\n- {id: a, script: y}", 1, "two checks are called 'a'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: bytes, line: int, said: str) -> None:
    with pytest.raises(Problems) as caught:
        rules(text)
    assert caught.value.code is ExitCode.INPUT
    assert any(said in problem.message for problem in caught.value.problems)
    (problem,) = (problem for problem in caught.value.problems if said in problem.message)
    assert problem.location.file == "checks/0.yaml"
    assert problem.location.line == line


def test_all_faults_are_told_together() -> None:
    with pytest.raises(Problems) as caught:
        rules(b"limits: {a: 1, b: 2}\nseverities: {c: d}")
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (VendorRules(strict=frozenset({"no-such"})), "no check is called 'no-such'"),
        (VendorRules(severities={"no-such": "note"}), "no check is called 'no-such'"),
        (VendorRules(checks=(VendorCheck("swap-on", "x"),)), "'swap-on' is the name of a built-in check"),
    ],
)
def test_ids_that_nobody_has_or_that_are_ours(given: VendorRules, said: str) -> None:
    (problem,) = rule_faults(given)
    assert said in problem.message


def test_rules_that_are_right_have_no_faults() -> None:
    assert rule_faults(rules(FULL.replace(b"strict: true", b"strict: false"))) == ()


def applied(text: bytes, *ignored: str, memory: int = 1 << 30) -> Plan:
    """The plan for a control plane with too little memory."""
    of, bundle = kit.site(), kit.index()
    found = kit.facts(of, control_plane={"memory": memory})
    contents = Contents(bundle, {**kit.files_of(bundle), "root/checks/a.yaml": text})
    meant = Operation(Kind.APPLY, Consents(ignored=frozenset(ignored)))
    prepared = prepare(of, found, contents, kit.of_site(kit.SECRETS, of), operation=meant)
    decision = decide(prepared.desired, prepared.observed, prepared.operation)
    assert isinstance(decision, Decided)
    return concrete(prepared, decision)


@pytest.mark.parametrize(
    ("text", "ignored"),
    [
        (b"", ("memory",)),
        (b"severities: {memory: warning}", ()),
        (b"limits: {control-plane-memory: 512}", ()),
    ],
    ids=["--ignore", "a severity", "a limit"],
)
def test_apply_passes_over_what_it_may(text: bytes, ignored: tuple[str, ...]) -> None:
    assert applied(text, *ignored).steps


@pytest.mark.parametrize(
    ("text", "ignored"),
    [
        (b"", ()),
        (b"", ("disk",)),
        (b"strict: [memory]", ("memory",)),
        (b"strict: [memory]\nseverities: {memory: warning}", ()),
        (b"limits: {control-plane-memory: 4096}", ()),
    ],
    ids=["nothing said", "another one", "strict", "strict although lowered", "a limit"],
)
def test_apply_refuses_what_it_must(text: bytes, ignored: tuple[str, ...]) -> None:
    with pytest.raises(Problems) as caught:
        applied(text, *ignored)
    assert caught.value.code is ExitCode.PREFLIGHT
    assert {problem.rule for problem in caught.value.problems} == {"memory"}


def test_what_leads_to_nothing_is_strict_by_itself() -> None:
    assert NO_RULES.passed_over(frozenset({"no-root", "hostname", "memory"})) == {"memory"}
    assert replace(NO_RULES, limits=DEFAULT_LIMITS) == NO_RULES
