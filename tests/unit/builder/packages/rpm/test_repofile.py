from pathlib import Path

import pytest

from bundler.builder.packages.rpm.repofile import RpmRepository, read_repositories
from bundler.core.errors import BundlerError, ExitCode, Problems

VARIABLES = {"releasever": "9", "basearch": "x86_64", "stream": "9-stream"}


def read(folder: Path, text: str) -> tuple[RpmRepository, ...]:
    path = folder / "rhel.repo"
    path.write_text(text)
    return read_repositories(path, VARIABLES)


def test_sections_become_repositories(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "[main]\nplugins=1\n"
        "[baseos]\nname=Base OS\nbaseurl=https://m.example/$releasever/${basearch}/\n  https://other.example/\n"
        "gpgkey=keys/one https://m.example/KEY-$stream\npriority=10\n"
        "[off]\nenabled=0\nmirrorlist=https://m.example/\n"
        "[local]\nbaseurl=file:///srv/repo\ngpgkey=file:///etc/key\n",
    )
    keys = (str(tmp_path / "keys/one"), "https://m.example/KEY-9-stream")
    assert found == (
        RpmRepository("baseos", "https://m.example/9/x86_64/", keys, True, False, 10),  # noqa: FBT003
        RpmRepository("local", "file:///srv/repo/", ("/etc/key",), True, False),  # noqa: FBT003
    )


@pytest.mark.parametrize(
    ("lines", "index", "packages"),
    [
        ("", True, False),
        ("repo_gpgcheck=1", True, False),
        ("gpgcheck=1", True, True),
        ("gpgcheck=0", True, False),
        ("repo_gpgcheck=0", False, True),
        ("repo_gpgcheck=no\ngpgcheck=Yes", False, True),
        ("repo_gpgcheck=0\ngpgcheck=0", False, False),
    ],
)
def test_nothing_is_taken_unsigned_but_where_both_words_say_so(
    tmp_path: Path,
    lines: str,
    index: bool,  # noqa: FBT001  (a table)
    packages: bool,  # noqa: FBT001
) -> None:
    (found,) = read(tmp_path, f"[a]\nbaseurl=https://m.example\ngpgkey=k\n{lines}\n")
    assert (found.signed_index, found.signed_packages) == (index, packages)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(Problems) as caught:
        read(
            tmp_path,
            "[a]\nmirrorlist=https://m.example\ngpgkey=k\n"
            "[b]\nbaseurl=https://m.example\n"
            "[c]\nbaseurl=https://$nowhere.example\ngpgkey=http://m.example/k\n"
            "[d]\nbaseurl=https://m.example\ngpgkey=k\nsslclientcert=/x\nrepo_gpgcheck=maybe\npriority=first\n",
        )
    told = [(each.location.line, each.message) for each in caught.value.problems]
    assert set(told) == {
        (1, "a: mirrorlist is not supported"),
        (1, "a: it has no baseurl"),
        (4, "b: nothing says whose signature it must have"),
        (6, "c: $nowhere is not known"),
        (6, "c: a key can't come from http://m.example/k"),
        (6, "c: nothing says whose signature it must have"),
        (9, "d: sslclientcert is not supported"),
        (9, "d: repo_gpgcheck=maybe is neither yes nor no"),
        (9, "d: priority=first is no number"),
    }
    assert all(each.hint for each in caught.value.problems)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("baseurl=https://m.example\n", ExitCode.INPUT),
        ("[a]\n[a]\n", ExitCode.INPUT),
        ("", ExitCode.INPUT),
        ("[a]\nenabled=0\n", ExitCode.INPUT),
    ],
)
def test_files_that_are_none(tmp_path: Path, text: str, code: ExitCode) -> None:
    with pytest.raises(BundlerError) as caught:
        read(tmp_path, text)
    assert caught.value.code is code


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BundlerError, match="can't read") as caught:
        read_repositories(tmp_path / "none.repo", VARIABLES)
    assert caught.value.code is ExitCode.NOT_FOUND
    assert "--rpm-repos" in caught.value.fix


@pytest.mark.parametrize("name", ["../up", "a/b", "-x", "a b"])
def test_a_name_becomes_a_folder_so_it_must_be_one_word(tmp_path: Path, name: str) -> None:
    with pytest.raises(Problems, match="not the name of a repository"):
        read(tmp_path, f"[{name}]\nbaseurl=https://m.example\ngpgkey=k\n")
