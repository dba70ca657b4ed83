"""Twilio's REST client over our own HTTP transport: bounded, silent, and speaking our errors."""

import json
import logging
from typing import TYPE_CHECKING, Any

from aiohttp import (
    ClientConnectorError,
    ClientError,
    ClientSession,
    ClientTimeout,
    TCPConnector,
    encode_basic_auth,
)
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from agent.errors import AccountError, InDoubtError, TemporaryError, VendorError
from channels.twilio_errors import explain

if TYPE_CHECKING:
    from agent.settings import Twilio

#: Backstop below the vendor policy's wall clock.
_SECONDS = 20.0
_CONNECTIONS = 200


class Transport(AsyncHttpClient):  # type: ignore[misc]
    """Carries Twilio's requests; make it inside the running event loop.

    twilio's own asynchronous transport ignores its time-out, logs addresses with numbers in
    them, and drops the headers of a refusal, among them `Retry-After`: so a refusal becomes our
    error here, where it is known to which request each header belongs.
    """

    def __init__(self) -> None:
        super().__init__(logging.getLogger("twilio"), True, _SECONDS)
        self._session = ClientSession(
            timeout=ClientTimeout(total=_SECONDS), connector=TCPConnector(limit=_CONNECTIONS)
        )

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
        """Return the answer if it grants what was asked for.

        Raises `InDoubtError` when a request that changes something may have been carried out
        all the same, `TimeoutError`, or another `VendorError`.
        """
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = encode_basic_auth(*auth)
        try:
            async with self._session.request(
                method.upper(),
                uri,
                params=params,
                data=data,
                headers=sent,
                allow_redirects=allow_redirects,
            ) as answer:
                text = await answer.text(errors="replace")
        except ClientConnectorError as error:
            raise TemporaryError("twilio could not be reached", code="connection") from error
        except TimeoutError:
            raise
        except ClientError as error:
            raise InDoubtError("the connection to twilio broke", code="connection") from error
        if answer.status >= 300:
            raise _refusal(method, answer.status, text, answer.headers.get("Retry-After"))
        return Response(answer.status, text, answer.headers)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()


def twilio_client(settings: "Twilio") -> Client:
    """Return a client of the configured account; call it inside the running event loop.

    Raises `AccountError` when the settings name no account (any more).
    """
    sid, token = settings.account_sid, settings.auth_token.reveal()
    if not (sid and token):
        raise AccountError("TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN are needed to send")
    transport = Transport()
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


def _refusal(method: str, status: int, text: str, retry_after: str | None) -> VendorError:
    told = explain(status, _code(text), retry_after)
    if status >= 500 and method.upper() != "GET" and isinstance(told, TemporaryError):
        # A server that broke may have done its work before.
        return InDoubtError(str(told), code=told.code, retry_after=told.retry_after)
    return told


def _code(text: str) -> str:
    """Return the code in Twilio's error document, empty when the answer is no such thing."""
    try:
        return str(json.loads(text).get("code") or "")
    except (ValueError, AttributeError):
        return ""
