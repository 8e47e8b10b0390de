"""A store, a registry on loopback and pulls from it: fixtures of the builder's tests."""

import pytest
import stamina

from bundler.builder.cache.store import Store
from bundler.builder.images.resolve import resolve_images
from bundler.builder.net.registry_logins import Keychain
from bundler.builder.oci.client import RegistryOptions
from bundler.builder.oci.model import ImageRequest, Silent
from bundler.core.oci import Platform
from bundler.core.reference import Reference
from tests.kits.images import StubRegistry


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "cache") as store:
        yield store


@pytest.fixture
def registry():
    with StubRegistry() as server:
        yield server
        server.shutdown()


@pytest.fixture
def no_waiting():
    """Retries come at once; how many is as in real life."""
    stamina.set_testing(True, attempts=100)
    yield
    stamina.set_testing(False)


@pytest.fixture
def pull(registry, store):
    """Pull names from the stub registry, or any other that is named."""

    def pull(*names, platform="linux/amd64", progress=None, **options):
        insecure = options.pop("insecure", frozenset({registry.host}))
        options.setdefault("keychain", Keychain())  # never that of whoever runs the tests
        return resolve_images(
            [ImageRequest(Reference.parse(name), ("test",)) for name in names],
            store=store,
            platform=Platform.parse(platform),
            registries=RegistryOptions(insecure, **options),
            progress=progress or Silent(),
        )

    return pull
