"""A store, a registry on loopback and pulls from it: fixtures of the builder's tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina

from bundler.builder.cache.store import Store
from bundler.builder.images.resolve import resolve_images
from bundler.builder.net.registry_logins import Keychain
from bundler.builder.oci.client import RegistryOptions
from bundler.builder.oci.model import ImageRequest, PullProgress, ResolvedImage, Silent
from bundler.core.oci import Platform
from bundler.core.reference import Reference
from tests.kits.images import StubRegistry

Pull = Callable[..., tuple[ResolvedImage, ...]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "cache") as store:
        yield store


@pytest.fixture
def registry() -> Iterator[StubRegistry]:
    with StubRegistry() as server:
        yield server
        server.shutdown()


@pytest.fixture
def no_waiting() -> Iterator[None]:
    """Retries come at once; how many is as in real life."""
    stamina.set_testing(True, attempts=100)
    yield
    stamina.set_testing(False)


@pytest.fixture
def pull(registry: StubRegistry, store: Store) -> Pull:
    """Pull names from the stub registry, or any other that is named."""

    def pull(
        *names: str, platform: str = "linux/amd64", progress: PullProgress | None = None, **options: Any
    ) -> tuple[ResolvedImage, ...]:
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
