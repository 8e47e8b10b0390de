import pytest

from bundler.core.frozen import child_environment

HOME = {"_PYI_APPLICATION_HOME_DIR": "/x/_internal", "_PYI_ARCHIVE_FILE": "/x/app", "PATH": "/bin"}


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"PATH": "/bin"}, None),
        ({"PATH": "/bin", "LD_LIBRARY_PATH": "/mine"}, "/mine"),
        (HOME, None),
        (HOME | {"LD_LIBRARY_PATH": "/mine"}, "/mine"),  # started by start.sh: the caller's own
        (HOME | {"LD_LIBRARY_PATH": "/x/_internal"}, None),
        (HOME | {"LD_LIBRARY_PATH": "/x/_internal:/mine", "LD_LIBRARY_PATH_ORIG": "/mine"}, "/mine"),
    ],
)
def test_a_child_gets_the_callers_library_path(environment: dict[str, str], path: str | None) -> None:
    child = child_environment(environment)
    assert child.get("LD_LIBRARY_PATH") == path
    assert child["PATH"] == "/bin"
    assert not any(name.startswith("_PYI") or name == "LD_LIBRARY_PATH_ORIG" for name in child)
