"""Checks that a request was signed with our account's token, over the address Twilio called."""

import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from twilio.request_validator import RequestValidator, add_port, remove_port
from werkzeug.wrappers import Request

HEADER = "X-Twilio-Signature"


class SignatureCheck:
    """Judges requests by Twilio's scheme: HMAC-SHA1 of the address and all form fields.

    https://www.twilio.com/docs/usage/security#validating-requests
    """

    def __init__(self, auth_token: str, public_base_url: str) -> None:
        self._validator = RequestValidator(auth_token)
        # Twilio signs without the fragment that carries connection overrides (`#rc=3`).
        self._base = urlsplit(public_base_url)._replace(query="", fragment="").geturl().rstrip("/")

    def holds(self, request: Request) -> bool:
        """Tell whether the request's signature is right; any malformed one is wrong."""
        given = request.headers.get(HEADER, "").encode("utf-8", "surrogateescape")
        address = urlsplit(self._address(request))
        return any(
            hmac.compare_digest(given, self._sign(form_address, request.form))
            for form_address in (remove_port(address), add_port(address))
        )

    def _sign(self, address: str, form: Mapping[str, Any]) -> bytes:
        return str(self._validator.compute_signature(address, form)).encode()

    def _address(self, request: Request) -> str:
        """The address as Twilio wrote it: percent-encoding untouched, no client's header in it."""
        raw = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI") or request.path
        target = urlsplit(raw)
        path = f"{target.path}?{target.query}" if target.query else target.path
        return f"{self._base or request.host_url.rstrip('/')}{path}"
