"""Serves recordings to whoever holds a link: the channel's servers, and the simulator's page."""

import logging

from flask import Blueprint, Response, request
from werkzeug.http import parse_range_header

from agent.errors import StorageError
from channels.media_links import MediaLinks
from channels.media_store import Kept, MediaStore

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-store",
    "Accept-Ranges": "bytes",
}

_log = logging.getLogger(__name__)


def media_blueprint(links: MediaLinks, store: MediaStore) -> Blueprint:
    """Return `GET /media/<token>`, HEAD included, without a login: the link is the key.

    Whatever is wrong with a link, forged, expired or deleted since, gets the same answer.
    """
    blueprint = Blueprint("media", __name__)

    # A path, so that no token finds another answer than this; OPTIONS has nothing to tell here.
    @blueprint.route("/media/<path:token>", methods=["GET"], provide_automatic_options=False)
    def recording(token: str) -> Response:
        kept = _find(links, store, token)
        if kept is None:
            return Response("not found\n", 404, _HEADERS, mimetype="text/plain")
        return _answer(kept)

    return blueprint


def _find(links: MediaLinks, store: MediaStore, token: str) -> Kept | None:
    name = links.name(token)
    try:
        return None if name is None else store.read(name)
    except StorageError as error:
        _log.error("recording not read", extra={"action": "media_not_read", "error": str(error)})
        return None


def _answer(kept: Kept) -> Response:
    """Return a recording, or the one range of it that was asked for."""
    whole = len(kept.data)
    span = _range(whole)
    if span is None:
        return Response(kept.data, 200, _HEADERS, content_type=kept.content_type)
    start, stop = span
    if start >= stop:
        headers = {**_HEADERS, "Content-Range": f"bytes */{whole}"}
        return Response(status=416, headers=headers, content_type=kept.content_type)
    headers = {**_HEADERS, "Content-Range": f"bytes {start}-{stop - 1}/{whole}"}
    return Response(kept.data[start:stop], 206, headers, content_type=kept.content_type)


def _range(whole: int) -> tuple[int, int] | None:
    """Return the range asked for, an empty one if there is no such part, None for all of it.

    What is no range, or several, may be ignored (RFC 9110, 14.2); so must be one for a HEAD, or
    on a condition (`If-Range`) that nothing we ever sent can fulfil.
    """
    if request.method != "GET" or "If-Range" in request.headers:
        return None
    asked = parse_range_header(request.headers.get("Range"))
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    start, stop = asked.ranges[0]
    # A negative start counts from the end, and may ask for more than there is.
    return (start if start >= 0 else max(0, whole + start)), min(stop or whole, whole)
