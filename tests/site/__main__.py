"""The command line of the test site: `python -m tests.site COMMAND`."""

import argparse
import os
import sys
from ipaddress import IPv4Network
from pathlib import Path

from bundler.core.errors import BundlerError, ExitCode
from tests.site import lifecycle, ssh, verbs, watch
from tests.site.demo import demo
from tests.site.network import enter
from tests.site.spec import SiteSpec


def main(arguments: list[str]) -> int:
    """Run one command; the exit code is that of the product's own tools."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    options = _parser().parse_args(arguments[:cut])
    try:
        _dispatch(options, tuple(arguments[cut + 1 :]))
    except BundlerError as error:
        sys.stderr.write(f"error: {error}\n")
        return int(error.code)
    except KeyboardInterrupt:
        return int(ExitCode.INTERRUPTED)
    return 0


def say(text: str) -> None:
    """Tell the person at the terminal, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _dispatch(options: argparse.Namespace, rest: tuple[str, ...]) -> None:
    match options.command:
        case "up":
            wanted = (options.name, options.subnet, options.machines, options.suite, options.disk)
            lifecycle.up(SiteSpec(*wanted), say)
        case "demo":
            demo(SiteSpec(options.name, options.subnet), options.output, say)
        case "down":
            for name in lifecycle.names() if options.all else (options.name,):
                lifecycle.down(name, say)
        case "status":
            _status()
        case "leaks":
            for each in watch.seen(lifecycle.load(options.name)):
                say(f"{each.at:.3f} {each.source} -> {each.target} {each.detail}")
        case "shell":
            spec = lifecycle.load(options.name)
            argv = (*ssh.command(spec, spec.machine(options.machine), options.user), *rest)
            os.execvp(argv[0], argv)  # noqa: S606  (we become ssh; a shell is not wanted)
        case "exec":
            argv = (*enter(lifecycle.load(options.name).netns), *(rest or ("sh",)))
            os.execvp(argv[0], argv)  # noqa: S606  (we become the command)
        case _:
            verbs.do(options)


def _status() -> None:
    found = lifecycle.status()
    if not found:
        say("No site is up.")
    for each in found:
        spec = each.spec
        say(f"{spec.name}: {spec.subnet}, keys and logs in {spec.run_dir}")
        for machine in spec.machines:
            state = each.machines[machine.name]
            say(f"  {machine.name:<8} {machine.address!s:<12} {machine.suite:<9} {state}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.site", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    default = SiteSpec()
    up = _command(commands, "up", "boot a site; does nothing when it is up")
    up.add_argument("--machines", type=int, default=default.count, help="how many (default: %(default)s)")
    up.add_argument("--subnet", type=IPv4Network, default=default.subnet, help="default: %(default)s")
    up.add_argument(
        "--suite",
        type=lambda text: tuple(text.split(",")),
        default=",".join(default.suites),
        help="Debian's, for the machines in turn, as in bookworm,trixie (default: %(default)s)",
    )
    up.add_argument(
        "--disk", type=int, default=default.disk, help="GiB of each machine's disk (default: %(default)s)"
    )
    show = _command(commands, "demo", "what `make demo` does: build demo.run and bring it up on a new site")
    show.add_argument("--subnet", type=IPv4Network, default=default.subnet, help="default: %(default)s")
    show.add_argument("--output", type=Path, default=Path("dist/demo.run"), help="default: %(default)s")
    down = _command(commands, "down", "take a site down, also a half-made one; nothing is left")
    down.add_argument("--all", action="store_true", help="all sites of this host")
    _command(commands, "status", "the sites of this host")
    _command(commands, "leaks", "what tried to leave the site, and the names that were asked for")
    shell = _command(commands, "shell", "ssh to a machine, for a shell or for the command after --")
    shell.add_argument("machine", help="name, number or address")
    shell.add_argument("--user", default="root", help="root, ops (sudo) or clerk (sudo with password)")
    verbs.add(lambda name, text: _command(commands, name, text))
    _command(commands, "exec", "run a command of this host (after --) in the site's network namespace")
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--name", default=SiteSpec().name, help="the site's name (default: %(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
