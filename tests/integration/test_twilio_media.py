"""Fetching a contact's file: from Twilio and nowhere else, whatever the address or answer says."""

import asyncio
import gzip
import logging
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from aiohttp import AddrInfoType, ClientSession, web
from aiohttp.abc import AbstractResolver, ResolveResult
from twilio.rest import Client

from agent.errors import AccountError, PermanentError, TemporaryError, VendorError
from agent.media_types import type_of
from agent.messages import Media
from agent.settings import Secret, Twilio
from channels.public_addresses import PublicConnector
from channels.twilio_media import MediaFetcher
from tests.standins.exchange import Answer, Behaviour, always, dropped, json_answer, stalled
from tests.standins.server import StandIn
from tests.standins.twilio import ACCOUNT_SID, AUTH_TOKEN, TwilioStandIn, refused

MESSAGE = "MM" + "1" * 32
FILE = "ME" + "2" * 32
RESOURCE = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages/{MESSAGE}/Media/{FILE}"
API = f"https://api.twilio.com{RESOURCE}"
MESSAGES = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT_SID}/Messages"
OTHER = f"/2010-04-01/Accounts/AC{'b' * 32}/Messages/{MESSAGE}/Media/{FILE}"
BASIC = "Basic " + b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
#: As a browser would not write it: a signature holds for these very characters.
SIGNED = "/A%2fb/%7Ec?Signature=a~b%2Bc-_&Expires=1&x=%C3%a1"
PUBLIC = "3.33.140.1"

OGG = b"OggS\x00\x02" + bytes(20) + b"\x01\x13" + b"OpusHead\x01\x01" + bytes(100)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


class Sockets:
    """Opens every socket towards one port of this machine, and notes where it was to go."""

    def __init__(self, port: int, *, disguised: bool = True) -> None:
        self.opened: list[str] = []
        self._port = port
        #: Whether the other end looks like the address that was asked for.
        self._disguised = disguised

    def __call__(self, address: AddrInfoType) -> socket.socket:
        wanted = address[4]
        self.opened.append(str(wanted[0]))
        if wanted[0] == "127.0.0.1":
            return socket.socket(socket.AF_INET)
        diverted = DivertedSocket(socket.AF_INET)
        diverted.real = ("127.0.0.1", self._port)
        diverted.shown = wanted if self._disguised else None
        return diverted


class DivertedSocket(socket.socket):
    """Connects to another address than it is told."""

    real: tuple[str, int]
    shown: tuple[Any, ...] | None

    def connect(self, address: object) -> None:
        super().connect(self.real)

    def getpeername(self) -> Any:
        return self.shown or super().getpeername()


class ScriptedResolver(AbstractResolver):
    """Answers each question with the next addresses, the last ones for ever."""

    def __init__(self, *answers: tuple[str, ...]) -> None:
        self.asked: list[str] = []
        self._answers = list(answers or [(PUBLIC,)])

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0
            )
            for address in answer
        ]

    async def close(self) -> None:
        """Nothing is open."""


class Canary(StandIn):
    """A server on this machine that answers whoever finds it."""

    def unknown(self, request: Any) -> Answer:
        return Answer(body=OGG, content_type="audio/ogg")

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


def settings(api: str = "", *, region: str = "", edge: str = "") -> Twilio:
    """Return the settings of the stand-in's account."""
    return Twilio(
        account_sid=ACCOUNT_SID,
        auth_token=Secret(AUTH_TOKEN),
        whatsapp_from="whatsapp:+14155238886",
        region=region,
        edge=edge,
        api_base_url=api,
    )


class Pauses:
    """Takes no time and keeps what was asked for."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    """A Twilio on loopback."""
    with TwilioStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def canary() -> Iterator[Canary]:
    """A server on this machine that must not be reached."""
    with Canary() as server:
        yield server


Make = Callable[..., MediaFetcher]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Makes fetchers and closes them."""
    made: list[MediaFetcher] = []

    def fetcher(given: Twilio, **options: Any) -> MediaFetcher:
        made.append(MediaFetcher(given, **{"pause": Pauses(), **options}))
        return made[-1]

    yield fetcher
    for each in made:
        await each.close()


@pytest.fixture
def fetcher(make: Make, twilio: TwilioStandIn) -> MediaFetcher:
    """A fetcher on the stand-in."""
    return make(settings(twilio.url))


