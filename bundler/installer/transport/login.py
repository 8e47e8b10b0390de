"""Logging in to a host by ssh: the connection, the host's key, our key or password, and sudo."""

import contextlib
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from bundler.core.errors import BundlerError, ExitCode
from bundler.core.sshkey import fingerprint
from bundler.installer.site.model import Host, Secret
from bundler.installer.transport import hostkeys
from bundler.installer.transport.dialling import CONNECT_TIMEOUT, Dial, admitted, tcp, unreachable, where
from bundler.installer.transport.hostkeys import KnownHosts, Verdict

AUTH_TIMEOUT: Final = 45.0  # seconds, for all tries
KEEPALIVE: Final = 15  # seconds
_WINDOW: Final = 128 << 20
_AGENT_KEYS: Final = 4  # sshd's MaxAuthTries is 6 by default; the key files and the password come after
_CIPHERS: Final = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr")
_USER_KEYS: Final = ("id_ed25519", "id_ecdsa", "id_rsa")
_KEY_KINDS: Final = ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512")  # one for each kind of host key

# paramiko logs what it also raises; left alone, Python prints that on standard error.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose host keys are taken: those in `known`; with `accept_new`, also those of hosts not in it."""

    known: KnownHosts
    accept_new: bool = False


@dataclass(frozen=True, slots=True)
class Credentials:
    """What we may log in with, passwords resolved. keys: files to try; agent: whether ssh-agent is asked.

    dial: how the host is called; None for TCP from this machine.
    """

    keys: tuple[Path, ...]
    passphrase: Secret | None
    password: Secret | None
    agent: bool
    dial: Dial | None = None

    @classmethod
    def of(cls, host: Host, password: Secret | None, home: Path) -> "Credentials":
        """The host's own key file, or else the agent's and the user's keys."""
        login = host.login
        if login.key_file:
            return cls((Path(login.key_file).expanduser(),), login.key_passphrase, password, agent=False)
        found = (home / ".ssh" / name for name in _USER_KEYS)
        return cls(tuple(key for key in found if key.is_file()), login.key_passphrase, password, agent=True)


def connect(host: Host, credentials: Credentials, trust: Trust) -> paramiko.Transport:
    """A connection, the host's key checked, logged in.

    Raises BundlerError: HOST when the host can't be reached or refuses us, TRUST when its key isn't trusted.
    """
    dial = credentials.dial or tcp
    transport = _pinned(host, dial) if host.login.fingerprint else _known(host, trust, dial)
    try:
        _log_in(transport, host, credentials)
    except BaseException:
        transport.close()
        raise
    transport.set_keepalive(KEEPALIVE)
    return transport


def _known(host: Host, trust: Trust, dial: Dial) -> paramiko.Transport:
    """Connect, asking for the kinds of key by which the host is known, and check it."""
    name = hostkeys.host_name(host.address, host.login.port)
    try:
        transport = _greet(host, hostkeys.kinds(trust.known.entries, name), dial)
    except _NoSuchKindError:
        transport = _greet(host, (), dial)  # it has no key of a kind we know: a changed host
    try:
        _check(host, name, transport.get_remote_server_key(), trust)
    except BaseException:
        transport.close()
        raise
    return transport


def _pinned(host: Host, dial: Dial) -> paramiko.Transport:
    """Connect to a host whose fingerprint the Clusterfile gives.

    A server has keys of several kinds and shows one; a fingerprint doesn't tell its kind: each is asked for.
    """
    seen = []
    for kind in _KEY_KINDS:
        try:
            transport = _greet(host, (kind,), dial)
        except _NoSuchKindError:
            continue
        seen.append(fingerprint(transport.get_remote_server_key().asbytes()))
        if seen[-1] == host.login.fingerprint:
            return transport
        transport.close()
    raise BundlerError(
        "the host's key is not the one in the Clusterfile",
        where=where(host),
        why=f"expected {host.login.fingerprint}, the host has {', '.join(seen) or 'none that we can read'}",
        code=ExitCode.TRUST,
        id="BND-HOST-KEY",
        fix="someone may be intercepting the connection; if the host was reinstalled, "
        "update `hostKey` in the Clusterfile",
    )


class _NoSuchKindError(Exception):
    """The host has no key of the kind that was asked for."""


def _greet(host: Host, kinds: tuple[str, ...], dial: Dial) -> paramiko.Transport:
    """TCP and key exchange; `kinds` of host key are asked for first, or alone where there is but one."""
    transport = paramiko.Transport(admitted(host, dial), default_window_size=_WINDOW)
    options = transport.get_security_options()
    options.ciphers = [cipher for cipher in _CIPHERS if cipher in options.ciphers]
    if kinds:
        wanted = [name for kind in kinds for name in _signatures(kind) if name in options.key_types]
        options.key_types = wanted or options.key_types
    transport.banner_timeout = CONNECT_TIMEOUT
    try:
        transport.start_client(timeout=CONNECT_TIMEOUT)
        if not transport.initial_kex_done:  # paramiko comes back without a word when the time is over
            raise TimeoutError(f"no greeting within {CONNECT_TIMEOUT:g} s")
    except IncompatiblePeer as error:
        transport.close()
        if kinds:
            raise _NoSuchKindError from None
        raise unreachable(host, str(error), "its sshd offers no supported authentication method") from None
    except (paramiko.SSHException, EOFError, OSError) as error:
        transport.close()
        raise unreachable(host, str(error) or "it closed the connection", "is that port sshd's?") from None
    return transport


