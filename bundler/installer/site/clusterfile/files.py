"""The files of this machine that a Clusterfile names: told of before any host is asked, once for each."""

import stat
from collections.abc import Iterator
from pathlib import Path

from bundler.core.errors import ExitCode, Problem, Problems
from bundler.installer.site.clusterfile.build import Builder


def check_files(builder: Builder) -> tuple[str, ...]:
    """Notes on files that others may read. Raises Problems (NOT_FOUND) for files that can't be read."""
    problems: list[Problem] = []
    notes: list[str] = []
    for name, place, secret in builder.local:
        path = Path(name).expanduser()
        if why := _unreadable(path):
            field = "passwordFile" if secret else "pk"
            hint = (
                f"put it there, or name another file as {field}; paths are looked for beside the Clusterfile"
            )
            problems.append(builder.problem(place, "missing-file", f"{path}: {why}", hint))
        else:
            notes += [f"{builder.locate(place)}: {note}" for note in _open_to_others(path)]
    if problems:
        raise Problems(tuple(problems), code=ExitCode.NOT_FOUND)
    return tuple(dict.fromkeys(notes))


def _unreadable(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return "it is a folder"
        if stat.S_ISREG(mode):  # a pipe would be read empty
            path.open("rb").close()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""


def _open_to_others(path: Path) -> Iterator[str]:
    mode = path.stat().st_mode
    if stat.S_ISREG(mode) and mode & (stat.S_IRGRP | stat.S_IROTH):
        yield f"other users of this machine can read {path}; better: chmod 600 {path}"
