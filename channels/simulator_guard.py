"""Who may see the simulator, and the headers that keep its page to itself."""

import hmac
import re

from flask import Response, request
from werkzeug.exceptions import Forbidden

_COOKIE = "clone_simulator"
_PAGE = "simulator.page"
_FILES = "simulator.assets"
_LOOPBACK_HOST = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?", re.IGNORECASE)
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; media-src 'self' blob:; object-src 'none'; base-uri 'none';"
        " form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Admits a browser on this machine, or with `token` whoever has once shown it."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def admit(self) -> None:
        """Let the current request pass; raises `Forbidden` with the reason when it may not."""
        if self._token is None:
            _refuse_strangers()
        else:
            _refuse_without(self._token.encode())
        _refuse_other_sites()

    def remember(self, response: Response) -> Response:
        """Give an admitted browser the cookie that spares it the token in the address."""
        if self._token is not None:
            response.set_cookie(
                _COOKIE, self._token, httponly=True, samesite="Strict", secure=request.is_secure
            )
        return response


def harden(response: Response) -> Response:
    """Keep scripts, frames and caches of others away from the response."""
    response.headers.update(_HEADERS)
    # Files may be kept if asked about again (ETag); everything else holds the conversation.
    fresh = "no-cache" if request.endpoint == _FILES else "no-store"
    response.headers["Cache-Control"] = fresh
    return response


def _refuse_strangers() -> None:
    # A page elsewhere that rebinds its name to 127.0.0.1 still sends its own name as Host.
    if not _LOOPBACK_HOST.fullmatch(request.headers.get("Host", "")):
        raise Forbidden("The simulator answers at 127.0.0.1 or localhost only.")
    for name, _ in request.headers:
        if name.lower().startswith(("forwarded", "x-forwarded", "x-real-ip")):
            raise Forbidden("The simulator does not answer through a proxy.")


def _refuse_without(token: bytes) -> None:
    given = request.cookies.get(_COOKIE, "")
    if request.endpoint == _PAGE:
        given = request.args.get("token", given)
    if not hmac.compare_digest(given.encode(errors="replace"), token):
        raise Forbidden("Open the simulator with the address printed when the clone started.")


def _refuse_other_sites() -> None:
    site = request.headers.get("Sec-Fetch-Site", "")
    # Following a link to the page is fine: it reads nothing back to the other site.
    follows_link = (
        request.endpoint == _PAGE
        and request.headers.get("Sec-Fetch-Mode") == "navigate"
        and request.headers.get("Sec-Fetch-Dest") == "document"
    )
    if site in {"cross-site", "same-site"} and not follows_link:
        raise Forbidden("Another site may not use the simulator.")
    # A browser that says same-origin is right even where a proxy has rewritten `Host`.
    origin = request.headers.get("Origin")
    host = request.headers.get("Host", "")
    if origin not in {None, f"http://{host}", f"https://{host}"} and site != "same-origin":
        raise Forbidden("Another site may not use the simulator.")
