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
            target = _target(request)
            bases = _with_and_without_port(self._base or _own_base(request))
            right = [self._sign(base + target, request.form) for base in bases]
        except (ValueError, KeyError):
            return False  # a scheme, a host or a target that is no address
        verdicts = [hmac.compare_digest(given, signature) for signature in right]
        return any(verdicts)

    def _sign(self, address: str, form: Mapping[str, Any]) -> bytes:
        return str(self._validator.compute_signature(address, form)).encode()


def _target(request: Request) -> str:
    """The path and query exactly as they were sent: Flask's own would be decoded."""
    raw = _raw_target(request)
    if not raw:  # a server that keeps it from us: good enough for paths of plain letters
        query = request.environ.get("QUERY_STRING", "")
        return f"{request.path}?{query}" if query else request.path
    if raw.startswith("/"):
        return raw
    return urlsplit(raw)._replace(scheme="", netloc="").geturl()  # an address in full


def _own_base(request: Request) -> str:
    """Without a public address: what the request says of itself, a proxy's prefix included."""
    prefix = request.root_path.rstrip("/")
    inside = _raw_target(request).startswith(f"{prefix}/")
    return request.host_url.rstrip("/") + ("" if inside else prefix)


def _raw_target(request: Request) -> str:
    return str(request.environ.get("REQUEST_URI") or request.environ.get("RAW_URI") or "")


def _with_and_without_port(base: str) -> tuple[str, str]:
    """Twilio's signers disagree on whether the standard port is part of the address."""
    parts = urlsplit(base)
    port = parts.port
    host = parts.netloc if port is None else parts.netloc.rpartition(":")[0]
    numbered = f"{host}:{port or _PORTS[parts.scheme]}"
    return parts._replace(netloc=host).geturl(), parts._replace(netloc=numbered).geturl()
