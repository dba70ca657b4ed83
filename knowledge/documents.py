"""The owner's files: which there are, and what each says as plain text."""

import codecs
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.errors import DocumentError
from agent.text import clean
from knowledge.markdown import read_markdown, strip_comments
from knowledge.private import split_front_matter, without_private_blocks
from knowledge.sections import Section

#: Changes whenever a reader would make other text of the same file.
READERS_VERSION = 1

_LARGEST_BYTES = 20_000_000
_MARKS = (
    # UTF-32 first: its mark begins with that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (codecs.BOM_UTF8, "utf-8-sig"),
)
_CONTROL_BYTES = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that may be read, as the folder shows it; equal while nobody touches it."""

    #: Path inside the documents folder, with forward slashes.
    name: str
    path: Path
    size: int
    #: Time of the last change of content or permissions.
    changed_ns: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is left out, and why, in words for the owner."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Document:
    """What a file says; `digest` is the SHA-256 of its bytes."""

    name: str
    digest: str
    sections: tuple[Section, ...]


def find_documents(folder: Path) -> Iterator[SourceFile | Unreadable]:
    """Yield the files below `folder` in order of name; a missing folder has none.

    Hidden files and the folder's own README.md are nobody's knowledge and pass unmentioned.
    """
    root = folder.resolve()
    closed: list[OSError] = []
    for directory, folders, files in os.walk(root, onerror=closed.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for each in sorted([*files, *(n for n in folders if (Path(directory) / n).is_symlink())]):
            path = Path(directory) / each
            name = path.relative_to(root).as_posix()
            if not each.startswith(".") and name.lower() != "readme.md":
                yield _examine(name, path, root)
    for error in closed:
        if Path(error.filename) != root:
            name = Path(error.filename).relative_to(root).as_posix()
            yield Unreadable(name, f"cannot be opened ({error.strerror})")


def read_document(source: SourceFile) -> Document:
    """Read one file without its private parts; raises `DocumentError` with the reason."""
    try:
        data = source.path.read_bytes()
    except OSError as error:
        raise DocumentError(f"cannot be opened ({error.strerror})") from error
    if not data:
        raise DocumentError("is empty")
    sections = READERS[source.path.suffix.lower()](data)
    if not any(section.text.strip() for section in sections):
        raise DocumentError("holds no text that may be told")
    return Document(source.name, hashlib.sha256(data).hexdigest(), sections)


def _examine(name: str, path: Path, root: Path) -> SourceFile | Unreadable:
    try:
        if not path.resolve(strict=True).is_relative_to(root):
            return Unreadable(name, "is a link that leads outside the documents folder; copy it in")
        if path.is_dir():
            return Unreadable(name, "is a link to a folder; the folder itself is read")
        if not path.is_file():
            return Unreadable(name, "is not a regular file")
        state = path.stat()
    except OSError as error:
        return Unreadable(name, f"cannot be opened ({error.strerror})")
    if path.suffix.lower() not in READERS:
        known = ", ".join(sorted(READERS))
        return Unreadable(name, f"has an ending that is not read; save it as one of {known}")
    if state.st_size > _LARGEST_BYTES:
        return Unreadable(name, f"is larger than {_LARGEST_BYTES // 1_000_000} MB; split it")
    # A file that could not be opened may be mended by its permissions alone, which mtime ignores.
    changed_ns = max(state.st_mtime_ns, state.st_ctime_ns)
    return SourceFile(name, path, state.st_size, changed_ns)


def _read_text(data: bytes) -> tuple[Section, ...]:
    return (Section("", _public(_decode(data))),)


def _read_markdown(data: bytes) -> tuple[Section, ...]:
    return read_markdown(_public(strip_comments(_decode(data))))


def _public(text: str) -> str:
    private, body = split_front_matter(text)
    if private:
        raise DocumentError("is marked private")
    return without_private_blocks(body)


def _decode(data: bytes) -> str:
    """Return the cleaned text of a file: Unicode by its mark or its form, else Windows-1252."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return clean(data.decode(encoding))
            except UnicodeDecodeError as error:
                raise DocumentError("is damaged Unicode text; save it again as UTF-8") from error
    if b"\x00" in data:
        raise DocumentError("is not text; if it is, save it as UTF-8")
    try:
        return clean(data.decode("utf-8"))
    except UnicodeDecodeError:
        pass
    if len(_CONTROL_BYTES.findall(data)) * 100 > len(data):
        raise DocumentError("is not text; if it is, save it as UTF-8")
    try:
        return clean(data.decode("cp1252"))
    except UnicodeDecodeError:
        return clean(data.decode("latin-1"))


#: Ending of a file name to the reader of its bytes; a reader raises `DocumentError`.
READERS: Mapping[str, Callable[[bytes], tuple[Section, ...]]] = {
    ".md": _read_markdown,
    ".txt": _read_text,
}
