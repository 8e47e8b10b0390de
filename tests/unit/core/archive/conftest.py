"""A .run and the frozen installer in it."""

from tests.kits.archive.run_fixtures import make, runtime

__all__ = ["make", "runtime"]  # fixtures are found by their names here
