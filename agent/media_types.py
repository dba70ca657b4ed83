"""What kind of file some bytes are, told by the bytes alone."""

import re

# How a file begins, what must be further on in it, and what it is then. A container of sound and
# pictures is told from one of sound alone by the marks of its tracks.
_KINDS = tuple(
    (re.compile(opening, re.DOTALL), re.compile(mark, re.DOTALL), content_type)
    for opening, mark, content_type in (
        # A page of Ogg names its codec right behind the header of 28 bytes.
        (rb"OggS.{24}(?:OpusHead|\x01vorbis|Speex   |\x7fFLAC)", rb"", "audio/ogg"),
        (rb"OggS.{24}\x80theora", rb"", "video/ogg"),
        (rb"ID3", rb"", "audio/mpeg"),
        (rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb][\x00-\xef]", rb"", "audio/mpeg"),
        (rb"\xff[\xf0\xf1\xf8\xf9]", rb"", "audio/aac"),
        (rb"#!AMR\n", rb"", "audio/amr"),
        (rb"#!AMR-WB\n", rb"", "audio/amr-wb"),
        (rb"RIFF.{4}WAVE", rb"", "audio/wav"),
        (rb"fLaC", rb"", "audio/flac"),
        (rb".{4}ftypM4[AB]", rb"", "audio/mp4"),
        (rb".{4}ftyp3g", rb"hdlr.{8}vide", "video/3gpp"),
        (rb".{4}ftyp3g", rb"hdlr.{8}soun", "audio/3gpp"),
        (rb".{4}ftyp", rb"hdlr.{8}vide", "video/mp4"),
        (rb".{4}ftyp", rb"hdlr.{8}soun", "audio/mp4"),
        (rb".{4}ftyp(?:hei[cx]|mif1)", rb"", "image/heic"),
        (rb"\x1aE\xdf\xa3.{1,64}webm", rb"V_(?:VP[89]|AV1)", "video/webm"),
        (rb"\x1aE\xdf\xa3.{1,64}webm", rb"A_(?:OPUS|VORBIS)", "audio/webm"),
        (rb"\xff\xd8\xff", rb"", "image/jpeg"),
        (rb"\x89PNG\r\n\x1a\n", rb"", "image/png"),
        (rb"RIFF.{4}WEBP", rb"", "image/webp"),
        (rb"GIF8[79]a", rb"", "image/gif"),
        (rb"%PDF-", rb"", "application/pdf"),
    )
)


def type_of(data: bytes) -> str | None:
    """Return the media type that the bytes themselves show, or None for no known kind."""
    for opening, mark, content_type in _KINDS:
        if opening.match(data) and mark.search(data):
            return content_type
    return None