def at(url: str, content_type: str = "audio/ogg") -> Media:
    """Return the media of a message."""
    return Media(url=url, content_type=content_type)


async def refusal_of(fetcher: MediaFetcher, url: str) -> str:
    """Return the code of the permanent error that fetching from `url` ends in."""
    with pytest.raises(PermanentError) as raised:
        await fetcher.fetch(at(url))
    return raised.value.code


async def test_a_voice_note_is_fetched(fetcher: MediaFetcher, twilio: TwilioStandIn) -> None:
    """The file comes through the redirect, whole, and only the first host sees the key."""
    audio = await fetcher.fetch(at(twilio.add_media(OGG)))

    assert (audio.data, audio.content_type) == (OGG, "audio/ogg")
    assert twilio.requests("media")[0].headers["Authorization"] == BASIC
    assert twilio.leaks == []
    assert {r.headers["Accept-Encoding"] for r in twilio.requests()} == {"identity"}
    assert [r.operation for r in twilio.requests()] == ["media", "cdn"]


async def test_many_are_fetched_at_once(fetcher: MediaFetcher, twilio: TwilioStandIn) -> None:
    """Files asked for together each come to whom they belong."""
    files = [OGG + bytes([number]) for number in range(20)]

    fetched = await asyncio.gather(*(fetcher.fetch(at(twilio.add_media(each))) for each in files))

    assert [audio.data for audio in fetched] == files


async def test_a_file_may_come_without_a_redirect(
    fetcher: MediaFetcher, twilio: TwilioStandIn
) -> None:
    """What the API answers itself is taken as it is."""
    twilio.queue("media", always(Answer(body=OGG, content_type="audio/ogg")))

    assert (await fetcher.fetch(at(twilio.add_media(b"")))).data == OGG


async def test_a_fetcher_that_was_never_used_closes() -> None:
    """Closing opens nothing."""
    await MediaFetcher(settings()).close()


# Addresses that no webhook of Twilio's carries, whatever they look like.
HOSTILE = [
    "",
    RESOURCE,
    f"http://api.twilio.com{RESOURCE}",
    f"ftp://api.twilio.com{RESOURCE}",
    f"file://{RESOURCE}",
    f"//api.twilio.com{RESOURCE}",
    f"HTTPS://api.twilio.com@127.0.0.1{RESOURCE}",
    f"https://api.twilio.com:8443{RESOURCE}",
    f"https://api.twilio.com:80{RESOURCE}",
    f"https://user@api.twilio.com{RESOURCE}",
    f"https://user:word@api.twilio.com{RESOURCE}",
    f"https://api.twilio.com@evil.example{RESOURCE}",
    f"https://api.twilio.com%40evil.example{RESOURCE}",
    f"https://evil.example\\@api.twilio.com{RESOURCE}",
    f"https://api.twilio.com\\@evil.example{RESOURCE}",
    f"https://evil.example#@api.twilio.com{RESOURCE}",
    f"https://evil.example?@api.twilio.com{RESOURCE}",
    f"https://api.twilio.com.evil.example{RESOURCE}",
    f"https://evil-api.twilio.com{RESOURCE}",
    f"https://api-twilio.com{RESOURCE}",
    f"https://apiXtwilio.com{RESOURCE}",
    f"https://api.twilio.com.{RESOURCE}",
    f"https://api.twili\u043e.com{RESOURCE}",
    f"https://api\u3002twilio\u3002com{RESOURCE}",
    f"https://twilio.com{RESOURCE}",
    f"https://api.ie1.twilio.com{RESOURCE}",
    f"https://mms.twiliocdn.com{RESOURCE}",
    f"https://mms.twiliocdn.com/{ACCOUNT_SID}/file",
    f"https://localhost{RESOURCE}",
    f"https://127.0.0.1{RESOURCE}",
    f"https://127.1{RESOURCE}",
    f"https://2130706433{RESOURCE}",
    f"https://0x7f000001{RESOURCE}",
    f"https://[::1]{RESOURCE}",
    f"https://[::ffff:127.0.0.1]{RESOURCE}",
    f"https://169.254.169.254{RESOURCE}",
    f"https://api.twilio.com{OTHER}",
    f"https://api.twilio.com{RESOURCE}/",
    f"https://api.twilio.com{RESOURCE}.json",
    f"https://api.twilio.com{RESOURCE}?a=b",
    f"https://api.twilio.com{RESOURCE}#a",
    f"https://api.twilio.com{RESOURCE}\n",
    f" https://api.twilio.com{RESOURCE}",
    f"https://api.twilio.com/{RESOURCE}",
    f"https://api.twilio.com/..{RESOURCE}",
    f"https://api.twilio.com/%2e%2e{RESOURCE}",
    f"{MESSAGES}/../Media/{FILE}",
    f"{MESSAGES}/{MESSAGE}/Media/%2e%2e",
    f"{MESSAGES}/{MESSAGE}/Media/../..",
    f"{MESSAGES}/{MESSAGE}/Media/{FILE}0",
    f"{MESSAGES}/{MESSAGE}/Media/SM{'2' * 32}",
    f"{MESSAGES}/AC{'1' * 32}/Media/{FILE}",
    f"{MESSAGES}.json",
    f"{MESSAGES}/{MESSAGE}/Media/ME{'２' * 32}",
    f"https://api.twilio.com/2010-04-01/accounts/{ACCOUNT_SID}/messages/{MESSAGE}/media/{FILE}",
    f"{MESSAGES}/{MESSAGE}/Media/{FILE}\udc80",
]


