"""The watch's judgement: which packet leaves the site, what a query asks for."""

import socket
import struct
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.site import watch

SUBNET, GATEWAY = IPv4Network("10.77.0.0/24"), IPv4Address("10.77.0.1")


def frame(target: str, protocol: int = 6, port: int = 443) -> bytes:
    """An Ethernet frame with an IPv4 header (RFC 791) and the first bytes of TCP or UDP."""
    ethernet = bytes(12) + struct.pack(">H", 0x0800)
    header = struct.pack(">BBHHHBBH", 0x45, 0, 40, 0, 0, 64, protocol, 0)
    addresses = socket.inet_aton("10.77.0.11") + socket.inet_aton(target)
    return ethernet + header + addresses + struct.pack(">HH", 40000, port) + bytes(16)


def frame6(target: str) -> bytes:
    addresses = socket.inet_pton(socket.AF_INET6, "fe80::1") + socket.inet_pton(socket.AF_INET6, target)
    return (
        bytes(12) + struct.pack(">H", 0x86DD) + bytes([0x60, 0, 0, 0, 0, 20, 17, 64]) + addresses + bytes(20)
    )


@pytest.mark.parametrize(
    ("target", "protocol", "port", "detail"),
    [
        ("192.0.2.7", 6, 443, "tcp 443"),
        ("192.0.2.7", 17, 123, "udp 123"),
        ("192.0.2.7", 1, 0, "icmp"),
        ("10.78.0.11", 6, 80, "tcp 80"),
        ("10.77.0.1", 17, 123, "udp 123"),  # the gateway offers nothing: asking it for the time is leaving
        ("224.0.0.251", 17, 5353, "udp 5353"),  # multicast, but a name is asked for
    ],
)
def test_leaves(target: str, protocol: int, port: int, detail: str) -> None:
    seen = watch.packet(frame(target, protocol, port), SUBNET, GATEWAY)
    assert seen == ("10.77.0.11", target, detail)


@pytest.mark.parametrize("target", ["10.77.0.12", "224.0.0.22", "255.255.255.255", "169.254.1.1"])
def test_stays(target: str) -> None:
    assert watch.packet(frame(target), SUBNET, GATEWAY) is None


def test_ipv6_leaves_unless_it_is_for_this_link() -> None:
    assert watch.packet(frame6("2001:db8::1"), SUBNET, GATEWAY) == ("fe80::1", "2001:db8::1", "udp 0")
    assert watch.packet(frame6("ff02::2"), SUBNET, GATEWAY) is None
    assert watch.packet(frame6("fe80::2"), SUBNET, GATEWAY) is None


def test_arp_is_no_packet_that_leaves() -> None:
    assert watch.packet(bytes(12) + b"\x08\x06" + bytes(28), SUBNET, GATEWAY) is None


@given(st.binary(max_size=200))
def test_any_frame_is_judged_without_an_error(data: bytes) -> None:
    watch.packet(data, SUBNET, GATEWAY)


def query(name: str) -> bytes:
    """A query for an A record (RFC 1035, 4.1)."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split(".") if part)
    return b"\xab\xcd\x01\x00" + struct.pack(">HHHH", 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)


@pytest.mark.parametrize("name", ["registry.example.org", "a", ""])
def test_question_and_answer(name: str) -> None:
    asked = query(name)
    assert watch.question(asked) == name
    answer = watch.no_such_name(asked)
    assert answer[:2] == b"\xab\xcd"
    assert answer[2] & 0x80, "it is an answer"
    assert answer[3] & 0x0F == 3, "NXDOMAIN"
    assert answer[12:] == asked[12:], "the question comes back"


@given(st.binary(min_size=12, max_size=600))
def test_any_query_is_answered(data: bytes) -> None:
    assert len(watch.no_such_name(data)) >= 12
