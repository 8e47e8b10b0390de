"""`python -m tests.fuzz TARGET [libFuzzer's options]`: throw bytes at a reader until it breaks a promise.

What was worth keeping goes to build/fuzz/TARGET, and comes back as a start for the next run; what breaks a
promise is written to build/fuzz/TARGET-crash-…, and `python -m tests.fuzz TARGET FILE` shows it again.
"""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["bundler"]):
    from tests.fuzz.targets import TARGETS


def main(name: str, options: list[str]) -> None:
    """Fuzz one target; ends with libFuzzer's own exit code, 77 for a broken promise."""
    target = TARGETS[name]
    folder = Path("build/fuzz") / name
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (folder / f"seed-{number}").write_bytes(seed)
    files = [option for option in options if not option.startswith("-")] or [str(folder)]
    bounds = ["-timeout=10", "-rss_limit_mb=1024", f"-artifact_prefix=build/fuzz/{name}-"]
    options = [option for option in options if option.startswith("-")]
    atheris.Setup([name, *bounds, f"-max_len={target.longest}", *options, *files], target.check)
    atheris.Fuzz()


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: python -m tests.fuzz {{{','.join(TARGETS)}}} [OPTION...]")
    main(sys.argv[1], sys.argv[2:])
