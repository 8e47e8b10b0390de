"""A plug-in's Python module, run on a host by the installer's own Python: `app plugin-agent MODULE <REQUEST`.

The module is out of the signed bundle. It defines `run(plugin)`, which gets a mapping: `name`, `moment`,
`data`, `host` (its address), `env` and `hosts` (address, roles and labels of every host). What it prints is
the step's output; an exception is its failure. Modules of Python's library that the installer doesn't use
may be absent.
"""

import json
import runpy
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO, TextIO

_MOST = 8 << 20  # bytes of a request


def main(arguments: Sequence[str], stdin: BinaryIO, stderr: TextIO) -> int:
    """Run the module; the exit status: 2 for what is no request or no module, 1 for a plug-in that fails."""
    try:
        request: Mapping[str, Any] = json.loads(stdin.read(_MOST))
        run = _function(arguments[0])
    except (ValueError, IndexError, OSError, SyntaxError) as error:
        stderr.write(f"plugin-agent: {error}\n")
        return 2
    try:
        run(request)
    except Exception as error:  # noqa: BLE001  (whatever a plug-in raises is its failure)
        stderr.write(f"plug-in {request.get('name', '')}: {type(error).__name__}: {error}\n")
        return 1
    finally:
        sys.stdout.flush()
    return 0


def _function(path: str) -> Callable[[Mapping[str, Any]], object]:
    """Its function `run`. Raises ValueError where it has none."""
    found: Callable[[Mapping[str, Any]], object] | None = runpy.run_path(path).get("run")
    if found is None or not callable(found):
        raise ValueError(f"{path.rsplit('/', 1)[-1]} defines no function run(plugin)")
    return found