@pytest.mark.parametrize("url", HOSTILE)
async def test_an_address_that_is_not_our_media_opens_no_socket(
    make: Make, canary: Canary, url: str
) -> None:
    """An address that is not exactly of our account's media is refused before any name lookup."""
    resolver, sockets = ScriptedResolver(), Sockets(canary.port)
    connect = partial(PublicConnector, resolver=resolver, socket_factory=sockets)

    assert await refusal_of(make(settings(), connect=connect), url) == "media_refused"
    assert (resolver.asked, sockets.opened, canary.requests()) == ([], [], [])


@pytest.mark.parametrize(
    "turn",
    [
        lambda url: url.replace("http://", "https://"),
        lambda url: url.replace("http://", "http://user@"),
        lambda url: url.replace(ACCOUNT_SID, "AC" + "b" * 32),
        lambda url: url.replace("/2010", "//2010"),
        lambda url: url.replace("/2010", "/%2e/2010"),
        lambda url: url.replace("127.0.0.1", "localhost"),
        lambda url: url.replace("127.0.0.1", "127.1"),
        lambda url: url + "?a=b",
        lambda url: url.rpartition("/2010")[0] + "/cdn/" + url.rpartition("/")[2],
        lambda _: API,
    ],
)
async def test_the_origin_of_the_tests_gets_no_freedom_of_path(
    fetcher: MediaFetcher, twilio: TwilioStandIn, turn: Callable[[str], str]
) -> None:
    """Also at the address that TWILIO_API_BASE_URL names only our account's media is asked for."""
    assert await refusal_of(fetcher, turn(twilio.add_media(OGG))) == "media_refused"
    assert twilio.requests() == []


def redirect(target: str, status: int = 307) -> Behaviour:
    """Send the client on to `target`."""
    return always(Answer(status=status, headers={"Location": target}))


