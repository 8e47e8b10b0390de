"""What a build host must have, by the names of its own distribution."""

from pathlib import Path

import pytest

from tests.site.hostpackages import names_of, wanted

LIST = Path(__file__).resolve().parents[3] / ".requirements/apt.txt"


def test_package_list_by_section() -> None:
    text = "# words\n[demo]\ngcc  # compiles\n\nmake\n[test]\nzstd\n"
    assert wanted(text, frozenset({"demo"}), "3.11") == ("gcc", "make")
    assert wanted(text, frozenset({"demo", "test"}), "3.11") == ("gcc", "make", "zstd")


# A host, the version of its /usr/bin/python3, and what dpkg-query says of the library of it.
HOSTS = {
    "Debian 12": ("3.11", "installed|libpython3.11|\n"),
    "Debian 13": ("3.13", "installed|libpython3.13|\n"),
    "Ubuntu 24.04": ("3.12", "installed|libpython3.12t64|libpython3.12 (= 3.12.3-1)\n"),
}


@pytest.mark.parametrize("host", HOSTS)
def test_the_library_is_that_of_the_interpreter_and_is_found_under_its_name(host: str) -> None:
    python, listing = HOSTS[host]
    libraries = {
        name for name in wanted(LIST.read_text(), frozenset({"demo"}), python) if "libpython" in name
    }
    assert libraries == {f"libpython{python}"}
    assert libraries <= names_of(listing)


def test_only_what_is_installed_counts() -> None:
    listing = "installed|a|b (= 1), c\nconfig-files|gone|x\nnot-installed|never|\n"
    assert names_of(listing) == {"a", "b", "c"}


def test_no_name_holds_for_one_release_only() -> None:
    sections = frozenset({"demo", "test", "bench"})
    names = set(wanted(LIST.read_text(), sections, "9.9"))
    assert not [name for name in names if "3.11" in name or "{" in name]
