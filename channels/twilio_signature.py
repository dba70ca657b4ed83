"""Checks that a request was signed with our account's token, over the address Twilio called."""

import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from twilio.request_validator import RequestValidator
from werkzeug.wrappers import Request

HEADER = "X-Twilio-Signature"
_PORTS = {"https": 443, "http": 80}


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
        # As bytes: `compare_digest` refuses text beyond ASCII, and a client may send any.
        given = request.headers.get(HEADER, "").encode("utf-8", "surrogateescape")
        try:
            addresses = _with_and_without_port(self._address(request))
        except (ValueError, KeyError):
            return False  # a scheme, a host or a target that is no address
        verdicts = [
            hmac.compare_digest(given, self._sign(address, request.form)) for address in addresses
        ]
        return any(verdicts)

    def _sign(self, address: str, form: Mapping[str, Any]) -> bytes:
        return str(self._validator.compute_signature(address, form)).encode()

    def _address(self, request: Request) -> str:
        """The address as Twilio wrote it: percent-encoding untouched, no client's header in it."""
        raw = request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI") or request.path
        target = urlsplit(raw)
        path = f"{target.path}?{target.query}" if target.query else target.path
        return f"{self._base or _own_base(request)}{path}"


def _own_base(request: Request) -> str:
    """Without a public address: what the request says of itself, a proxy's prefix included."""
    prefix = request.root_path.rstrip("/")
    raw = str(request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI") or "")
    return request.host_url.rstrip("/") + ("" if raw.startswith(f"{prefix}/") else prefix)


def _with_and_without_port(address: str) -> tuple[str, str]:
    """Twilio's signers disagree on whether the standard port is part of the address."""
    parts = urlsplit(address)
    port = parts.port
    host = parts.netloc if port is None else parts.netloc.rpartition(":")[0]
    numbered = f"{host}:{port or _PORTS[parts.scheme]}"
    return parts._replace(netloc=host).geturl(), parts._replace(netloc=numbered).geturl()
