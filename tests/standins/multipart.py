"""Multipart bodies, taken apart byte for byte."""

from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser

from tests.standins.exchange import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One field of a multipart form; `file_name` is empty unless it is a file."""

    name: str
    file_name: str
    content_type: str
    data: bytes


def parts(request: Request) -> list[Part]:
    """Return the fields of a `multipart/form-data` body in order; nothing for another type."""
    boundary = request.headers.get_boundary()
    if not boundary:
        return []
    pieces = (b"\r\n" + request.body).split(b"\r\n--" + boundary.encode())
    # Before the first boundary stands nothing, after the last one "--".
    return [_part(piece) for piece in pieces[1:-1]]


def _part(piece: bytes) -> Part:
    head, _, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
    headers: Message = HeaderParser().parsestr(head.decode() + "\r\n\r\n")
    return Part(
        name=str(headers.get_param("name", "", "content-disposition")),
        file_name=headers.get_filename(""),
        content_type=headers.get_content_type(),
        data=data,
    )