@pytest.mark.parametrize(
    "target",
    [
        "",
        "/cdn/file",
        "cdn/file",
        "CANARY/cdn/file",
        "CANARY",
        "http://localhost:PORT/file",
        "http://[::1]:PORT/file",
        "//127.0.0.1:PORT/file",
        "https://127.0.0.1:PORT/file",
        "ORIGIN@127.0.0.1:PORT/file",
        "ORIGIN.evil.example/file",
        "ORIGIN0/file",
        "http://mms.twiliocdn.com/file",
        "https://mms.twiliocdn.com",
        "https://mms.twiliocdn.com:8443/file",
        "https://mms.twiliocdn.com@127.0.0.1:PORT/file",
        "https://user@mms.twiliocdn.com/file",
        "https://mms.twiliocdn.com.evil.example/file",
        "https://evil-mms.twiliocdn.com/file",
        "https://mmsXtwiliocdn.com/file",
        "https://mms.twiliocdn.com\\@127.0.0.1:PORT/file",
        "https://mms.twiliocdn.com/file\\..",
        "https://mms.twiliocdn.com/file#part",
        "https://mms.twiliocdn.com/a file",
        "https://api.twilio.com/file",
        "https://s3-external-1.amazonaws.com/another-bucket/file",
        f"https://s3-external-1.amazonaws.com/media.twiliocdn.com/AC{'b' * 32}/{'c' * 32}",
        f"https://s3-external-1.amazonaws.com/media.twiliocdn.com/{ACCOUNT_SID}/../../bucket/file",
        "https://169.254.169.254/latest/meta-data/",
        "https://metadata.google.internal/",
        "https://[::ffff:127.0.0.1]:PORT/file",
        "https://2130706433/file",
        "file:///etc/passwd",
        "data:audio/ogg;base64,T2dnUw==",
        "ftp://mms.twiliocdn.com/file",
    ],
)
async def test_a_redirect_away_from_twilio_is_not_followed(
    make: Make, twilio: TwilioStandIn, canary: Canary, target: str
) -> None:
    """A redirect to anything but Twilio's media hosts ends there: no lookup, no second socket."""
    target = target.replace("CANARY", canary.url).replace("ORIGIN", twilio.url)
    twilio.queue("media", redirect(target.replace("PORT", str(canary.port))))
    resolver, sockets = ScriptedResolver(), Sockets(canary.port)
    connect = partial(PublicConnector, resolver=resolver, socket_factory=sockets)
    fetcher = make(settings(twilio.url), connect=connect)

    assert await refusal_of(fetcher, twilio.add_media(OGG)) == "media_refused"
    assert [r.operation for r in twilio.requests()] == ["media"]
    assert (resolver.asked, len(sockets.opened), canary.requests()) == ([], 1, [])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_second_redirect_is_refused(
    fetcher: MediaFetcher, twilio: TwilioStandIn, status: int
) -> None:
    """One redirect of any kind is followed, and no more than one."""
    url = twilio.add_media(OGG)
    target = f"{twilio.url}/cdn/{url.rpartition('/')[2]}"
    twilio.queue("media", redirect(target, status))
    assert (await fetcher.fetch(at(url))).data == OGG

    twilio.queue("cdn", redirect(target, status))

    assert await refusal_of(fetcher, url) == "media_refused"
    assert len(twilio.requests("cdn")) == 2


async def test_a_redirect_with_an_endless_body_is_followed_at_once(
    fetcher: MediaFetcher, twilio: TwilioStandIn
) -> None:
    """What a redirect says besides its target is not read."""
    url = twilio.add_media(OGG)
    target = f"{twilio.url}/cdn/{url.rpartition('/')[2]}"
    endless = Answer(status=302, headers={"Location": target}, body=repeat(bytes(65536)))
    twilio.queue("media", always(endless))

    assert (await fetcher.fetch(at(url))).data == OGG


@pytest.mark.parametrize(
    "addresses",
    [
        ("127.0.0.1",), ("10.0.0.5",), ("169.254.169.254",), ("::1",), ("::ffff:127.0.0.1",),
        ("64:ff9b::7f00:1",), ("2002:7f00:1::",), ("::127.0.0.1",), ("fec0::1",), ("224.0.0.1",),
        ("ff02::1",), ("192.0.0.8",), (PUBLIC, "127.0.0.1"),
    ],
)  # fmt: skip
async def test_a_name_that_leads_inside_opens_no_socket(
    make: Make, canary: Canary, addresses: tuple[str, ...]
) -> None:
    """Twilio's own name is not connected to when it has an address that is not public."""
    sockets = Sockets(canary.port)
    connect = partial(PublicConnector, resolver=ScriptedResolver(addresses), socket_factory=sockets)

    assert await refusal_of(make(settings(), connect=connect), API) == "media_refused"
    assert (sockets.opened, canary.requests()) == ([], [])


