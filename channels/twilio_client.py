"""Twilio's REST client over our own HTTP transport: bounded, silent, and telling what to wait."""

import logging
from typing import TYPE_CHECKING, Any

from aiohttp import ClientSession, ClientTimeout, TCPConnector, encode_basic_auth
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

if TYPE_CHECKING:
    from agent.settings import Twilio

#: Backstop below the vendor policy's wall clock.
_SECONDS = 20.0
_CONNECTIONS = 200


class Transport(AsyncHttpClient):  # type: ignore[misc]
    """Carries Twilio's requests; make it inside the running event loop.

    twilio's own asynchronous transport ignores its time-out, logs addresses with numbers in
    them and drops the answer's headers, among them `Retry-After`.
    """

    def __init__(self) -> None:
        super().__init__(logging.getLogger("twilio"), True, _SECONDS)
        self._session = ClientSession(
            timeout=ClientTimeout(total=_SECONDS), connector=TCPConnector(limit=_CONNECTIONS)
        )
        #: Seconds that Twilio's latest refusal asked to wait; one client, one account's limit.
        self.retry_after: str | None = None

    async def request(
        self,
        method: str,
        uri: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is twilio's
        allow_redirects: bool = False,
    ) -> Response:
        """Return the answer, whatever its status; raises aiohttp's errors."""
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = encode_basic_auth(*auth)
        async with self._session.request(
            method.upper(),
            uri,
            params=params,
            data=data,
            headers=sent,
            allow_redirects=allow_redirects,
        ) as answer:
            text = await answer.text()
            # Set with no pause before the caller reads it: other answers come meanwhile.
            self.retry_after = answer.headers.get("Retry-After")
            return Response(answer.status, text, answer.headers)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


def twilio_client(settings: "Twilio") -> Client:
    """Return a client of the configured account; call it inside the running event loop."""
    transport = Transport()
    sid, token = settings.account_sid, settings.auth_token.reveal()
    if settings.api_base_url:
        # Region and edge are woven into the host's name, which a test's address cannot bear;
        # an environment that is not empty keeps the client from reading the process's.
        client = Client(sid, token, http_client=transport, environment={"-": ""})
        client.api.base_url = settings.api_base_url
        client.messaging.base_url = settings.api_base_url
        return client
    return Client(
        sid,
        token,
        region=settings.region or None,
        edge=settings.edge or None,
        http_client=transport,
    )
