"""What a step's effect depends on, in words: named inputs, never a secret nor its digest."""

import hashlib
from collections.abc import Mapping
from functools import lru_cache

from bundler.installer.plan.steps import Await, Deliver, Exec, Relay, Step, Write
from bundler.installer.scripts.render import Script, revision

_SHARED = 4096  # texts that hosts of a large site have in common, and some of their own
_PLAIN = frozenset({"config", "discovery", "pki", "folder", "library", "runtime", "archive", "environment"})


def inputs_of(step: Step) -> Mapping[str, str]:
    """Of what the journal keeps after a success, and what `plan` compares."""
    match step:
        case Deliver(files=files):
            listed = "".join(f"{file.path} {file.digest} {file.mode}\n" for file in files)
            return {"files": str(len(files)), "content": short(listed)}
        case Write(secret=True) | Write(slots=(_, *_)) | Relay():
            return {"path": step.path}
        case Write():
            return _of_file(step.path, digest_of(step.content))
        case Exec(secret=True) | Exec(capture=str()) if step.secret or step.capture:
            return {}
        case Exec():
            return {**_of_script(step.script), **({"input": short(step.stdin)} if step.stdin else {})}
        case Await():
            return _of_script(step.script)


@lru_cache(maxsize=_SHARED)
def _of_file(path: str, digest: str) -> Mapping[str, str]:
    return {"path": path, "content": digest}


def _of_script(text: str) -> Mapping[str, str]:
    """A script's variables; its text counts only where its origin is unknown."""
    return _variables(text) if isinstance(text, Script) else {"script": short(text)}


@lru_cache(maxsize=_SHARED)
def _variables(text: Script) -> Mapping[str, str]:
    named = {key: value for key, value in text.variables.items() if key not in _PLAIN}
    return {key: value if len(value) < 200 else short(value) for key, value in named.items()}


def revision_of(step: Step) -> int:
    """Raised with the scripts that it is made of."""
    return revision(step.script) if isinstance(step, Exec | Await) else 1


@lru_cache(maxsize=_SHARED)
def digest_of(text: str) -> str:
    """Of a whole content, as it is compared with a file on a host."""
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=_SHARED)
def short(text: str) -> str:
    """Stands for a text in which no words are searched."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
