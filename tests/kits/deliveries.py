"""What a step delivers, out of memory."""

from collections.abc import Iterator

from bundler.core.digest import Digest
from bundler.installer.plan.steps import Delivery


class Contents:
    """Deliveries out of a dict; implements `Source`."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self._contents = contents

    def describe(self, delivery: Delivery) -> tuple[Digest, int]:
        data = self._contents[delivery.member]
        return Digest.of(data), len(data)

    def chunks(self, delivery: Delivery) -> Iterator[bytes]:
        yield self._contents[delivery.member]
