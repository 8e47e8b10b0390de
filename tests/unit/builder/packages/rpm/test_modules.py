import pytest

from bundler.builder.packages.rpm.modules import Modules, read_modules
from bundler.core.errors import BundlerError, ExitCode

TEXT = """\
---
document: modulemd
version: 2
data: {name: db, stream: 10, artifacts: {rpms: ["db-server-0:10.1-1.x86_64", "both-0:1-1.noarch"]}}
---
document: modulemd
version: 2
data: {name: db, stream: "12", artifacts: {rpms: ["db-server-0:12.1-1.x86_64", "both-0:1-1.noarch"]}}
---
document: modulemd
version: 2
data: {name: lone, stream: "1"}
---
document: modulemd-defaults
version: 1
data: {module: db, stream: 10}
---
document: modulemd-obsoletes
version: 1
data: {}
"""


def test_default_streams_are_taken_and_all_others_left() -> None:
    found = read_modules(TEXT)
    assert found == Modules(
        frozenset({"db-server-0:10.1-1.x86_64", "both-0:1-1.noarch"}),
        frozenset({"db-server-0:12.1-1.x86_64"}),
    )
    assert found.shadowing() == {"db-server", "both"}


def test_what_one_repository_takes_no_other_leaves() -> None:
    both = Modules.of([Modules(frozenset("a"), frozenset("b")), Modules(frozenset("b"), frozenset("c"))])
    assert both == Modules(frozenset("ab"), frozenset("c"))


@pytest.mark.parametrize("text", ["a: [", "document: modulemd\ndata: 1", "document: modulemd\ndata: {}"])
def test_what_is_no_list_of_modules_is_refused(text: str) -> None:
    with pytest.raises(BundlerError) as caught:
        read_modules(text)
    assert caught.value.code is ExitCode.INTEGRITY