def _signatures(kind: str) -> tuple[str, ...]:
    """The signature algorithms of a kind of key; RSA has several (RFC 8332), of which we take no SHA-1."""
    return ("rsa-sha2-512", "rsa-sha2-256") if kind == "ssh-rsa" else (kind,)


def _check(host: Host, name: str, key: paramiko.PKey, trust: Trust) -> None:
    """Take the key or raise BundlerError (TRUST)."""
    seen = fingerprint(key.asbytes())
    match hostkeys.judge(trust.known.entries, name, key.asbytes()):
        case Verdict.KNOWN:
            return
        case Verdict.UNKNOWN if trust.accept_new:
            _remember(name, key, trust.known)
        case Verdict.UNKNOWN:
            raise BundlerError(
                "the host's key is not known",
                where=where(host),
                why=f"it showed {key.get_name()} {seen}, and no known_hosts file has an entry for {name}",
                code=ExitCode.TRUST,
                id="BND-HOST-KEY-UNKNOWN",
                fix=f"compare it on the host (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then write "
                f"`hostKey: {seen}` into the Clusterfile or run again with --accept-new-host-keys",
            )
        case Verdict.CHANGED | Verdict.REVOKED as verdict:
            raise BundlerError(
                f"the host's key is {verdict}",
                where=where(host),
                why=f"it showed {key.get_name()} {seen}, known_hosts says otherwise",
                code=ExitCode.TRUST,
                id="BND-HOST-KEY",
                fix="someone may be intercepting the connection; if the host was reinstalled: "
                f"ssh-keygen -R '{name}'",
            )


def _remember(name: str, key: paramiko.PKey, known: KnownHosts) -> None:
    try:
        known.remember(name, key.get_name(), key.asbytes())
    except OSError as error:
        raise BundlerError(
            "the host's key can't be remembered",
            where=known.file,
            why=str(error),
            code=ExitCode.TRUST,
            fix="make that file writable, or put the key's fingerprint into the Clusterfile as `hostKey`",
        ) from None


def _log_in(transport: paramiko.Transport, host: Host, credentials: Credentials) -> None:
    """Try key after key, then the password; stop at the first that is taken."""
    tried: list[str] = []
    transport.auth_timeout = CONNECT_TIMEOUT
    began = time.monotonic()
    try:
        for label, key in _keys(credentials, tried):
            tried.append(label)
            with contextlib.suppress(paramiko.AuthenticationException):
                transport.auth_publickey(host.login.user, key)
            if transport.is_authenticated():
                return
            if time.monotonic() - began > AUTH_TIMEOUT:
                raise _refused(host, tried, f"no answer to the login within {AUTH_TIMEOUT:g} s")
        if credentials.password:
            tried.append("password")
            transport.auth_password(host.login.user, credentials.password.reveal())
        if transport.is_authenticated():
            return
    except paramiko.BadAuthenticationType as error:
        raise _refused(host, tried, f"the host takes: {', '.join(error.allowed_types)}") from None
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise _refused(host, tried, str(error)) from None
    raise _refused(host, tried, "")


def _keys(credentials: Credentials, tried: list[str]) -> Iterator[tuple[str, paramiko.PKey]]:
    if credentials.agent:
        agent = paramiko.Agent()
        try:
            for number, key in enumerate(agent.get_keys()[:_AGENT_KEYS], 1):
                yield f"agent key {number}", key
        finally:
            agent.close()
    for path in credentials.keys:
        loaded = _load(path, credentials.passphrase, tried)
        if loaded is not None:
            yield f"key {path}", loaded


def _load(path: Path, passphrase: Secret | None, tried: list[str]) -> paramiko.PKey | None:
    """A private key, or None with the reason in `tried`."""
    try:
        password: Any = (
            passphrase.reveal().encode() if passphrase else None
        )  # the stub says str; bytes it takes
        return paramiko.PKey.from_path(path, password)
    except OSError as error:
        tried.append(f"key {path} (not read: {error.strerror})")
    except (TypeError, paramiko.PasswordRequiredException):
        tried.append(f"key {path} (not opened: it needs a passphrase, `pkPasswd`)")
    except (ValueError, paramiko.SSHException):
        tried.append(f"key {path} (not opened: no private key, or the wrong passphrase)")
    return None


def _refused(host: Host, tried: list[str], why: str) -> BundlerError:
    reasons = [f"tried: {', '.join(tried)}" if tried else "there is no key and no password to try", why]
    return BundlerError(
        "the host refused the login",
        where=where(host),
        why="; ".join(reason for reason in reasons if reason),
        code=ExitCode.HOST,
        id="BND-HOST-LOGIN",
        fix="check `ssh:` in the Clusterfile (user, pk, passwordFile, passwordEnv), or use --ask-password",
    )