async def test_a_name_is_looked_up_once_for_check_and_connection(
    make: Make, canary: Canary
) -> None:
    """A name that is public when checked and private afterwards never leads inside."""
    resolver = ScriptedResolver((PUBLIC,), ("127.0.0.1",))
    opened: list[str] = []

    def no_network(address: AddrInfoType) -> socket.socket:
        opened.append(str(address[4][0]))
        raise OSError("this machine has no network")

    connect = partial(PublicConnector, resolver=resolver, socket_factory=no_network)

    # The failed connection is tried again, and the second lookup is checked like the first.
    assert await refusal_of(make(settings(), connect=connect), API) == "media_refused"
    assert opened == [PUBLIC]
    assert resolver.asked == ["api.twilio.com"] * 2
    assert canary.requests() == []


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[tuple[int, ssl.SSLContext, list[web.Request]]]:
    """A TLS server that is api.twilio.com and its media host, with who trusts it and its record."""
    certificate, key = certificates(folder)
    seen: list[web.Request] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request)
        if request.host.startswith("api."):
            headers = {"Location": f"https://mms.twiliocdn.com{SIGNED}", "Set-Cookie": "visit=1"}
            return web.Response(status=307, headers=headers)
        return web.Response(body=OGG)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(certificate, key)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server).start()
    try:
        yield runner.addresses[0][1], ssl.create_default_context(cafile=certificate), seen
    finally:
        await runner.cleanup()


def certificates(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for Twilio's names and its key, made on the spot."""
    pytest.importorskip("cryptography", reason="the certificate is made with it")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stand-in")])
    names = ("api.twilio.com", "api.sao-paulo.us1.twilio.com", "mms.twiliocdn.com")
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


@pytest.mark.parametrize(
    ("place", "api"),
    [
        ({}, "api.twilio.com"),
        ({"edge": "sao-paulo"}, "api.sao-paulo.us1.twilio.com"),
    ],
)
async def test_the_real_names_are_asked_over_tls(
    make: Make, tmp_path: Path, place: dict[str, str], api: str
) -> None:
    """The configured API gets the key, the media host the signed address as it was written."""
    async with world(tmp_path) as (port, trust, seen):
        resolver, sockets = ScriptedResolver(), Sockets(port)
        connect = partial(PublicConnector, resolver=resolver, socket_factory=sockets, ssl=trust)

        audio = await make(settings(**place), connect=connect).fetch(at(API))

    assert audio.data == OGG
    assert resolver.asked == [api, "mms.twiliocdn.com"]
    assert sockets.opened == [PUBLIC, PUBLIC]
    assert [(r.host, r.raw_path, r.headers.get("Authorization")) for r in seen] == [
        (api, RESOURCE, BASIC),
        ("mms.twiliocdn.com", SIGNED, None),
    ]


@pytest.mark.parametrize("edge", ["", "dublin"])
@pytest.mark.parametrize("region", ["", "ie1"])
async def test_the_api_is_found_where_twilios_client_finds_it(
    make: Make, canary: Canary, region: str, edge: str
) -> None:
    """Region and edge lead to the same host as they do for messages, and both names are known."""
    client = Client("AC", "token", region=region, edge=edge, environment={"-": ""})
    api = client.get_hostname("https://api.twilio.com")
    resolver = ScriptedResolver(("127.0.0.1",))
    connect = partial(PublicConnector, resolver=resolver, socket_factory=Sockets(canary.port))
    fetcher = make(settings(region=region, edge=edge), connect=connect)

    for name in (api, "https://api.twilio.com"):
        assert await refusal_of(fetcher, name + RESOURCE) == "media_refused"

    assert resolver.asked == [api.removeprefix("https://")] * 2


async def test_fetches_have_nothing_in_common(make: Make, tmp_path: Path) -> None:
    """Every fetch looks its hosts up anew, and no cookie or connection outlives a request."""
    async with world(tmp_path) as (port, trust, seen):
        resolver, sockets = ScriptedResolver(), Sockets(port)
        connect = partial(PublicConnector, resolver=resolver, socket_factory=sockets, ssl=trust)
        fetcher = make(settings(), connect=connect)

        await fetcher.fetch(at(API))
        await fetcher.fetch(at(API))

    assert resolver.asked == ["api.twilio.com", "mms.twiliocdn.com"] * 2
    assert sockets.opened == [PUBLIC] * 4
    assert not any("Cookie" in request.headers for request in seen)


async def test_who_really_answers_is_checked_before_anything_is_asked(
    make: Make, tmp_path: Path
) -> None:
    """A connection that ended elsewhere than at the checked address carries no request."""
    async with world(tmp_path) as (port, trust, seen):
        sockets = Sockets(port, disguised=False)
        connect = partial(
            PublicConnector, resolver=ScriptedResolver(), socket_factory=sockets, ssl=trust
        )
        fetcher = make(settings(), connect=connect)

        assert await refusal_of(fetcher, API) == "media_refused"

    assert seen == []


async def test_a_certificate_that_nobody_vouches_for_is_refused(make: Make, tmp_path: Path) -> None:
    """Without a trusted certificate for Twilio's name nothing is asked, and no key is shown."""
    async with world(tmp_path) as (port, _, seen):
        connect = partial(
            PublicConnector, resolver=ScriptedResolver(), socket_factory=Sockets(port)
        )

        with pytest.raises(TemporaryError) as raised:
            await make(settings(), connect=connect).fetch(at(API))

    assert raised.value.code == "connection"
    assert seen == []


async def test_a_literal_address_is_checked_too(canary: Canary) -> None:
    """The connector refuses an inner address that no resolver was asked about."""
    sockets = Sockets(canary.port)
    async with ClientSession(connector=PublicConnector(socket_factory=sockets)) as session:
        with pytest.raises(PermanentError) as raised:
            await session.get(canary.url)

    assert (raised.value.code, sockets.opened, canary.requests()) == ("media_refused", [], [])


async def test_the_environment_names_no_proxy_and_no_other_key(
    make: Make,
    twilio: TwilioStandIn,
    canary: Canary,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Proxy variables and a netrc file change neither the way nor the credentials."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password word\n", encoding="ascii")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, canary.url)

    await make(settings(twilio.url)).fetch(at(twilio.add_media(OGG)))

    assert canary.requests() == []
    assert twilio.leaks == []


