"""The few data types of the SSH protocols that keys and signatures are made of (RFC 4251, section 5)."""


def string(data: bytes) -> bytes:
    """Bytes behind their length: four bytes, big-endian."""
    return len(data).to_bytes(4, "big") + data


class Reader:
    """Takes a message apart from its front; every method raises ValueError when it is cut short."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        piece = self._data[self._at : self._at + size]
        if len(piece) != size:
            raise ValueError("the message is cut short")
        self._at += size
        return piece

    def byte(self) -> int:
        """The next byte as a number."""
        return self.take(1)[0]

    def uint32(self) -> int:
        """The next four bytes as a number."""
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        """The next string's bytes."""
        return self.take(self.uint32())

    def text(self) -> str:
        """The next string, ASCII."""
        return self.string().decode("ascii")

    def end(self) -> None:
        """Nothing may be left. Raises ValueError."""
        if self._at != len(self._data):
            raise ValueError("there is more than the message")
