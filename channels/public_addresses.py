"""Which addresses lie on the open internet, and a connector that reaches no others."""

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from ssl import SSLContext

from aiohttp import ClientRequest, ClientTimeout, SocketFactoryType, TCPConnector, ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

from agent.errors import PermanentError

# `is_global` calls multicast public, and every IPv6 form that carries an IPv4 address inside:
# https://www.iana.org/assignments/iana-ipv4-special-registry
_REFUSED_IPV4 = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
        # Not registered, yet it is the machine's own host on Azure.
        "168.63.129.16/32",
    )
)  # fmt: skip
#: All that is handed out for the open internet; mapped, translated and local forms lie outside.
_GLOBAL_IPV6 = IPv6Network("2000::/3")
# https://www.iana.org/assignments/iana-ipv6-special-registry
_REFUSED_IPV6 = tuple(
    ip_network(block)
    for block in (
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    )
)  # fmt: skip


def is_public(address: str) -> bool:
    """Tell whether `address` is one machine's on the open internet; no name ever is."""
    parsed = _parsed(address)
    if isinstance(parsed, IPv4Address):
        return not any(parsed in block for block in _REFUSED_IPV4)
    if parsed is None or parsed.scope_id is not None or parsed not in _GLOBAL_IPV6:
        return False
    return not any(parsed in block for block in _REFUSED_IPV6)


class PublicResolver(AbstractResolver):
    """Gives a host's addresses when all of them are public, and none otherwise."""

    def __init__(self, resolver: AbstractResolver, exempt: URL | None) -> None:
        self._resolver = resolver
        self._exempt = exempt

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return what the resolver says; raises `PermanentError` when a part of it is refused."""
        found = await self._resolver.resolve(host, port, family)
        if not _is_exempt(self._exempt, host, port):
            for address in found:
                _check(address["host"])
        return found

    async def close(self) -> None:
        """Close the resolver behind it."""
        await self._resolver.close()


class PublicConnector(TCPConnector):
    """Connects to public addresses only: exactly to those that were checked.

    `exempt` names an origin that is reached wherever it lies. Make it inside the running event
    loop. What is refused raises `PermanentError` with code `media_refused`.
    """

    def __init__(
        self,
        exempt: URL | None = None,
        *,
        resolver: AbstractResolver | None = None,
        socket_factory: SocketFactoryType | None = None,
        ssl: bool | SSLContext = True,
    ) -> None:
        super().__init__(
            resolver=PublicResolver(resolver or ThreadedResolver(), exempt),
            use_dns_cache=False,
            # A kept connection would outlive the name's check.
            force_close=True,
            socket_factory=socket_factory,
            ssl=ssl,
        )
        self._exempt = exempt

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: ClientTimeout,  # noqa: ASYNC109 - the signature is aiohttp's
    ) -> Connection:
        """Return a connection whose other end is public, before anything is asked of it."""
        if _is_exempt(self._exempt, req.url.host, req.url.port):
            return await super().connect(req, traces, timeout)
        # The resolver is never asked about a host that is an address.
        if req.url.host and _parsed(req.url.host):
            _check(req.url.host)
        connection = await super().connect(req, traces, timeout)
        try:
            _check(_peer_of(connection))
        except PermanentError:
            connection.close()
            raise
        return connection


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(address)
    except ValueError:
        return None


def _peer_of(connection: Connection) -> str:
    peer = connection.transport and connection.transport.get_extra_info("peername")
    return str(peer[0]) if peer else ""


def _is_exempt(exempt: URL | None, host: str | None, port: int | None) -> bool:
    return exempt is not None and (host, port) == (exempt.host, exempt.port)


def _check(address: str) -> None:
    if not is_public(address):
        raise PermanentError("the address is not on the open internet", code="media_refused")
