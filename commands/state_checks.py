"""What `clone doctor` looks at in the data: documents, index, data folder, databases."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.settings import SAMPLE
from commands.finding import Finding, broken, doubtful, fine
from commands.wording import counted, some
from knowledge.documents import SourceFile, Unreadable

if TYPE_CHECKING:
    from knowledge.library import Entry

_SCARCE_BYTES = 200_000_000

Found = Sequence[SourceFile | Unreadable]


def check_documents(folder: Path, found: Found) -> Iterator[Finding]:
    """Tell what there is to read."""
    files = sum(isinstance(each, SourceFile) for each in found)
    if folder == SAMPLE / "documents":
        told = "The clone answers from the sample's documents: documents/ is empty."
        yield doubtful("documents", told, "put your biography and other texts into documents/")
    elif not files:
        told = f"There is nothing to read in {folder}: the clone can tell nothing about you."
        yield doubtful("documents", told, "put a biography there, or set CLONE_DOCUMENTS")
    else:
        yield fine("documents", f"{counted(files, 'file')} to read in {folder}.")


def check_index(
    found: Found, entries: "Mapping[str, Entry] | None", passages: int
) -> Iterator[Finding]:
    """Tell whether the index holds what the folder holds; no `entries`: there is none."""
    unreadable = {each.name: each.reason for each in found if isinstance(each, Unreadable)}
    if entries is None:
        if len(unreadable) < len(found):
            told = "There is no index yet, or it was made with other settings."
            yield doubtful("index", told, "it is made at the first question; or run `clone index`")
    else:
        unreadable = {name: e.problem for name, e in entries.items() if e.problem} | unreadable
        different = _changed(found, entries)
        documents = sum(not entry.problem for entry in entries.values())
        told = f"{counted(documents, 'document')} and {counted(passages, 'passage')}"
        if different:
            told = f"{counted(different, 'file')} changed since it was made; it holds {told}."
            remedy = "it is brought up to date at the next question; or run `clone index`"
            yield doubtful("index", told, remedy)
        else:
            yield fine("index", f"Up to date: {told}.")
    if unreadable:
        reasons = [f"{name} ({reason})" for name, reason in sorted(unreadable.items())]
        told = f"{counted(len(reasons), 'file')} cannot be read: {some(reasons)}."
        yield doubtful("index", told, "mend or remove them; `clone index` names them all")


def _changed(found: Found, entries: "Mapping[str, Entry]") -> int:
    """Count the files that were added, touched or removed since the index was made."""
    names = {each.name for each in found}
    touched = sum(
        (entries[each.name].size, entries[each.name].changed_ns) != (each.size, each.changed_ns)
        for each in found
        if isinstance(each, SourceFile) and each.name in entries
    )
    return len(names ^ entries.keys()) + touched


def check_data_folder(folder: Path) -> Iterator[Finding]:
    """Tell whether the state can be written, and whether there is room for it."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    remedy = "let this user write there, or set CLONE_DATA to another folder"
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield broken("data folder", f"{folder} cannot be written.", remedy)
        return
    if there == folder:
        try:
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            yield broken("data folder", f"{folder} cannot be written: {error.strerror}.", remedy)
            return
    free = shutil.disk_usage(there).free
    if free < _SCARCE_BYTES:
        told = f"The disk of {folder} has {free // 1_000_000} MB left."
        yield doubtful("data folder", told, "make room: a full disk refuses messages")
    else:
        yield fine("data folder", f"{folder} can be written.")


def check_databases(
    folder: Path, inspect: Callable[[Path], sqlite3.Connection], queries: Any
) -> Iterator[Finding]:
    """Tell whether each database is whole; raises `StorageError` for one that cannot be opened."""
    files = sorted(folder.glob("*.db"))
    for path in files:
        connection = inspect(path)
        try:
            problem = queries.integrity(connection)
        except sqlite3.DatabaseError as error:
            problem = str(error)
        finally:
            connection.close()
        if problem == "ok":
            told = f"{path.name} is whole (SQLite {sqlite3.sqlite_version})."
            yield fine("database", told)
        else:
            told = f"{path.name} is damaged: {problem}."
            yield broken("database", told, f"stop the clone and restore a backup of {path}")
    if not files:
        yield fine("database", "There are no conversations yet; the first message makes it.")
