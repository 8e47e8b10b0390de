from typing import Any

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.operations.reach import Reached
from bundler.installer.operations.remote_command import Ran, as_text, kubectl, run_command
from bundler.installer.transport.protocol import Outcome
from tests.kits.transports import MemoryTransport

SILENT = BundlerError("the host can't be reached", why="no route to host", code=ExitCode.HOST)


def said(**outcomes: Any) -> Any:
    return list(as_text(Ran(dict(outcomes), 1.25)))


def test_equal_answers_are_shown_once() -> None:
    outcomes = {f"10.0.0.{n}": Outcome(0, "active\n", "") for n in (21, 22, 23)}
    ran = Ran({**outcomes, "10.0.0.24": Outcome(3, "inactive\n", ""), "10.0.0.25": SILENT}, 1.25)
    assert list(as_text(ran)) == [
        "exit 0  10.0.0.21-23 (3)  active",
        "exit 3  10.0.0.24  inactive",
        "no answer  10.0.0.25  no route to host",
        "3 of 5 hosts ended with 0 (1.2 s).",
    ]
    assert ran.failed == ("10.0.0.24", "10.0.0.25")


def test_several_lines_stand_under_their_hosts() -> None:
    assert list(as_text(Ran({"a": Outcome(0, "x\ny\n", "")}))) == [
        "exit 0  a",
        "  x",
        "  y",
        "1 of 1 host ended with 0 (0.0 s).",
    ]


def test_words_reach_the_host_as_they_were_typed() -> None:
    host = MemoryTransport("a")
    run_command(Reached({"a": host}, {}), ["echo", "$HOME", "a b"], timeout=1, parallel=1)
    assert host.scripts == ["exec echo '$HOME' 'a b'\n"]


def plane(address: Any, *outcomes: Any) -> Any:
    left = list(outcomes)

    def answer(_script: Any, _stdin: Any) -> Any:
        outcome = left.pop(0)
        if isinstance(outcome, BundlerError):
            raise outcome
        return outcome

    return MemoryTransport(address, answer)


REFUSED = Outcome(1, "", "The connection to the server a:6443 was refused")
NODES = Outcome(0, "node-1 Ready\n", "")


@pytest.mark.parametrize("first", [REFUSED, SILENT, Outcome(113, "", "")])
def test_kubectl_goes_on_to_the_next_control_plane(first: Any) -> None:
    hosts = {"a": plane("a", first), "b": plane("b", NODES)}
    assert kubectl(Reached(hosts, {}), ["get", "nodes"], timeout=1) == NODES


def test_an_error_of_kubectls_own_is_the_answer() -> None:
    wrong = Outcome(1, "", 'error: the server doesn\'t have a resource type "nodse"')
    hosts = {"a": plane("a", wrong), "b": plane("b", NODES)}
    assert kubectl(Reached(hosts, {}), ["get", "nodse"], timeout=1) == wrong


def test_no_control_plane_is_an_error_that_names_all() -> None:
    hosts = {"10.0.0.1": plane("10.0.0.1", Outcome(113, "", ""))}
    with pytest.raises(BundlerError) as caught:
        kubectl(Reached(hosts, {"10.0.0.2": SILENT}), ["get", "nodes"], timeout=1)
    assert caught.value.code is ExitCode.HOST
    assert "10.0.0.1-2 (2)" in str(caught.value)
    assert "it is not a control plane yet" in str(caught.value)
