"""WordPress that stays up: three machines, and the one whose database takes the writes loses power.

`python -m tests.site.wordpress [FILE.run]` plays it on a site of its own: `make demo-wordpress`.
"""

import http.cookiejar
import json
import os
import sys
import threading
import time
import urllib.parse
import urllib.request
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path

from bundler.core.errors import BundlerError, ExitCode
from tests.site import lifecycle, power, product, ssh
from tests.site.groups import host_groups
from tests.site.spec import Machine, SiteSpec
from tests.site.support import require_support

CONTEXT = product.REPOSITORY / "templates/catalog/wordpress-ha"
TITLE = "It stays"
_TRY = 5.0  # seconds that a reader waits for one answer
_SQL = "mariadb --defaults-file=/etc/galera/my.cnf -N -B -e"
Say = Callable[[str], None]


def spec_of(name: str, subnet: str) -> SiteSpec:
    return SiteSpec(name, IPv4Network(subnet), 3)


def made(output: Path) -> Path:
    """The .run, made by `bundler make`; BUNDLER_WORDPRESS_RUN names one that was made already."""
    if there := os.environ.get("BUNDLER_WORDPRESS_RUN"):
        return Path(there)
    product.make(output, context=CONTEXT)
    return output


@dataclass(frozen=True, slots=True)
class Outage:
    """What readers at one machine met. Seconds from the cut on."""

    machine: Machine
    requests: int
    failed: int
    well_after: float  # the end of the last request that failed


@dataclass(frozen=True, slots=True)
class Blog:
    """A site of three control planes that are workers, too, with WordPress on it."""

    spec: SiteSpec
    say: Say = field(default=print)

    def kubectl(self, arguments: str, on: Machine | None = None) -> str:
        return ssh.on(self.spec, on or self.spec.machines[0], f"kubectl {arguments}")

    def install(self, run_file: Path) -> float:
        """Seconds that `./NAME.run --clusterfile site.yaml` takes. Raises BundlerError (STEP)."""
        product.carry(self.spec, run_file, control_planes=3)
        began = time.monotonic()
        done = product.run(self.spec, "--clusterfile site.yaml", name=run_file.name, timeout=1500)
        if done.returncode:
            raise BundlerError(
                f"./{run_file.name} ended with exit code {done.returncode}",
                code=ExitCode.STEP,
                why=(done.stdout + done.stderr)[-4000:],
            )
        return time.monotonic() - began

    def wait_for_pages(self, limit: float = 90) -> float:
        """Seconds until each machine answers with the page. Raises BundlerError (NOT_READY)."""
        return self.wait("the page at every machine", lambda: all(map(self.shows, self.spec.machines)), limit)

    def wait(self, what: str, holds: Callable[[], bool], limit: float) -> float:
        """Seconds until something holds. Raises BundlerError (NOT_READY)."""
        began = time.monotonic()
        while not _holds(holds):
            if time.monotonic() - began > limit:
                raise BundlerError(f"no {what} within {limit:.0f} s", code=ExitCode.NOT_READY)
            time.sleep(0.5)
        return time.monotonic() - began

    def shows(self, machine: Machine, words: str = "</html>") -> bool:
        try:
            return words in read(f"http://{machine.address}/")
        except OSError:
            return False

    def post(self, machine: Machine, title: str) -> None:
        """Log in and publish a post, as a browser would. Raises OSError."""
        base, login = (
            f"http://{machine.address}",
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()),
        )
        browser = urllib.request.build_opener(urllib.request.ProxyHandler({}), login)
        form = {"log": "admin", "pwd": self.password(), "testcookie": "1", "redirect_to": f"{base}/wp-admin/"}
        browser.open(f"{base}/wp-login.php", timeout=30).read()
        browser.open(f"{base}/wp-login.php", urllib.parse.urlencode(form).encode(), timeout=30).read()
        with browser.open(f"{base}/wp-admin/admin-ajax.php?action=rest-nonce", timeout=30) as answer:
            headers = {"Content-Type": "application/json", "X-WP-Nonce": answer.read().decode()}
        body = json.dumps({"title": title, "content": "Written over HTTP.", "status": "publish"}).encode()
        request = urllib.request.Request(f"{base}/?rest_route=/wp/v2/posts", body, headers)  # noqa: S310  # http only
        browser.open(request, timeout=30).read()

    def password(self) -> str:
        kept = self.kubectl("get secret wordpress-site -o jsonpath='{.data.password}'")
        return b64decode(kept).decode()

    def primary(self) -> Machine:
        """The machine whose database takes the writes: the first member, while it is well."""
        node = self.kubectl("get pod mariadb-0 -o jsonpath='{.spec.nodeName}'")
        return next(machine for machine in self.spec.machines if machine.name == node)

    def members(self, on: Machine) -> int:
        """How many databases are one cluster, as one on that machine sees it."""
        listed = self.kubectl(
            "get pods -l app.kubernetes.io/name=mariadb,app.kubernetes.io/component=member "
            f"--field-selector spec.nodeName={on.name} -o name",
            on,
        )
        shown = self.kubectl(f"exec {listed.strip()} -- {_SQL} \"SHOW STATUS LIKE 'wsrep_cluster_size'\"", on)
        return int(shown.split()[-1])

    def lose_power(self, machine: Machine, seconds: float = 45) -> list[Outage]:
        """Pull the plug of a machine while readers ask at each of the others."""
        others = [each for each in self.spec.machines if each != machine]
        readers = [Reader(each) for each in others]
        threads = [threading.Thread(target=reader.read, args=(seconds,)) for reader in readers]
        power.off(self.spec, machine, host_groups())
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [reader.outage() for reader in readers]

    def job(self, cronjob: str, name: str) -> None:
        """Run a CronJob's Job now. Raises BundlerError (STEP) when it isn't done in time."""
        self.kubectl(f"create job --from=cronjob/{cronjob} {name}")
        self.kubectl(f"wait --for=condition=complete job/{name} --timeout=110s")

    def lose_and_restore(self) -> float:
        """Back up, drop the database, restore; seconds of the last until the post is there again."""
        self.job("mariadb-backup", "backup-now")
        wiped = "DROP DATABASE wordpress; CREATE DATABASE wordpress CHARACTER SET utf8mb4"
        self.kubectl(f"exec mariadb-0 -- {_SQL} '{wiped}'")
        began = time.monotonic()
        self.job("mariadb-restore", "restore-now")
        self.wait("post", lambda: all(self.shows(each, TITLE) for each in self.spec.machines), 60)
        return time.monotonic() - began

    def come_back(self, machine: Machine) -> float:
        """Switch a machine on again; seconds until its database is one of three."""
        began = time.monotonic()
        power.on(self.spec, machine, host_groups())
        self.wait("member of three", lambda: self.members(machine) == 3, 300)  # all of them
        self.wait_for_pages()
        return time.monotonic() - began


