"""Where the details of an unexpected error are kept."""

import tempfile
import traceback
from pathlib import Path


def keep(error: BaseException) -> Path:
    """Write the traceback to a new file and give its path."""
    text = "".join(traceback.format_exception(error))
    with tempfile.NamedTemporaryFile("w", prefix="bundler-bug-", suffix=".log", delete=False) as file:
        file.write(text)
    return Path(file.name)
