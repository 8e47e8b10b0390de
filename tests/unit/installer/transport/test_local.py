import threading
from collections.abc import Iterator

from tests.unit.installer.fakes import private_transport


def test_a_script_does_not_wait_for_data_that_comes_slowly() -> None:
    """As the lock's signs of life do: the first comes seconds later, the last when the run ends."""
    transport, begun = private_transport("10.0.0.1"), threading.Event()

    def data() -> Iterator[bytes]:
        assert begun.wait(10), "the script has not begun"
        yield b"one\n"

    said = transport.run("echo begun; cat", stdin=data(), timeout=20, on_output=lambda _line: begun.set())
    transport.close()
    assert (said.status, said.stdout) == (0, "begun\none\n")


def test_each_piece_of_data_arrives_at_once() -> None:
    transport, heard = private_transport("10.0.0.1"), threading.Semaphore(0)

    def data() -> Iterator[bytes]:
        for number in range(3):
            yield f"{number}\n".encode()
            assert heard.acquire(timeout=10), f"{number} has not arrived"

    script = "while read -r line; do echo $line; done"
    said = transport.run(script, stdin=data(), timeout=40, on_output=lambda _line: heard.release())
    transport.close()
    assert said.stdout == "0\n1\n2\n"
