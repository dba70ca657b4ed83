"""The plain page at `/` where there is no simulator: it says that the clone runs."""

from pathlib import Path

from flask import Blueprint, Response

_PAGE = Path(__file__).parent / "page" / "home.html"
_HEADERS = {
    # The page is one constant file with its style inside and nothing that runs.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-cache",
}


def home_blueprint() -> Blueprint:
    """Return the page; it is public, so it tells nothing about the person or the settings."""
    blueprint = Blueprint("home", __name__)

    @blueprint.get("/")
    def page() -> Response:
        return Response(_PAGE.read_bytes(), mimetype="text/html", headers=_HEADERS)

    return blueprint