@pytest.mark.parametrize("operation", ["media", "cdn"])
async def test_an_endless_file_is_cut_at_the_cap(
    make: Make, twilio: TwilioStandIn, operation: str
) -> None:
    """A body without an end is given up once it is larger than allowed, and not asked for again."""
    sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 65536
            yield OGG.ljust(65536, b"\0")

    twilio.queue(operation, always(Answer(body=pieces())))
    fetcher = make(settings(twilio.url), most_bytes=1_000_000)

    assert await refusal_of(fetcher, twilio.add_media(OGG)) == "media_too_large"
    assert len(twilio.requests(operation)) == 1
    # What lay in the sockets' buffers was sent, and nothing after them.
    assert sent < 20_000_000


@pytest.mark.parametrize(("size", "taken"), [(1000, True), (1001, False)])
async def test_the_cap_is_exact(make: Make, twilio: TwilioStandIn, size: int, taken: bool) -> None:
    """A file of just the largest size is taken, one byte more is not."""
    fetcher = make(settings(twilio.url), most_bytes=1000)
    url = twilio.add_media(OGG.ljust(size, b"\0"))

    if taken:
        assert len((await fetcher.fetch(at(url))).data) == size
    else:
        assert await refusal_of(fetcher, url) == "media_too_large"


async def test_whatsapps_largest_file_is_taken(
    fetcher: MediaFetcher, twilio: TwilioStandIn
) -> None:
    """16 MiB pass as the settings of the house are."""
    size = 16 * 1024 * 1024

    fetched = await fetcher.fetch(at(twilio.add_media(OGG.ljust(size, b"\0"))))

    assert len(fetched.data) == size


async def test_a_packed_answer_is_never_unpacked(make: Make, twilio: TwilioStandIn) -> None:
    """What comes packed although nobody asked for it is refused as it is."""
    bomb = gzip.compress(OGG.ljust(50_000_000, b"\0"), 9)
    packed = Answer(body=bomb, content_type="audio/ogg", headers={"Content-Encoding": "gzip"})
    twilio.queue("cdn", always(packed))
    fetcher = make(settings(twilio.url), most_bytes=1_000_000)

    assert await refusal_of(fetcher, twilio.add_media(OGG)) == "media_type"


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=repeat(b"."), pause=0.05),
        Answer(body=OGG, delay=30.0),
    ],
    ids=["dripping", "silent"],
)
@pytest.mark.parametrize("operation", ["media", "cdn"])
async def test_the_time_for_all_of_it_is_kept(
    make: Make, twilio: TwilioStandIn, operation: str, answer: Answer
) -> None:
    """An answer that drips or never comes is given up at the deadline, repeats included."""
    twilio.whenever(operation, always(answer))
    fetcher = make(settings(twilio.url), seconds=0.4)
    url = twilio.add_media(OGG)

    began = time.monotonic()
    with pytest.raises(TemporaryError) as raised:
        await fetcher.fetch(at(url))

    assert raised.value.code == "timeout"
    assert 0.3 < time.monotonic() - began < 2.0


