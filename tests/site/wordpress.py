"""WordPress that stays up: three machines, and the one whose database takes the writes loses power.

`python -m tests.site.wordpress [FILE.run]` plays it on a site of its own: `make demo-wordpress`.
"""

import http.client
import http.cookiejar
import json
import os
import re
import shutil
import sys
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
from tests.site.readers import Met, read, reading
from tests.site.spec import Machine, SiteSpec
from tests.site.support import require_support

CONTEXT = product.REPOSITORY / "templates/catalog/wordpress-ha"
TITLE = "It stays"
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


def made_newer(folder: Path) -> Path:
    """The next version, with a newer WordPress; BUNDLER_WORDPRESS_NEWER names one made already."""
    if there := os.environ.get("BUNDLER_WORDPRESS_NEWER"):
        return Path(there)
    context, output = folder / "wordpress-ha", folder / "wordpress-ha-1.1.0.run"
    shutil.copytree(CONTEXT, context)
    kubefile = context / "Kubefile"
    kubefile.write_text(kubefile.read_text().replace("version=1.0.0", "version=1.1.0"))
    product.make(output, "--build-arg", "WORDPRESS=6.8", context=context)
    return output


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
        return self.apply(run_file)

    def apply(self, run_file: Path) -> float:
        """The same with a .run that is there. Raises BundlerError (STEP)."""
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
        except (OSError, http.client.HTTPException):
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

    def lose_power(self, machine: Machine, seconds: float = 45) -> list[Met]:
        """Pull the plug of a machine while readers ask at each of the others."""
        others = [each for each in self.spec.machines if each != machine]
        power.off(self.spec, machine, host_groups())
        with reading(others, TITLE) as readers:
            time.sleep(seconds)
        return [reader.met() for reader in readers]

    def upgrade(self, run_file: Path) -> list[Met]:
        """Apply a newer bundle while readers ask at every machine. Raises BundlerError (STEP)."""
        ssh.put(self.spec, self.spec.machines[0], [run_file], "/root/")
        self.wait_for_pages()
        with reading(self.spec.machines, TITLE) as readers:
            self.apply(run_file)
            self.kubectl("rollout status deployment/wordpress --timeout=110s")
            time.sleep(5)  # the last old pods end
        met = [reader.met() for reader in readers]
        for each in met:
            self.say(f"  {each} {each.slow or ''} {each.failures or ''}".rstrip())
        return met

    def version(self) -> str:
        """The version of WordPress that its pages tell of."""
        told = re.search(r'name="generator" content="WordPress ([0-9.]+)"', read(self.address()))
        return told[1] if told else ""

    def address(self) -> str:
        return f"http://{self.spec.machines[0].address}/"

    def job(self, cronjob: str, name: str) -> None:
        """Run a CronJob's Job now. Raises BundlerError (STEP) when it isn't done in time."""
        self.kubectl(f"create job --from=cronjob/{cronjob} {name}")
        self.kubectl(f"wait --for=condition=complete job/{name} --timeout=110s")

    def lose_and_restore(self) -> float:
        """Back up, wipe each member's volume, restore; seconds of the last until the post is there."""
        self.job("mariadb-backup", "backup-now")
        self._wipe()
        began = time.monotonic()
        self.job("mariadb-restore", "restore-now")
        self.wait("post", lambda: all(self.shows(each, TITLE) for each in self.spec.machines), 60)
        return time.monotonic() - began

    def _wipe(self) -> None:
        members = "app.kubernetes.io/name=mariadb,app.kubernetes.io/component=member"
        self.kubectl("scale statefulset mariadb --replicas=0")
        self.kubectl(f"wait pod -l {members} --for=delete --timeout=110s")
        self.kubectl("delete pvc --timeout=110s data-mariadb-0 data-mariadb-1 data-mariadb-2")
        self.kubectl("scale statefulset mariadb --replicas=3")
        self.wait("new members", lambda: self._ready_members() == 3, 300)

    def _ready_members(self) -> int:
        told = self.kubectl("get statefulset mariadb -o jsonpath='{.status.readyReplicas}'")
        return int(told or 0)

    def come_back(self, machine: Machine) -> float:
        """Switch a machine on again; seconds until its database is one of three."""
        began = time.monotonic()
        power.on(self.spec, machine, host_groups())
        self.wait("member of three", lambda: self.members(machine) == 3, 300)  # all of them
        self.wait_for_pages()
        return time.monotonic() - began


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
        say(f"  {each}")
    say(f"{primary.name} is switched on: one of three again after {blog.come_back(primary):.0f} s")
    say(f"Backup, all three volumes wiped, restored: the post is there after {blog.lose_and_restore():.0f} s")


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
