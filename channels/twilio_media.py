"""Fetches the files that contacts sent: from Twilio only, bounded in bytes and in time."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import cached_property

from aiohttp import (
    ClientConnectionError,
    ClientHandlerType,
    ClientRequest,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
    encode_basic_auth,
)
from yarl import URL

from agent.errors import PermanentError, TemporaryError, VendorError
from agent.media_types import type_of
from agent.messages import Audio, Media
from agent.settings import Twilio
from agent.vendors import Vendor, explain_http
from channels.public_addresses import PublicConnector

#: WhatsApp takes no larger file.
_MOST_BYTES = 16 * 1024 * 1024
_SECONDS = 20.0
#: Twilio may tell of a file a moment before it has it; chatwoot/chatwoot#15504 met it so.
_EARLY_SECONDS = 2.0
_NAME = "twilio's media"
_GLOBAL_API = "https://api.twilio.com"
_REDIRECTS = {301, 302, 303, 307, 308}

# The whole address by one pattern: two readers of a URL may differ, as the attacker hopes.
_RESOURCE = (
    r"/2010-04-01/Accounts/{account}/Messages/(?:MM|SM)[0-9a-fA-F]{{32}}/Media/ME[0-9a-fA-F]{{32}}"
)
# The last is where accounts without enforced authentication keep their files, in Twilio's bucket:
# https://support.twilio.com/hc/en-us/articles/223183748
_STORES = (
    r'https://(?:mms|media)\.twiliocdn\.com/[!"$-\[\]-~]*'
    r"|https://s3-external-1\.amazonaws\.com/media\.twiliocdn\.com/{account}/[0-9a-f]{{32}}"
)


class MediaFetcher:
    """Fetches media of one Twilio account; make it anywhere, use it in one event loop.

    The credentials go to the configured API origin and nowhere else. `pause` and `connect` are
    for tests; `connect` gets the origin that may lie on this machine, or None.
    """

    def __init__(
        self,
        settings: Twilio,
        *,
        most_bytes: int = _MOST_BYTES,
        seconds: float = _SECONDS,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        connect: Callable[[URL | None], TCPConnector] = PublicConnector,
    ) -> None:
        self._account = settings.account_sid
        self._token = settings.auth_token
        self._api = settings.api_base_url or _api_of(settings.region, settings.edge)
        # A test must not reach the world by mistake, so its origin stands alone.
        names = {self._api} if settings.api_base_url else {self._api, _GLOBAL_API}
        account = re.escape(self._account)
        origins = "|".join(map(re.escape, sorted(names)))
        self._named = re.compile(f"(?:{origins})({_RESOURCE.format(account=account)})")
        self._exempt = URL(settings.api_base_url).origin() if settings.api_base_url else None
        stores = _STORES.format(account=account)
        if self._exempt:
            stores += rf'|{re.escape(str(self._exempt))}/[!"$-\[\]-~]*'
        self._stores = re.compile(stores)
        self._most_bytes = most_bytes
        self._seconds = seconds
        # Half the time each: a connection that stalls leaves time for another.
        self._vendor = Vendor(_NAME, _explain, attempts=2, attempt_seconds=seconds / 2, pause=pause)
        self._connect = connect

    async def fetch(self, media: Media) -> Audio:
        """Return the file, with the type that its own bytes show.

        Raises `PermanentError`, with code `media_refused` for an address that is not Twilio's,
        `media_too_large`, or `media_type` for bytes of no known kind; else `TemporaryError`,
        with code `timeout` when the time for all of it was over.
        """
        named = self._named.fullmatch(media.url)
        if named is None:
            raise _refused("the address is not of this account's media")
        address = self._api + named[1]
        try:
            async with asyncio.timeout(self._seconds):
                data = await self._vendor.call(lambda: self._download(address))
        except TimeoutError as error:
            raise TemporaryError(f"{_NAME} did not come in time", code="timeout") from error
        # Up to 16 MB are searched: not on the event loop.
        content_type = await asyncio.to_thread(type_of, data)
        if content_type is None:
            raise PermanentError(f"{_NAME} is of no known kind", code="media_type")
        return Audio(data=data, content_type=content_type)

    async def close(self) -> None:
        """Close what was opened; nothing is fetched after it."""
        if "_session" in self.__dict__:
            await self._session.close()

    async def _download(self, address: str) -> bytes:
        """Ask the API, and once more where it sends us."""
        key = encode_basic_auth(self._account, self._token.reveal())
        async with self._get(address, {"Authorization": key}) as answer:
            if answer.status not in _REDIRECTS:
                return await self._body(answer, keyed=True)
            target = answer.headers.get("Location", "")
        if not self._stores.fullmatch(target):
            raise _refused("the redirect leads away from Twilio")
        async with self._get(target, {}) as answer:
            if answer.status in _REDIRECTS:
                raise _refused("the redirect leads to another one")
            return await self._body(answer, keyed=False)

    def _get(
        self, address: str, headers: dict[str, str]
    ) -> AbstractAsyncContextManager[ClientResponse]:
        # A signed address has to arrive as it was written, so nothing is quoted again.
        return self._session.get(
            URL(address, encoded=True),
            headers={"Accept-Encoding": "identity", **headers},
            allow_redirects=False,
        )

    async def _body(self, answer: ClientResponse, *, keyed: bool) -> bytes:
        if answer.status != 200:
            raise _explain_status(answer, keyed=keyed)
        data = bytearray()
        # What the answer says of its length may be missing or untrue.
        async for piece in answer.content.iter_any():
            data += piece
            if len(data) > self._most_bytes:
                raise PermanentError(f"{_NAME} is too large", code="media_too_large")
        return bytes(data)

    @cached_property
    def _session(self) -> ClientSession:
        return ClientSession(
            connector=self._connect(self._exempt),
            cookie_jar=DummyCookieJar(),
            timeout=ClientTimeout(total=None),
            # What arrives packed in spite of our asking stays packed, and is of no known kind.
            auto_decompress=False,
            trust_env=False,
            middlewares=(_ask_once,),
        )


def _api_of(region: str, edge: str) -> str:
    """Return the API's origin as Twilio's own client makes it."""
    region = region or ("us1" if edge else "")
    return "https://" + ".".join(name for name in ("api", edge, region, "twilio.com") if name)


def _explain_status(answer: ClientResponse, *, keyed: bool) -> VendorError:
    # The store, which saw no key, also says 403 to what it does not have yet.
    if answer.status == 404 or (not keyed and answer.status in (401, 403)):
        code = str(answer.status)
        return TemporaryError(f"{_NAME} is not there", code=code, retry_after=_EARLY_SECONDS)
    return explain_http(_NAME, answer.status, retry_after=answer.headers.get("Retry-After"))


async def _ask_once(request: ClientRequest, ask: ClientHandlerType) -> ClientResponse:
    """Keep aiohttp from repeating a broken request by itself: that is for the policy to decide."""
    try:
        return await ask(request)
    except ClientConnectionError as error:
        raise _explain(error) from error


def _explain(error: Exception) -> VendorError:
    return TemporaryError(f"{_NAME} could not be reached", code="connection")


def _refused(reason: str) -> PermanentError:
    return PermanentError(reason, code="media_refused")
