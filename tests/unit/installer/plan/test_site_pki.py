"""The site's certificates: made once, kept while they hold, renewed in time."""

import contextlib
import json
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bcrypt
import pytest
from cryptography import x509

from bundler.core.errors import BundlerError, ExitCode
from bundler.installer.plan.contents import Contents
from bundler.installer.plan.decide import context_of
from bundler.installer.plan.mirrors import ca_id
from bundler.installer.plan.registry import registry_steps
from bundler.installer.plan.registry_login import login_of
from bundler.installer.plan.runtimes.kubeadm import Kubeadm
from bundler.installer.plan.site_pki import CA_LIFETIME, SERVER_LIFETIME, Secrets, ServerPair, kept, renew
from bundler.installer.plan.stale import stale_steps
from bundler.installer.site.model import Host, Role, Secret, Site, SiteRegistry
from tests.unit.installer.plan import kit

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SITE = Site("plant-7", (Host("10.0.0.2", frozenset({Role.CONTROL_PLANE})),))
LOCKED = replace(SITE, registry=SiteRegistry(username="ops", password=Secret("one")))


def certificate(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def test_the_registry_has_a_certificate_for_its_name_and_address_from_the_sites_ca() -> None:
    made = renew(found="", site=SITE, now=NOW)
    server, ca = certificate(made.registries["10.0.0.2"].certificate), certificate(made.ca_certificate)
    server.verify_directly_issued_by(ca)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["registry.internal"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.2"]
    assert server.not_valid_after_utc - NOW == SERVER_LIFETIME
    assert ca.not_valid_after_utc - NOW == CA_LIFETIME


def test_openssl_takes_the_pair(tmp_path: Path) -> None:
    made = renew(found="", site=SITE, now=NOW)
    (tmp_path / "crt").write_text(made.registries["10.0.0.2"].certificate)
    (tmp_path / "key").write_text(made.registries["10.0.0.2"].key)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "crt", tmp_path / "key")


def test_a_later_run_changes_nothing() -> None:
    made = renew(found="", site=LOCKED, now=NOW)
    assert renew(found=made.to_json(), site=LOCKED, now=NOW + timedelta(days=200)) == made


@pytest.mark.parametrize(
    ("days", "ca_kept", "server_kept"), [(240, True, True), (250, True, False), (2500, False, False)]
)
def test_each_is_renewed_in_its_last_third(days: int, *, ca_kept: bool, server_kept: bool) -> None:
    old = renew(found="", site=SITE, now=NOW)
    new = renew(found=old.to_json(), site=SITE, now=NOW + timedelta(days=days))
    assert (new.ca_certificate == old.ca_certificate) is ca_kept
    assert (new.registries == old.registries) is server_kept


def chain(trusted: str, server: str) -> bool:
    """Whether who trusts these authorities takes this server."""
    shown = x509.load_pem_x509_certificate(server.encode())
    for each in x509.load_pem_x509_certificates(trusted.encode()):
        with contextlib.suppress(Exception):  # it was another one that issued it
            shown.verify_directly_issued_by(each)
            return True
    return False


def test_while_the_authority_changes_every_host_takes_every_registry() -> None:
    """Three control planes: hosts learn of the new one first, and then registries change one by one."""
    of = kit.site(2, control_planes=3)
    old = renew(found="", site=of, now=NOW)
    new = renew(found=old.to_json(), site=of, now=NOW + timedelta(days=2500))
    assert new.ca_certificate != old.ca_certificate
    for host in of.control_planes:
        assert chain(old.trusted, old.registries[host.address].certificate)
        assert chain(new.trusted, old.registries[host.address].certificate)
        assert chain(new.trusted, new.registries[host.address].certificate)
        assert not chain(old.trusted, new.registries[host.address].certificate)


def test_the_authority_before_is_trusted_for_as_long_as_it_lives() -> None:
    old = renew(found="", site=LOCKED, now=NOW)
    assert "ca_before" not in old.to_json()  # an older version reads it
    new = renew(found=old.to_json(), site=LOCKED, now=NOW + timedelta(days=2500))
    again = renew(found=new.to_json(), site=LOCKED, now=NOW + timedelta(days=2600))
    assert new.ca_before == again.ca_before == old.ca_certificate
    late = renew(found=new.to_json(), site=LOCKED, now=NOW + CA_LIFETIME + timedelta(days=1))
    assert (late.ca_certificate, late.ca_before) == (new.ca_certificate, "")


def test_a_registry_shows_its_new_certificate_when_every_host_trusts_it() -> None:
    """On a site that runs: the order of the plan."""
    of = kit.site(2, control_planes=3)
    bundle = kit.index(packages=kit.BALANCED)
    hosts = {address: replace(each, admin_config=True) for address, each in kit.facts(of).hosts.items()}
    contents = Contents(bundle, kit.files_of(bundle), ())
    context = context_of(of, replace(kit.facts(of), hosts=hosts), contents, kit.of_site(kit.SECRETS, of))
    made = (*registry_steps(context), *Kubeadm().containers(context))
    steps = {step.id: step for step in (*made, *stale_steps(made))}

    def before(name: str, seen: set[str]) -> set[str]:
        for each in steps[name].after if name in steps else ():
            if each not in seen:
                seen.add(each)
                before(each, seen)
        return seen

    for host in of.control_planes:
        waits = before(f"registry/{host.address}/start", set())
        assert {ca_id(each) for each in of.hosts} <= waits


def test_a_new_name_needs_a_new_certificate_of_the_same_ca() -> None:
    old = renew(found="", site=SITE, now=NOW)
    new = renew(found=old.to_json(), site=replace(SITE, registry=SiteRegistry("sea.hub")), now=NOW)
    assert new.ca_certificate == old.ca_certificate
    assert new.registries["10.0.0.2"].certificate != old.registries["10.0.0.2"].certificate


def test_a_control_plane_more_gets_a_certificate_and_the_others_keep_theirs() -> None:
    more = Host("10.0.0.3", frozenset({Role.CONTROL_PLANE}))
    old = renew(found="", site=SITE, now=NOW)
    new = renew(found=old.to_json(), site=replace(SITE, hosts=(more, *SITE.hosts)), now=NOW)
    assert new.registries["10.0.0.2"] == old.registries["10.0.0.2"]
    names = certificate(new.registries["10.0.0.3"].certificate).extensions
    addresses = names.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(each) for each in addresses.get_values_for_type(x509.IPAddress)] == ["10.0.0.3"]


