"""Logins for files and chart repositories: where they are found, and where they go."""

from pathlib import Path

import pytest

from bundler.builder.cache.store import Store
from bundler.builder.net.fetch import Fetcher
from bundler.builder.net.logins import HelmRepository, Logins
from bundler.builder.net.mirrors import Mirrors
from bundler.builder.net.registry_logins import Credentials
from bundler.core.errors import BundlerError, ExitCode
from tests.kits.logins import OPS, SECRET, given, guarded
from tests.kits.servers import content, self_signed, serving, status

NETRC = f"machine files.example login ops password {SECRET}\ndefault login any password body\n"
REPOSITORIES = f"""\
apiVersion: ""
repositories:
- {{name: open, url: "https://open.example/charts"}}
- name: acme
  url: https://charts.example/stable/
  username: ops
  password: "{SECRET}"
- {{name: all, url: "https://all.example", username: ops, password: "{SECRET}", pass_credentials_all: true}}
"""


@pytest.fixture
def logins(tmp_path: Path) -> Logins:
    (tmp_path / ".netrc").write_text(NETRC)
    (tmp_path / ".config/helm").mkdir(parents=True)
    (tmp_path / ".config/helm/repositories.yaml").write_text(REPOSITORIES)
    return Logins.of({"HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("url", "login"),
    [
        ("https://files.example/tool", OPS),
        ("https://files.example:8443/tool", OPS),
        ("https://any@files.example/tool", OPS),
        ("http://files.example/tool", None),
        ("https://files.example.evil.example/tool", None),
        ("https://other.example/tool", None),
        ("file:///tool", None),
    ],
)
def test_netrc_is_for_its_hosts_over_https_and_default_is_for_nobody(
    logins: Logins, url: str, login: Credentials | None
) -> None:
    assert logins.file(url) == login


@pytest.mark.parametrize(
    ("repository", "url", "login"),
    [
        ("https://charts.example/stable", "https://charts.example/stable/index.yaml", OPS),
        ("https://charts.example/stable", "https://charts.example:443/files/web-1.tgz", OPS),
        ("https://charts.example/stable", "https://charts.example:8443/web-1.tgz", None),
        ("https://charts.example/stable", "http://charts.example/web-1.tgz", None),
        ("https://charts.example/stable", "https://storage.example/web-1.tgz", None),
        ("https://charts.example/other", "https://charts.example/other/index.yaml", None),
        ("https://open.example/charts", "https://open.example/charts/index.yaml", None),
        ("https://all.example", "https://storage.example/web-1.tgz", OPS),
        ("https://all.example", "http://storage.example/web-1.tgz", None),
    ],
)
def test_a_chart_repositorys_login_stays_on_its_host(
    logins: Logins, repository: str, url: str, login: Credentials | None
) -> None:
    assert logins.chart(repository, url) == login


@pytest.mark.parametrize("variable", ["HELM_REPOSITORY_CONFIG", "HELM_CONFIG_HOME", "XDG_CONFIG_HOME"])
def test_where_helm_looks(tmp_path: Path, variable: str) -> None:
    folder = tmp_path / "helm"
    folder.mkdir()
    (folder / "repositories.yaml").write_text(REPOSITORIES)
    value = {
        "HELM_REPOSITORY_CONFIG": folder / "repositories.yaml",
        "HELM_CONFIG_HOME": folder,
        "XDG_CONFIG_HOME": tmp_path,
    }[variable]
    found = Logins.of({variable: str(value), "HOME": "/nonexistent", "NETRC": "/nonexistent"})
    assert [one.url for one in found.repositories] == ["https://charts.example/stable", "https://all.example"]
    assert found.machines == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (".netrc", f"machine files.example login ops {SECRET} x\n"),
        (".netrc", f"{SECRET}"),
        (".config/helm/repositories.yaml", f"repositories: [{{password: {SECRET}, password: b}}]\n"),
        (".config/helm/repositories.yaml", f'repositories: ["{SECRET}\n'),
        (
            ".config/helm/repositories.yaml",
            f"repositories:\n- {{url: a, username: {SECRET}, password: 12}}\n",
        ),
    ],
)
def test_what_cannot_be_read_is_told_without_its_secrets(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / ".config/helm").mkdir(parents=True)
    (tmp_path / name).write_text(text)
    with pytest.raises(BundlerError) as caught:
        Logins.of({"HOME": str(tmp_path)})
    assert caught.value.code is ExitCode.INPUT
    assert str(tmp_path / name) in str(caught.value)
    assert SECRET not in str(caught.value)


def test_no_repr_has_a_secret(logins: Logins) -> None:
    assert SECRET not in repr(logins)


def test_a_login_goes_to_its_host_and_not_along_with_a_redirect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with serving(certificate) as own, serving(certificate) as other, Store(tmp_path / "cache") as store:
        host = own.base.removeprefix("https://")
        own.answers = {
            "/tool": guarded(content(b"tool")),
            "/away": guarded(status(302, {"Location": other.url("/tool")})),
            "/near": guarded(status(302, {"Location": "/tool"})),
        }
        other.answers["/tool"] = content(b"elsewhere")
        logins = Logins({host: OPS})
        with Fetcher(store, logins=logins) as fetcher:
            assert store.path(fetcher.fetch(own.url("/tool")).digest).read_bytes() == b"tool"
            assert store.path(fetcher.fetch(own.url("/near")).digest).read_bytes() == b"tool"
            assert store.path(fetcher.fetch(own.url("/away")).digest).read_bytes() == b"elsewhere"
        assert given(other, "/tool") == [""]
        with Fetcher(store) as fetcher, pytest.raises(BundlerError, match="requires a login") as caught:
            fetcher.fetch(own.url("/tool"))
        assert caught.value.code is ExitCode.TRUST
        assert "netrc" in caught.value.fix
        mirrors = Mirrors.parse(f"{own.base}/ {other.base}/", "mirrors")
        with Fetcher(store, mirrors=mirrors, logins=logins) as fetcher:
            fetcher.fetch(own.url("/tool"), login=OPS)
        assert given(other, "/tool") == ["", ""]  # a mirror is another host


def test_a_wrong_password_is_told_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with serving(certificate) as own, Store(tmp_path / "cache") as store:
        own.answers["/tool"] = guarded(content(b"tool"))
        wrong = Logins({"127.0.0.1": Credentials("ops", "another-secret")})
        with Fetcher(store, logins=wrong) as fetcher, pytest.raises(BundlerError) as caught:
            fetcher.fetch(own.url("/tool"))
    assert "refuses the password of 'ops'" in str(caught.value)
    assert "another-secret" not in str(caught.value)


def test_repositories_are_compared_without_their_last_slash() -> None:
    logins = Logins(repositories=(HelmRepository("https://c.example/a", OPS),))
    assert logins.chart("https://c.example/a/", "https://c.example/a/index.yaml") == OPS
