"""The command line of a .run: `./product.run [apply|plan|delete|facts] --clusterfile site.yaml`.

Loads little by itself: what takes long to import is imported by the command that needs it.
"""

import errno
import gc
import os
import signal
import sys
from collections.abc import Sequence

from bundler.core.errors import BundlerError, ExitCode, headed
from bundler.core.terminal import fill_gaps, is_gone, mute, show


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code (docs/exit-codes.md). The one place that renders errors."""
    fill_gaps()
    # Imports, and steps for thousands of hosts, are objects that stay; the collector need not look so often.
    gc.set_threshold(200_000)
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _dispatch(words)
        sys.stdout.flush()  # not at the interpreter's end, where a failure is a traceback
    except KeyboardInterrupt:
        return _fail("interrupted; run the same command again to go on", ExitCode.INTERRUPTED)
    except BundlerError as error:
        show(sys.stderr, f"{headed(error)}\n")
        return error.code
    except OSError as error:
        return _unwritten(error)
    except Exception as error:  # noqa: BLE001  (no user ever sees a traceback, unless asked for)
        return _bug(error)
    return code


def program() -> int:
    """What the frozen program runs: `main`, with SIGTERM and SIGHUP heard as Ctrl-C is.

    So what was begun is put in order: files that were not written whole go, and so does what runs on hosts.
    The exit code tells which signal it was, as a shell does. What is ignored (nohup) stays so.
    """
    heard: list[int] = []

    def stop(number: int, _frame: object) -> None:
        heard.append(number)
        raise KeyboardInterrupt

    handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: stop, signal.SIGHUP: stop}
    # Inside of Helm and of a plug-in nothing is heard; there a signal has its usual effect.
    if sys.argv[1:2] not in (["helm-agent"], ["app-agent"], ["plugin-agent"]):
        for number, handler in handlers.items():
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, handler)
    code = main()
    return 128 + heard[0] if heard and code == ExitCode.INTERRUPTED else code


def with_default(words: Sequence[str]) -> list[str]:
    """The words with `apply` in front when they name no command."""
    first = words[0] if words else "--help"
    if first in {"--help", "-h"} or not first.startswith("-"):
        return list(words) or ["--help"]
    return ["apply", *words]


def _dispatch(words: list[str]) -> int:  # noqa: PLR0911  (a case for each way to start)
    match words:
        case ["--version", *_]:
            from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

            try:
                sys.stdout.write(f"bundler {version('bundler')}\n")
            except PackageNotFoundError:  # a frozen program may come without its metadata
                sys.stdout.write("bundler\n")
            return ExitCode.OK
        case ["--licences" | "--licenses"]:
            from bundler.installer.cli.licences import notices  # noqa: PLC0415

            sys.stdout.writelines(f"{text}\n" for text in notices())
            return ExitCode.OK
        case ["--verify-sig", *rest]:
            return _of_site(["verify-sig", *rest])
        case ["helm-agent"]:
            from bundler.installer.helm.agent import main as helm_agent  # noqa: PLC0415

            return helm_agent(sys.stdin.buffer, sys.stdout, sys.stderr)
        case ["plugin-agent", *rest]:
            from bundler.installer.run.plugin_agent import main as plugin_agent  # noqa: PLC0415

            return plugin_agent(rest, sys.stdin.buffer, sys.stderr)
        case ["app-agent"]:
            from bundler.installer.helm.app_agent import main as app_agent  # noqa: PLC0415

            return app_agent(sys.stdin.buffer, sys.stdout, sys.stderr)
        case [("extract" | "export" | "serve" | "push-images"), *_]:
            from bundler.installer.cli.content_commands import run  # noqa: PLC0415

            return run(words)
        case _ if any(word.partition("=")[0] == "--kubeconfig" for word in _before_command(words)):
            from bundler.installer.cli.app_commands import run as of_cluster  # noqa: PLC0415

            return of_cluster(with_default(words))
        case _:
            return _of_site(with_default(words))


def _before_command(words: list[str]) -> list[str]:
    """What stands before `--`: behind it are words of a command on the hosts."""
    return words[: words.index("--")] if "--" in words else words


def _of_site(words: list[str]) -> int:
    from bundler.installer.cli.commands import app  # noqa: PLC0415
    from bundler.installer.cli.typer_app import invoke  # noqa: PLC0415

    return invoke(app, words)


def _fail(text: str, code: ExitCode) -> int:
    show(sys.stderr, f"error: {text}\n")
    return code


def _unwritten(error: OSError) -> int:
    """Nobody reads any more, or a disk of this machine is full; anything else is a bug."""
    if is_gone(error):  # who reads our output has seen enough
        mute(sys.stdout)
        return ExitCode.OK
    if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
        return _bug(error)
    mute(sys.stdout)  # what its buffer still holds would fail again
    fault = BundlerError(
        "a disk of this machine is full",
        where=error.filename or "this command's output",
        why=os.strerror(error.errno),
        code=ExitCode.SPACE,
        fix="free space there, then run the same command again",
    )
    show(sys.stderr, f"{headed(fault)}\n")
    return fault.code


def _bug(error: Exception) -> int:
    if os.environ.get("BUNDLER_DEBUG"):
        import traceback  # noqa: PLC0415

        traceback.print_exception(error)
    fault = BundlerError(
        f"this is a bug in bundler: {type(error).__name__}: {error}",
        code=ExitCode.BUG,
        fix="please report it, with the output of BUNDLER_DEBUG=1",
    )
    show(sys.stderr, f"{headed(fault)}\n")
    return fault.code


if __name__ == "__main__":
    sys.exit(main())
