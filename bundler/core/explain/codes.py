"""Errors that have no id of their own go by their exit code."""

from bundler.core.errors import ExitCode
from bundler.core.explain.model import Explanation

CODES = (
    Explanation(
        "BND-BUG",
        "an unexpected error",
        ("this is a bug in bundler; your input may be fine",),
        (
            "run the same command with BUNDLER_DEBUG=1 and keep the output",
            "report it with that output and the log file that the message names",
        ),
        ExitCode.BUG,
    ),
    Explanation(
        "BND-USAGE",
        "a wrong option, command or folder",
        ("an option is misspelt, missing or goes with none of the others", "a folder can't be written to"),
        (
            "read the message's fix",
            "see the options: `bundler COMMAND --help`, `./product.run COMMAND --help`",
        ),
        ExitCode.USAGE,
    ),
    Explanation(
        "BND-INPUT",
        "an input file is wrong",
        ("a Kubefile, Clusterfile, chart or values file has an error; the message names file and line",),
        (
            "fix the line that the message names",
            "see every problem at once: `bundler lint FOLDER`, `./product.run plan -f site.yaml`",
        ),
        ExitCode.INPUT,
    ),
    Explanation(
        "BND-NOT-FOUND",
        "something named does not exist",
        ("a name, tag or version is misspelt", "the lock names what has been removed from its server"),
        ("check the name where the message points", "after an upstream removal: `bundler update NAME`"),
        ExitCode.NOT_FOUND,
    ),
    Explanation(
        "BND-NETWORK",
        "a server could not be reached or answered with an error",
        (
            "no route, a firewall, or a proxy that is down",
            "the server limits requests (429) or fails (5xx)",
            "the build runs with `--offline`",
        ),
        (
            "try the address that the message names with curl from the same machine",
            "set HTTPS_PROXY and NO_PROXY as your network needs them, or name a mirror (docs/images.md)",
            "run the same command: what was fetched is kept",
        ),
        ExitCode.NETWORK,
    ),
    Explanation(
        "BND-INTEGRITY",
        "bytes are not what their digest says",
        (
            "a copy was cut short or a medium is bad",
            "a server or cache sends something else than was locked",
            "the file was changed",
        ),
        (
            "copy the file again and compare: `sha256sum FILE`, `./product.run --check`",
            "don't work around it: use the file that the vendor signed",
        ),
        ExitCode.INTEGRITY,
    ),
    Explanation(
        "BND-TRUST",
        "a signature, host key, certificate or login is missing or wrong",
        (
            "the vendor's key is not in the trust folder",
            "a password or key file is wrong",
            "a certificate is expired or made out for another name",
        ),
        ("follow the message's fix", "docs/security.md says which trust is kept where"),
        ExitCode.TRUST,
    ),
    Explanation(
        "BND-SPACE",
        "a disk is full, or would become full",
        ("the disk under the folder that the message names has too little room",),
        (
            "free the space that the message asks for: `df -h`, `du -xhd1 /var | sort -h`",
            "run the same command: nothing half-written is left behind",
        ),
        ExitCode.SPACE,
    ),
    Explanation(
        "BND-BUILD",
        "a RUN instruction failed",
        ("its command failed; the message ends with the last lines of its output",),
        (
            "read the output in the log file that the message names",
            "fix the instruction and build again: earlier instructions come from the cache",
        ),
        ExitCode.BUILD,
    ),
    Explanation(
        "BND-HOST",
        "a host could not be reached, or did not serve",
        (
            "the host is off, the address or port is wrong, or a firewall drops ssh",
            "the connection broke in the middle",
            "the user can't become root",
        ),
        (
            "log in by hand with the user and key of the Clusterfile: `ssh -p PORT USER@HOST sudo -n true`",
            "run the same command: it goes on where it stopped",
        ),
        ExitCode.HOST,
    ),
    Explanation(
        "BND-PREFLIGHT",
        "a host is not fit for the install",
        ("too little memory, disk or CPU, a wrong kernel, a port in use, a clock that is off",),
        (
            "follow the fix under each finding",
            "see all of them without changing anything: `./product.run plan`",
        ),
        ExitCode.PREFLIGHT,
    ),
    Explanation(
        "BND-STEP",
        "a command failed on a host",
        ("the host's output is under `why`", "the disk filled up, or a service did not start"),
        (
            "look at the host: `systemctl --failed`, `journalctl -u kubelet -u containerd -n 100`",
            "fix the cause and run the same command: finished steps are not repeated",
        ),
        ExitCode.STEP,
    ),
    Explanation(
        "BND-NOT-READY",
        "something did not become ready in time",
        (
            "a pod can't be scheduled, can't get its image, or fails its probe",
            "the machine is slower than the limit allows for",
        ),
        (
            "look at the pods and events that the message shows",
            "on slow machines, allow more time: `--timeout-factor 3`",
            "run the same command: it waits again from where it stopped",
        ),
        ExitCode.NOT_READY,
    ),
    Explanation(
        "BND-UNSUPPORTED",
        "valid, but not supported",
        ("this version, platform or machine can't do it; the message says which part",),
        ("follow the message's fix, or leave the part out",),
        ExitCode.UNSUPPORTED,
    ),
    Explanation(
        "BND-BUSY",
        "another run is working on this site",
        (
            "another operation is running, maybe from elsewhere; the message names who started it and when",
            "a run was killed and its lock has not expired yet",
        ),
        ("wait until it ends, or end it", "then run the same command"),
        ExitCode.BUSY,
    ),
    Explanation(
        "BND-REFUSED",
        "the request could do harm, or is impossible in the site's present state",
        ("the message says what would be lost or broken",),
        ("follow the message's fix; nothing was changed",),
        ExitCode.REFUSED,
    ),
    Explanation(
        "BND-PARTIAL",
        "done, but for hosts that were excused",
        ("`--max-failed` or `--without` allowed it",),
        ("fix the named hosts, then run the same command: it does what they lack",),
        ExitCode.PARTIAL,
    ),
    Explanation(
        "BND-FINDINGS",
        "the site works, but something needs attention",
        ("a finding is listed with its measured value and limit",),
        ("follow the fix under each finding",),
        ExitCode.FINDINGS,
    ),
    Explanation(
        "BND-DOWN",
        "the site does not serve",
        ("the API does not answer on any control plane, or etcd has no majority",),
        (
            "get the silent control planes back",
            "if they are lost: `./product.run restore --from SNAPSHOT -f site.yaml`",
        ),
        ExitCode.DOWN,
    ),
    Explanation(
        "BND-INTERRUPTED",
        "stopped by Ctrl-C or a signal",
        ("you, a terminal that closed, or a service manager ended the run",),
        ("run the same command to continue; what ran on the hosts was stopped cleanly",),
        ExitCode.INTERRUPTED,
    ),
)
