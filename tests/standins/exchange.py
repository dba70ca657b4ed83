"""What passes between a client and a stand-in, and the behaviours that bend it.

A behaviour is a function that gets the request and the ordinary handler, and returns the answer.
"""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request as it arrived; `at` is the monotonic time of its arrival in seconds."""

    operation: str
    method: str
    path: str
    #: The pieces of the path that the route names, e.g. the message id.
    parts: Mapping[str, str]
    query: Mapping[str, str]
    headers: Message
    body: bytes
    at: float

    def form(self) -> list[tuple[str, str]]:
        """Return the fields of a URL-encoded body in order; nothing for another content type."""
        if self.headers.get_content_type() != "application/x-www-form-urlencoded":
            return []
        return parse_qsl(self.body.decode(), keep_blank_values=True)

    def json(self) -> Any:
        """Return the parsed JSON body; raises `ValueError` when it is none."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back over the wire, and when."""

    status: int = 200
    #: An iterable is sent piece by piece in chunked encoding.
    body: bytes | Iterable[bytes] = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Seconds before the first byte.
    delay: float = 0.0
    #: Seconds before each piece of an iterable body.
    pause: float = 0.0
    #: Close the connection after `delay` without sending a byte.
    hang_up: bool = False


Handler = Callable[[Request], Answer]
Behaviour = Callable[[Request, Handler], Answer]


def json_answer(payload: object, status: int = 200, **headers: str) -> Answer:
    """Answer with `payload` as JSON; `retry_after="2"` becomes the header `retry-after: 2`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, body=json.dumps(payload).encode(), headers=named)


def always(answer: Answer) -> Behaviour:
    """Give this answer and leave the ordinary effect out."""
    return lambda _request, _proceed: answer


def late(seconds: float) -> Behaviour:
    """Take the request at once, with all its effects, and answer `seconds` later."""

    def behave(request: Request, proceed: Handler) -> Answer:
        answer = proceed(request)
        return replace(answer, delay=answer.delay + seconds)

    return behave


def stalled(seconds: float = 3600.0) -> Behaviour:
    """Do nothing for `seconds`, then close the connection: the request never took effect."""
    return always(Answer(delay=seconds, hang_up=True))


def dropped() -> Behaviour:
    """Close the connection at once: the request never took effect."""
    return always(Answer(hang_up=True))


def accepted_then_dropped() -> Behaviour:
    """Take the request with all its effects, then close the connection without an answer."""

    def behave(request: Request, proceed: Handler) -> Answer:
        return replace(proceed(request), hang_up=True)

    return behave


def held_until(event: threading.Event) -> Behaviour:
    """Take the request with all its effects, and answer when `event` is set (or after 30 s)."""

    def behave(request: Request, proceed: Handler) -> Answer:
        answer = proceed(request)
        event.wait(30)
        return answer

    return behave
