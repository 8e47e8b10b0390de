"""What is kept and handed on of a script's output, whatever a host sends."""

from bundler.installer.transport import remote


def test_lines_without_end_are_not_handed_on_without_end() -> None:
    lines: list[str] = []
    tail = remote.Tail(1 << 20, lines.append)
    for _ in range(30):
        tail.add(b"x\n" * 1000)
    assert len(lines) == remote.LINES_LIMIT + 1
    assert "left out" in lines[-1]


def test_a_line_without_end_is_cut() -> None:
    lines: list[str] = []
    tail = remote.Tail(1 << 10, lines.append)
    for _ in range(100):
        tail.add(b"y" * (64 << 10))
    tail.add(b"end\n")
    assert [len(line) <= remote.LINE_LIMIT for line in lines] == [True]
    assert len(tail.text()) <= 1 << 10


def test_a_number_of_a_process_group_is_one() -> None:
    for text in ("0", "01", "9" * 5000, "-1", "٣"):
        running = remote.Running()
        running.add_error(f"bundler-process-group {text}\n".encode())
        assert running.group is None
