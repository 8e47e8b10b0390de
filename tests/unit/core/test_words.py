from bundler.core.words import counted


def test_counts() -> None:
    told = [counted(count, "host") for count in (0, 1, 2, 1500)]
    assert told == ["no host", "1 host", "2 hosts", "1,500 hosts"]