async def test_a_wait_counts_as_time_too(make: Make, twilio: TwilioStandIn) -> None:
    """A wait that Twilio asks for does not outlast the deadline."""
    twilio.whenever("media", refused(20429, 429, retry_after=50))
    fetcher = make(settings(twilio.url), seconds=0.3, pause=asyncio.sleep)

    began = time.monotonic()
    with pytest.raises(TemporaryError) as raised:
        await fetcher.fetch(at(twilio.add_media(OGG)))

    assert raised.value.code == "timeout"
    assert time.monotonic() - began < 2.0


async def test_a_stalled_connection_leaves_time_for_another(
    make: Make, twilio: TwilioStandIn
) -> None:
    """One connection that never answers costs half of the time, not the file."""
    twilio.queue("cdn", stalled())

    fetched = await make(settings(twilio.url), seconds=2.0).fetch(at(twilio.add_media(OGG)))

    assert fetched.data == OGG


@pytest.mark.parametrize(
    ("operation", "behaviour"),
    [
        ("media", refused(20500, 500)),
        ("media", refused(20503, 503)),
        ("media", refused(20429, 429, retry_after=1)),
        ("media", dropped()),
        ("media", refused(20404, 404)),
        ("cdn", always(json_answer({}, 500))),
        ("cdn", always(json_answer({}, 404))),
        ("cdn", always(json_answer({}, 403))),
        ("cdn", dropped()),
    ],
)
async def test_what_may_pass_is_asked_once_more(
    fetcher: MediaFetcher, twilio: TwilioStandIn, operation: str, behaviour: Behaviour
) -> None:
    """A failing server, a broken line, and a file that is not there yet are tried again."""
    twilio.queue(operation, behaviour)

    assert (await fetcher.fetch(at(twilio.add_media(OGG)))).data == OGG
    # Also the store is asked by a fresh address: the first one's signature may be over.
    assert len(twilio.requests("media")) == 2
    assert twilio.leaks == []


@pytest.mark.parametrize(
    ("operation", "behaviour", "kind", "code", "asked"),
    [
        ("media", refused(20404, 404), TemporaryError, "404", 2),
        ("media", refused(20500, 500), TemporaryError, "500", 2),
        ("media", dropped(), TemporaryError, "connection", 2),
        ("media", refused(20003, 401), AccountError, "401", 1),
        ("media", refused(20003, 403), AccountError, "403", 1),
        ("media", always(json_answer({}, 410)), PermanentError, "410", 1),
        ("media", always(Answer(status=204)), PermanentError, "204", 1),
        ("media", always(Answer(status=304)), PermanentError, "304", 1),
        ("cdn", always(json_answer({}, 403)), TemporaryError, "403", 2),
        ("cdn", always(json_answer({}, 400)), PermanentError, "400", 1),
    ],
)
async def test_what_does_not_pass_is_told_in_our_words(
    fetcher: MediaFetcher,
    twilio: TwilioStandIn,
    operation: str,
    behaviour: Behaviour,
    kind: type[VendorError],
    code: str,
    asked: int,
) -> None:
    """Each failure comes out as one of our errors, after as many requests as make sense."""
    twilio.whenever(operation, behaviour)

    with pytest.raises(VendorError) as raised:
        await fetcher.fetch(at(twilio.add_media(OGG)))

    assert (type(raised.value), raised.value.code) == (kind, code)
    assert len(twilio.requests("media")) == asked


async def test_a_file_that_is_not_there_yet_gets_a_moment(
    make: Make, twilio: TwilioStandIn
) -> None:
    """Before a missing file is asked for again there is a pause of two seconds."""
    pauses = Pauses()
    twilio.queue("media", refused(20404, 404))

    await make(settings(twilio.url), pause=pauses).fetch(at(twilio.add_media(OGG)))

    assert pauses.taken == [2.0]


