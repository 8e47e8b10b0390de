"""Secrets are taken out of whatever hosts print, and nothing that tells what is wrong."""

import time

import pytest

from bundler.installer.collect.mask import masked

KEY = (
    "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIBsecretsecretsecret+/==\nabcdefghijklmnop\n"
    "-----END EC PRIVATE KEY-----\n"
)
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrdWJlcm5ldGVz.c2lnbmF0dXJlc2lnbmF0dXJl"

HIDDEN = (
    (KEY, "MHcCAQEE"),
    (KEY.replace("\n", "\\n"), "MHcCAQEE"),
    (f"token is {JWT} now", "c2lnbmF0"),
    ("kubeadm join --token abcdef.0123456789abcdef", "0123456789abcdef"),
    ("Authorization: Bearer sometokenvalue", "sometokenvalue"),
    ("authorization=Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ("dsn postgres://shop:s3cr3t-pw@db:5432/x", "s3cr3t-pw"),
    ('{"msg": "x", "db-password": "s3cr3t\\"pw"}', "s3cr3t"),
    ("    client-key-data: LS0tLS1CRUdJ", "LS0tLS1CRUdJ"),
    ("  passwd: s3cr3t", "s3cr3t"),
    ("auth_pass = s3cr3t", "s3cr3t"),
    ("certificateKey: 0123abcd", "0123abcd"),
    ("- name: DB_PASSWORD\n  value: s3cr3t pw", "s3cr3t"),
    ("- name: STRIPE_KEY\n      value: s3cr3t", "s3cr3t"),
    ('{"name":"DB_DSN","value":"s3cr3t"}', "s3cr3t"),
    ("args --registry-password=s3cr3t --x", "s3cr3t"),
    ("- --db-password\n    - s3cr3t", "s3cr3t"),
)


@pytest.mark.parametrize(("text", "secret"), HIDDEN)
def test_what_looks_like_a_secret_is_masked(text: str, secret: str) -> None:
    found = masked(f"before\n{text}\nafter\n", frozenset())
    assert secret not in found.text
    assert "***" in found.text
    assert found.text.startswith("before\n")
    assert found.text.endswith("after\n")
    assert sum(found.counts.values()) == 1


@pytest.mark.parametrize("text", [KEY.split("\n", 1)[1], KEY.rsplit("-----END", 1)[0]])
def test_keys_that_tail_or_head_have_cut_are_masked(text: str) -> None:
    found = masked(text, frozenset())
    assert "MHcCAQEE" not in found.text
    assert "abcdefghijklmnop" not in found.text


def test_secrets_of_the_site_are_masked_wherever_they_stand() -> None:
    found = masked("x hunter22 y hunter22\n", frozenset({"hunter22"}))
    assert (found.text, found.counts) == ("x *** y ***\n", {"of this site": 2})


@pytest.mark.parametrize(
    "text",
    [
        "E1126 10:00 kubelet.go:1] node not found\n",
        "secretName: web-tls\nprivateKeyRotation: never\n",
        "- name: POD_NAME\n  value: web\n",
        "a key of 32 bytes; secret not found\n",
        "image: registry.k8s.io/pause@sha256:" + "a" * 64 + "\n",
        "serviceAccountToken:\n  path: token\n",
        "automountServiceAccountToken: false\n- --allow-token=true\n",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert masked(text, frozenset()).text == text


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PRIVATE KEY-----" * 70_000,
        "password" * 250_000,
        '"password' * 220_000,
        "eyJaaaaaaaaaa." * 140_000,
        "A" * 76 + "\n" + ("B" * 76 + "\n") * 26_000,
        "name: KEY\n" * 200_000,
        "://a:" * 400_000,
        "--token" * 280_000,
        "-----END PRIVATE KEY-----\n" * 70_000,
        '{"name":"KEY","value":"' * 90_000,
    ],
)
def test_no_text_of_a_host_takes_long(text: str) -> None:
    """Two megabytes, as large as a part may be."""
    began = time.process_time()
    masked(text[: 2 << 10], frozenset())
    assert time.process_time() - began < 10
