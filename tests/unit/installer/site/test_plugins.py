"""When plug-ins run, and where."""

import pytest

from bundler.installer.site.plugins import Moment, Scope, hostnames, labels, moments, scope, taints


@pytest.mark.parametrize(
    ("text", "expected", "old"),
    [
        ("pre-install", (Moment.PRE_INSTALL,), False),
        ("pre-init-host|post-init-host", (Moment.PRE_INIT_HOST, Moment.POST_INIT_HOST), False),
        ("PreInit|PreJoin", (Moment.PRE_INIT_HOST,), True),
        ("PreGuest", (Moment.POST_INSTALL,), True),
        ("PostClean", (Moment.POST_CLEAN_HOST,), True),
    ],
)
def test_moments(text: str, expected: tuple[Moment, ...], *, old: bool) -> None:
    assert moments(text) == (expected, old)


def test_a_misspelt_moment_is_guessed() -> None:
    with pytest.raises(ValueError, match='did you mean "post-install"'):
        moments("post-instal")


HOSTS = {"10.0.0.2": (True, {}), "10.0.0.3": (False, {"disk": "ssd"}), "10.0.0.4": (False, {})}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("master", {"10.0.0.2"}),
        ("node", {"10.0.0.3", "10.0.0.4"}),
        ("10.0.0.2,10.0.0.4", {"10.0.0.2", "10.0.0.4"}),
        ("10.0.0.3-10.0.0.9", {"10.0.0.3", "10.0.0.4"}),
        ("disk=ssd", {"10.0.0.3"}),
        ("node-role.kubernetes.io/master=", {"10.0.0.2"}),
        ("", {"10.0.0.2", "10.0.0.3", "10.0.0.4"}),
    ],
)
def test_scopes(text: str, expected: set[str]) -> None:
    found = scope(text, everywhere=False)
    fitting = {a for a, (cp, marks) in HOSTS.items() if found.fits(a, control_plane=cp, labels=marks)}
    assert fitting == expected
    assert found.named is bool(text)


def test_an_old_moment_without_a_choice_means_every_host() -> None:
    assert scope("", everywhere=True) == Scope(everywhere=True)


def test_a_misspelt_role_is_guessed() -> None:
    with pytest.raises(ValueError, match='did you mean "master"'):
        scope("mater", everywhere=False)


def test_data_by_address() -> None:
    assert hostnames("10.0.0.2 c1\n# a comment\n10.0.0.3 w1  # another\n") == {
        "10.0.0.2": "c1",
        "10.0.0.3": "w1",
    }
    assert labels("10.0.0.2,10.0.0.4 a=b,c=") == {
        "10.0.0.2": {"a": "b", "c": ""},
        "10.0.0.4": {"a": "b", "c": ""},
    }
    assert [str(each) for each in taints("10.0.0.2-10.0.0.3 k=v:NoExecute")["10.0.0.3"]] == ["k=v:NoExecute"]


@pytest.mark.parametrize(
    "data", ["10.0.0.2", "10.0.0.2-10.0.0.3 n", "10.0.0.2 A_b", "10.0.0.2 n\n10.0.0.3 n"]
)
def test_what_names_no_host(data: str) -> None:
    with pytest.raises(ValueError, match="line "):
        hostnames(data)
