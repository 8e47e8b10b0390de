"""The project that Kubefiles are evaluated in."""

from tests.kits.build_site import site

__all__ = ["site"]  # a fixture is found by its name here
