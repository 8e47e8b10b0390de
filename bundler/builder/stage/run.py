"""RUN: a command in a copy of the staged tree, done once for equal inputs."""

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path

from bundler.builder.kubefile.instructions import Run
from bundler.builder.stage.build_context import BuildContext
from bundler.builder.stage.process import Ended, run_command
from bundler.builder.stage.waiting import told_at_times
from bundler.builder.tree.checkout import check_out, read_back
from bundler.builder.tree.tree import Tree
from bundler.core.digest import Digest
from bundler.core.errors import BundlerError, ExitCode
from bundler.core.index import canonical
from bundler.core.oci import Platform

_KIND = "run"
_FORM = 1  # raised when the same inputs would give another result
# What a command sees of the caller's environment. None of it counts for the cache: it says where things are
# on this machine, not what is built. Everything else comes by ARG and ENV.
_PASSED = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "XDG_CACHE_HOME", "SSL_CERT_FILE", "SSL_CERT_DIR",
        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
        # where Go takes modules from and keeps them
        "GOPROXY", "GONOPROXY", "GOPRIVATE", "GOINSECURE", "GOSUMDB", "GONOSUMDB", "GOAUTH", "GOPATH",
        "GOMODCACHE", "GOCACHE",
    }
)  # fmt: skip
# Ours, and no business of a command, which may be another vendor's.
_SECRET = frozenset({"BUNDLER_PASSPHRASE", "BUNDLER_REGISTRY_PASSWORD"})
_EPOCH = "315532800"  # 1980-01-01, the first day that a zip archive can hold; for tools that honour it


def run(instruction: Run, tree: Tree, env: Mapping[str, str], build_context: BuildContext) -> Tree:
    """The tree after the command, from the store where the same was run before.

    env: the ARGs and ENV in force. Raises BundlerError (BUILD) with the command's last output, (SPACE).
    """
    variables = {"SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", _EPOCH), **env}
    key = _key(instruction, tree, variables, build_context.platform)
    if (kept := _recall(key, build_context)) is not None:
        build_context.progress.log(f"{instruction.location}: RUN {instruction.text} (cached)")
        return kept
    told = f"{instruction.location}: RUN {_short(instruction.text)}"

    def waiting() -> None:
        build_context.progress.say(f"{told} (another build is running it; waiting for its result)")

    with build_context.store.alone(_KIND, key, waiting):
        if (kept := _recall(key, build_context)) is not None:
            build_context.progress.log(f"{told} (done by the other build)")
            return kept
        build_context.progress.say(told)
        with build_context.store.scratch() as scratch, told_at_times(told, build_context.progress) as heard:
            result = _execute(instruction, tree, variables, build_context, scratch, heard)
        build_context.store.remember(_KIND, key, result.to_json())
        return result


def _key(instruction: Run, tree: Tree, variables: Mapping[str, str], platform: Platform) -> str:
    inputs = {
        "form": _FORM,
        "tree": str(tree.digest),
        "script": instruction.script,
        "argv": instruction.argv,
        "env": dict(variables),
        "platform": str(platform),
    }
    return str(Digest.of(canonical(inputs)))


def _recall(key: str, build_context: BuildContext) -> Tree | None:
    record = build_context.store.recall(_KIND, key)
    if record is None:
        return None
    try:
        tree = Tree.from_json(record)
    except BundlerError:
        return None  # written by another version
    whole = all(build_context.store.find(entry.digest, entry.size) for _, entry in tree.files())
    return tree if whole else None


def _execute(
    instruction: Run,
    tree: Tree,
    variables: Mapping[str, str],
    build_context: BuildContext,
    scratch: Path,
    heard: Callable[[str], None],
) -> Tree:
    checkout = check_out(tree, build_context.store, scratch / "root")
    temporary = scratch / "tmp"
    temporary.mkdir(mode=0o700)
    try:
        ended = run_command(
            _argv(instruction, scratch),
            folder=checkout.root,
            env={
                **_machine(),
                **variables,
                "BUNDLER_ROOT": str(checkout.root),
                "BUNDLER_CACHE": str(build_context.store.root),
                "TMPDIR": str(temporary),
            },
            on_line=heard,
        )
    except OSError as error:
        raise _failed(instruction, build_context, str(error), ()) from error
    if ended.status != 0:
        raise _failed(instruction, build_context, _reason(ended), ended.tail)
    try:
        return read_back(checkout, build_context.store)
    except BundlerError as error:
        if error.code is not ExitCode.BUILD:
            raise
        raise BundlerError(
            error.what, where=instruction.location, why=error.why, fix=error.fix, code=error.code
        ) from error


def _argv(instruction: Run, scratch: Path) -> tuple[str, ...]:
    """A script goes through a file: it may be longer than an argument may be."""
    if instruction.argv:
        return instruction.argv
    script = scratch / "script"
    script.write_text(instruction.script, encoding="utf-8")
    if instruction.script.startswith("#!"):
        script.chmod(0o700)
        return (str(script),)
    return ("/bin/sh", "-e", str(script))


def _machine() -> dict[str, str]:
    """The part of our environment that commands need; language and time zone are the same everywhere.

    Python leaves no byte code beside its scripts: it holds their times, and would make every stage another.
    """
    passed = {
        k: v for k, v in os.environ.items() if k in _PASSED or (k.startswith("BUNDLER_") and k not in _SECRET)
    }
    return {**passed, "LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1"}


def _failed(
    instruction: Run, build_context: BuildContext, reason: str, tail: tuple[str, ...]
) -> BundlerError:
    output = "".join(f"\n    {line}" for line in tail)
    log = f"; the whole output is in {build_context.log_file}" if build_context.log_file else ""
    return BundlerError(
        f"RUN failed: {_short(instruction.text)}",
        where=instruction.location,
        why=reason + (f"; its last output was:{output}" if tail else ""),
        code=ExitCode.BUILD,
        fix=f"fix the command and build again; everything before it is cached{log}",
    )


def _reason(ended: Ended) -> str:
    if ended.status > 0:
        return f"it ended with status {ended.status}"
    name = signal.Signals(-ended.status).name if -ended.status in set(signal.Signals) else str(-ended.status)
    memory = ", maybe for lack of memory" if name == "SIGKILL" else ""
    return f"it was ended by {name}{memory}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else line[:99] + "…"
