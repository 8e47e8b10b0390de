"""Taking a cluster down that other products use, too."""

import pytest

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.facts.model import Facts
from bundler.installer.plan.decide import decide_removal
from bundler.installer.site.record import Product, Record
from tests.unit.installer.plan import kit


def known(*products: str) -> Facts:
    """A site that runs, with these products in its record; kit's own bundle is `demo`."""
    of = kit.site()
    found = kit.done_all(kit.plan(of), kit.facts(of))
    return kit.with_record(
        found, Record("id", "trial", products=tuple(Product(name, "1") for name in products))
    )


def test_a_cluster_that_others_use_stays() -> None:
    with pytest.raises(BundlerError, match="serves logs, shop, too") as caught:
        decide_removal(kit.site(), known("demo", "shop", "logs"), kit.index())
    assert (caught.value.code, caught.value.id) == (ExitCode.REFUSED, "BND-OTHER-PRODUCTS")
    assert "--with logs --with shop" in caught.value.fix


@pytest.mark.parametrize(
    ("products", "going"),
    [(("demo",), ()), (("demo", "shop"), ("shop",)), ((), ())],
)
def test_the_last_one_goes_and_those_named(products: tuple[str, ...], going: tuple[str, ...]) -> None:
    assert decide_removal(kit.site(), known(*products), kit.index(), going=frozenset(going)).steps


def test_naming_one_of_two_is_not_enough() -> None:
    with pytest.raises(BundlerError, match="serves logs, too"):
        decide_removal(kit.site(), known("demo", "shop", "logs"), kit.index(), going=frozenset({"shop"}))