async def test_nobody_there_is_worth_repeating(make: Make) -> None:
    """A port where nobody listens is a temporary error, not a vendor's exception."""
    with StandIn() as gone:
        url = gone.url

    with pytest.raises(TemporaryError) as raised:
        await make(settings(url)).fetch(at(url + RESOURCE))

    assert raised.value.code == "connection"


async def test_neither_logs_nor_errors_tell_the_address(
    make: Make,
    twilio: TwilioStandIn,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No line and no error names the file, the message, the account or its key."""
    caplog.set_level(logging.DEBUG)
    twilio.queue("cdn", always(json_answer({}, 500)), redirect("https://evil.example/secret"))
    fetcher = make(settings(twilio.url))
    told = []
    for url in (twilio.add_media(OGG), API + "?secret"):
        with pytest.raises(VendorError) as raised:
            await fetcher.fetch(at(url))
        told.append(f"{raised.value} {raised.value.code}")

    told += [str(vars(record)) for record in caplog.records]
    assert any("vendor_retry" in line for line in told)
    for secret in (ACCOUNT_SID, AUTH_TOKEN, BASIC, "Media/", "cdn/", "secret", "127.0.0.1"):
        assert not any(secret in line for line in told), secret


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>not here</html>", b'{"code": 20404}', bytes(1000), b"PK\x03\x04", b"OggS"],
)
async def test_what_is_no_known_file_is_refused(
    fetcher: MediaFetcher, twilio: TwilioStandIn, content: bytes
) -> None:
    """Bytes of no known kind are refused, whatever type Twilio declares."""
    assert await refusal_of(fetcher, twilio.add_media(content, "audio/ogg")) == "media_type"


async def test_the_declared_type_does_not_matter(
    fetcher: MediaFetcher, twilio: TwilioStandIn
) -> None:
    """A picture that is called a recording comes out as the picture it is."""
    audio = await fetcher.fetch(at(twilio.add_media(PNG, "audio/ogg"), "audio/ogg"))

    assert audio.content_type == "image/png"


def box(brand: bytes, *handlers: bytes) -> bytes:
    """Return the bones of an ISO media file with one track for each handler."""
    tracks = b"".join(b"hdlr" + bytes(8) + handler for handler in handlers)
    return b"\x00\x00\x00\x18ftyp" + brand + bytes(1000) + tracks


EBML = b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm" + bytes(30)


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (OGG, "audio/ogg"),
        (OGG.replace(b"OpusHead", b"\x01vorbis"), "audio/ogg"),
        (OGG.replace(b"OpusHead", b"\x80theora"), "video/ogg"),
        (OGG.replace(b"OpusHead", b"whatever"), None),
        (b"ID3\x04\x00", "audio/mpeg"),
        (b"\xff\xfb\x90\x64", "audio/mpeg"),
        (b"\xff\xf3\x84\xc4", "audio/mpeg"),
        (b"\xff\xfe\x00\x00", None),
        (b"\xff\xf1\x50\x80", "audio/aac"),
        (b"#!AMR\n\x3c", "audio/amr"),
        (b"#!AMR-WB\n\x04", "audio/amr-wb"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"RIFF\x24\x00\x00\x00AVI LIST", None),
        (b"fLaC\x00", "audio/flac"),
        (box(b"M4A ", b"soun"), "audio/mp4"),
        (box(b"isom", b"soun"), "audio/mp4"),
        (box(b"isom", b"soun", b"vide"), "video/mp4"),
        (box(b"mp42", b"vide"), "video/mp4"),
        (box(b"3gp5", b"soun"), "audio/3gpp"),
        (box(b"3gp5", b"vide", b"soun"), "video/3gpp"),
        (box(b"heic"), "image/heic"),
        (box(b"isom"), None),
        (EBML + b"A_OPUS", "audio/webm"),
        (EBML + b"V_VP9" + b"A_OPUS", "video/webm"),
        (EBML.replace(b"webm", b"matr"), None),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (PNG, "image/png"),
        (b"GIF89a", "image/gif"),
        (b"%PDF-1.7", "application/pdf"),
        (b"MZ\x90\x00", None),
        (b"#!/bin/sh\n", None),
    ],
)
def test_the_bytes_tell_the_type(data: bytes, content_type: str | None) -> None:
    """Every kind of file that WhatsApp carries is known by how it begins."""
    assert type_of(data) == content_type