@dataclass(slots=True)
class Reader:
    """Asks for the page at one machine, again and again, and notes when it did not get it."""

    machine: Machine
    requests: int = 0
    failures: list[float] = field(default_factory=list)

    def read(self, seconds: float) -> None:
        began = time.monotonic()
        while (now := time.monotonic() - began) < seconds:
            self.requests += 1
            try:
                well = TITLE in read(f"http://{self.machine.address}/")
            except OSError:
                well = False
            if not well:
                self.failures.append(time.monotonic() - began)
            time.sleep(max(0.0, 0.25 - (time.monotonic() - began - now)))

    def outage(self) -> Outage:
        return Outage(self.machine, self.requests, len(self.failures), max(self.failures, default=0.0))


def read(address: str) -> str:
    """A page as this host sees it. Raises OSError."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the site is never behind a proxy
    with opener.open(address, timeout=_TRY) as answer:
        text: str = answer.read(1 << 20).decode()
        return text


def _holds(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except (BundlerError, OSError, ValueError):
        return False


def play(blog: Blog, run_file: Path) -> None:
    """The whole story, told. Raises BundlerError, OSError."""
    say = blog.say
    say(f"./{run_file.name} --clusterfile site.yaml: {blog.install(run_file):.0f} s")
    say(f"The page answers at every machine {blog.wait_for_pages():.1f} s later")
    say(blog.kubectl("get nodes,pods -o wide").rstrip())
    blog.post(blog.spec.machines[0], TITLE)
    blog.wait("post", lambda: all(blog.shows(each, TITLE) for each in blog.spec.machines), 30)
    primary = blog.primary()
    say(f"A post is written over HTTP. {primary.name}, whose database takes the writes, loses power")
    for each in blog.lose_power(primary):
        say(
            f"  asked at {each.machine.name}: {each.requests} requests, {each.failed} failed, "
            f"all well after {each.well_after:.1f} s"
        )
    say(f"{primary.name} is switched on: one of three again after {blog.come_back(primary):.0f} s")
    say(f"Backup, the database dropped, restored: the post is there after {blog.lose_and_restore():.0f} s")


def main(arguments: list[str]) -> None:
    """Boot a site, play, leave it up for a look."""
    require_support()
    run_file = Path(arguments[0]) if arguments else made(Path("dist/wordpress-ha.run"))
    blog = Blog(spec_of(os.environ.get("SITE", "wordpress"), os.environ.get("SUBNET", "10.79.27.0/24")))
    lifecycle.up(blog.spec, blog.say)
    play(blog, run_file)
    blog.say(f"http://{blog.spec.machines[0].address}/  admin, password: {blog.password()}")
    blog.say(f".venv/bin/python -m tests.site down --name {blog.spec.name}    # takes it all away")


if __name__ == "__main__":
    main(sys.argv[1:])
