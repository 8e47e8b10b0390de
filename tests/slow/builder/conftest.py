"""A store, a registry on loopback and pulls from it."""

from tests.kits.registry_fixtures import no_waiting, pull, registry, store

__all__ = ["no_waiting", "pull", "registry", "store"]  # fixtures are found by their names here
