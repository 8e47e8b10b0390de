"""Fixtures that tests on real parts share with the quick ones."""

from tests.kits.build_site import site
from tests.kits.registry_fixtures import pull, registry, store

__all__ = ["pull", "registry", "site", "store"]  # fixtures are found by their names here
