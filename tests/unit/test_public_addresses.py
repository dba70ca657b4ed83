"""Which addresses may be reached, and that a name gives no others."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from agent.errors import PermanentError
from channels.public_addresses import PublicResolver, is_public

HERE = int(IPv4Address("127.0.0.1"))


class StubResolver(AbstractResolver):
    """Answers every question with the same addresses."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self._addresses
        ]

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    "address",
    [
        # this machine, its network, its neighbours
        "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1",
        "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255",
        "168.63.129.16", "::", "::1", "fc00::1", "fdff::1", "fe80::1", "fe80::1%1", "fec0::1",
        # documents, measurements, many machines at once, nobody
        "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1",
        "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "ff02::1", "ff0e::1",
        "2001:db8::1", "3fff::1", "100::1", "5f00::1", "4000::1", "2001:2::1", "2001:10::1",
        # an address inside another
        "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::7f00:1", "2002:7f00:1::",
        "2001:0:7f00:1::1", "192.88.99.1",
        # no addresses, or not in the one way to write them
        "", "localhost", "api.twilio.com", "2130706433", "0x7f000001", "127.1", "0177.0.0.1",
        "１２７.0.0.1", "8.8.8.8 ", "8.8.8.8/32", "2606:4700::1%eth0", "[2606:4700::1]",
    ],
)  # fmt: skip
def test_what_is_not_on_the_open_internet_is_refused(address: str) -> None:
    """Private, special, mapped and translated addresses are not public, nor is a name."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8", "3.33.140.1", "54.172.60.0", "100.63.255.255", "100.128.0.1", "172.15.0.1",
        "172.32.0.1", "192.167.255.255", "223.255.255.255", "168.63.129.17",
        "2600:9000:2000::1", "2606:4700::1111", "2a05:d018::1", "2001:4860:4860::8888",
    ],
)  # fmt: skip
def test_the_open_internet_is_allowed(address: str) -> None:
    """Addresses that are handed out for everybody to reach are public."""
    assert is_public(address)


@given(st.ip_addresses())
def test_what_python_calls_private_is_never_public(address: IPv4Address | IPv6Address) -> None:
    """The rules refuse at least what the standard library does, and every multicast address."""
    if not address.is_global or address.is_multicast:
        assert not is_public(str(address))


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_hides_in_an_ipv6_one(inside: IPv4Address) -> None:
    """Compatible, mapped, translated and tunnelled forms are refused whatever they carry."""
    number = int(inside)
    prefixes = ("::", "::ffff:0:0", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::")
    forms = [IPv6Address(int(ip_address(prefix)) + number) for prefix in prefixes]
    forms.append(IPv6Address((0x2002 << 112) + (number << 80)))
    forms.append(IPv6Address((0x20010000 << 96) + (number << 64)))

    assert not any(is_public(str(form)) for form in forms)


async def test_public_answers_are_handed_on() -> None:
    """A host with public addresses resolves to exactly these."""
    resolver = PublicResolver(StubResolver("8.8.8.8", "2606:4700::1111"), exempt=None)

    found = await resolver.resolve("api.twilio.com", 443)

    assert [each["host"] for each in found] == ["8.8.8.8", "2606:4700::1111"]


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("8.8.8.8", "127.0.0.1"), ("::1", "8.8.8.8"), ("localhost",), ("8.8.8.8", "")],
)
async def test_one_bad_answer_spoils_all(addresses: tuple[str, ...]) -> None:
    """A host of which one address is not public gets no connection at all."""
    resolver = PublicResolver(StubResolver(*addresses), exempt=None)

    with pytest.raises(PermanentError) as raised:
        await resolver.resolve("api.twilio.com", 443)

    assert raised.value.code == "media_refused"


@pytest.mark.parametrize(
    ("host", "port", "allowed"),
    [("stand-in", 8080, True), ("stand-in", 443, False), ("other", 8080, False)],
)
async def test_the_exception_is_one_origin(host: str, port: int, allowed: bool) -> None:
    """Only the named host at the named port may lie on this machine."""
    resolver = PublicResolver(StubResolver("127.0.0.1"), exempt=URL("http://stand-in:8080"))

    if allowed:
        assert await resolver.resolve(host, port)
    else:
        with pytest.raises(PermanentError):
            await resolver.resolve(host, port)


async def test_closing_reaches_the_resolver_behind() -> None:
    """Whoever closes the resolver closes the one that it asks."""
    behind = StubResolver()

    await PublicResolver(behind, exempt=None).close()

    assert behind.closed