def test_a_site_restored_at_other_addresses_gets_its_certificates_once() -> None:
    """The snapshot knows no registry by these names, so the hosts' own are what a second look finds."""
    snapshot = renew(found="", site=SITE, now=NOW).to_json()
    there = replace(SITE, hosts=(Host("10.9.0.2", frozenset({Role.CONTROL_PLANE})),))
    first = renew(found=snapshot, site=there, now=NOW)
    assert renew(found=snapshot, site=there, now=NOW, here=first.to_json()) == first


@pytest.mark.parametrize("here", ["{", renew(found="", site=SITE, now=NOW).to_json()])
def test_what_is_damaged_or_of_another_ca_on_a_host_is_replaced_by_a_restore(here: str) -> None:
    made = renew(found="", site=SITE, now=NOW)
    assert renew(found=made.to_json(), site=SITE, now=NOW, here=here) == made


def test_what_a_version_with_one_registry_kept_still_holds() -> None:
    made = renew(found="", site=SITE, now=NOW)
    values = json.loads(made.to_json())
    pair = values.pop("registries")["10.0.0.2"]
    old = {**values, "registry_certificate": pair["certificate"], "registry_key": pair["key"]}
    assert renew(found=json.dumps(old), site=SITE, now=NOW) == made


def test_the_first_control_plane_that_keeps_something_is_believed() -> None:
    assert kept(["", "\n", "{1}", "{2}"]) == "{1}"
    assert kept(["", ""]) == ""


def test_a_key_that_is_not_the_certificates_is_not_kept() -> None:
    one, two = (renew(found="", site=SITE, now=NOW) for _ in range(2))
    mixed = replace(one, ca_key=two.ca_key)
    assert renew(found=mixed.to_json(), site=SITE, now=NOW).ca_certificate != one.ca_certificate


def test_htpasswd_is_bcrypt_and_changes_with_the_password() -> None:
    old = renew(found="", site=LOCKED, now=NOW)
    user, _, hashed = old.htpasswd.strip().partition(":")
    assert user == "ops"
    assert bcrypt.checkpw(b"one", hashed.encode())
    other = replace(SITE, registry=SiteRegistry(username="ops", password=Secret("two")))
    new = renew(found=old.to_json(), site=other, now=NOW)
    assert bcrypt.checkpw(b"two", new.htpasswd.strip().partition(":")[2].encode())
    assert new.registries == old.registries


def test_a_site_without_a_login_makes_one_and_keeps_it() -> None:
    """Also one that was set up when registries asked for none."""
    before = replace(renew(found="", site=SITE, now=NOW), htpasswd="")
    made = renew(found=before.to_json(), site=SITE, now=NOW)
    user, _, hashed = made.htpasswd.strip().partition(":")
    login = login_of(SITE.registry, before.encryption_key)
    assert user == login.username
    assert bcrypt.checkpw(login.password.reveal().encode(), hashed.encode())
    assert login.password.reveal() not in made.to_json()
    assert renew(found=made.to_json(), site=SITE, now=NOW).htpasswd == made.htpasswd


@pytest.mark.parametrize("password", ["", "x" * 73])
def test_a_password_bcrypt_cannot_take_is_refused(password: str) -> None:
    of = replace(SITE, registry=SiteRegistry(username="ops", password=Secret(password)))
    with pytest.raises(BundlerError, match="1 to 72 bytes") as caught:
        renew(found="", site=of, now=NOW)
    assert caught.value.code is ExitCode.INPUT


@pytest.mark.parametrize("found", ["{", "[]", '{"ca_key": 1}', '{"who": "knows"}', "null"])
def test_damaged_secrets_are_told_not_replaced(found: str) -> None:
    with pytest.raises(BundlerError, match="can't be read") as caught:
        renew(found=found, site=SITE, now=NOW)
    assert "/var/lib/bundler/secrets.json" in caught.value.fix


def test_private_parts_do_not_show() -> None:
    made = Secrets("CA", "SECRET-1", {"10.0.0.2": ServerPair("CRT", "SECRET-2")}, "SECRET-3")
    assert "SECRET" not in repr(made)
