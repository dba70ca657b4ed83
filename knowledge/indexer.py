"""Brings the index up to date with the owner's folder, reading only what changed."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import DocumentError, StorageError
from knowledge.dense import DenseArm
from knowledge.documents import SourceFile, Unreadable, find_documents, read_document
from knowledge.generations import Generations
from knowledge.library import DamagedIndexError, Entry, Library

logger = logging.getLogger(__name__)

#: Called before each file is read: how many are done, of how many, and the file's name.
Progress = Callable[[int, int, str], None]


@dataclass(kw_only=True)
class IndexReport:
    """What an update found: names of files, and what the index holds after it."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    skipped: list[Unreadable] = field(default_factory=list)
    paragraphs: int = 0
    chunks: int = 0


class Indexer:
    """The index in `home` of the files in `documents`; any process may use one at any time."""

    def __init__(self, documents: Path, home: Path, arm: DenseArm) -> None:
        self._documents = documents
        self._generations = Generations(home)
        self._arm = arm

    def open(self) -> Library | None:
        """Open the current generation; None when there is none that can be used."""
        while folder := self._generations.current():
            try:
                return Library.open(folder, self._arm)
            except DamagedIndexError:
                # Unless another process has just put a newer one in its place.
                if self._generations.current() == folder:
                    return None
        return None

    def update(
        self, progress: Progress | None = None, *, from_scratch: bool = False
    ) -> IndexReport:
        """Make a generation that holds what the folder holds now, if the current one does not.

        Waits while another process builds. Raises `StorageError` when the index cannot be
        written and `VendorError` when the embeddings fail; the current one is then kept.
        """
        with self._generations.building():
            base = None if from_scratch else self.open()
            try:
                return self._update(base, progress)
            except DamagedIndexError:
                if base is None:
                    raise
                return self._update(None, progress)
            finally:
                if base is not None:
                    base.close()

    def refreshed(self, library: Library) -> Library | None:
        """Return a newer generation when the files changed since `library`, else None."""
        if not _same(list(find_documents(self._documents)), library.entries()):
            self.update()
        return self.open() if self._generations.current() != library.folder else None

    def _update(self, base: Library | None, progress: Progress | None) -> IndexReport:
        found = list(find_documents(self._documents))
        known = base.entries() if base else {}
        if base and _same(found, known):
            return _nothing_new(found, known, base)
        folder = self._generations.begin()
        if base:
            library = Library.copy(base.folder, folder, self._arm)
        else:
            library = Library.create(folder, self._arm)
        try:
            update = _Update(library, known)
            with library.filling():
                update.run(found, progress)
            update.report.paragraphs, update.report.chunks = library.counts()
        finally:
            library.close()
        self._publish(folder)
        return update.report

    def _publish(self, folder: Path) -> None:
        try:
            self._generations.publish(folder)
        except OSError as error:
            raise StorageError(f"the index cannot be published ({error.strerror})") from error


class _Update:
    """One pass over the folder, writing into a library what differs from what it knew."""

    def __init__(self, library: Library, known: dict[str, Entry]) -> None:
        self._library = library
        self._known = known
        self.report = IndexReport()

    def run(self, found: list[SourceFile | Unreadable], progress: Progress | None) -> None:
        present = {each.name for each in found}
        for name in sorted(set(self._known) - present):
            self._library.remove(name)
            if self._known[name].digest:
                self.report.removed.append(name)
        for done, each in enumerate(found):
            if progress:
                progress(done, len(found), each.name)
            if isinstance(each, Unreadable):
                self._leave_out(each, Entry(0, 0, problem=each.reason))
            else:
                self._take_in(each)
        if progress:
            progress(len(found), len(found), "")

    def _take_in(self, source: SourceFile) -> None:
        entry = self._known.get(source.name)
        if entry and (entry.size, entry.changed_ns) == (source.size, source.changed_ns):
            self._keep(source.name, entry)
            return
        try:
            document = read_document(source)
        except DocumentError as error:
            problem = Entry(source.size, source.changed_ns, problem=str(error))
            self._leave_out(Unreadable(source.name, str(error)), problem)
            return
        now = Entry(source.size, source.changed_ns, digest=document.digest)
        if entry and entry.digest == document.digest:
            self._library.note(source.name, now)
            self.report.unchanged.append(source.name)
            return
        self._library.put(document, now)
        was_read = entry is not None and entry.digest
        (self.report.changed if was_read else self.report.added).append(source.name)

    def _keep(self, name: str, entry: Entry) -> None:
        if entry.problem:
            self.report.skipped.append(Unreadable(name, entry.problem))
        else:
            self.report.unchanged.append(name)

    def _leave_out(self, file: Unreadable, entry: Entry) -> None:
        if self._known.get(file.name) != entry:
            logger.warning(
                "a document was left out",
                extra={
                    "action": "document_unreadable",
                    "document": file.name,
                    "reason": file.reason,
                },
            )
            self._library.remove(file.name)
            self._library.note(file.name, entry)
        self.report.skipped.append(file)


def _same(found: list[SourceFile | Unreadable], known: dict[str, Entry]) -> bool:
    """Tell from names, sizes and times alone whether nobody touched the folder."""
    if {each.name for each in found} != set(known):
        return False
    return all(_matches(each, known[each.name]) for each in found)


def _matches(file: SourceFile | Unreadable, entry: Entry) -> bool:
    if isinstance(file, Unreadable):
        return entry == Entry(0, 0, problem=file.reason)
    return (entry.size, entry.changed_ns) == (file.size, file.changed_ns)


def _nothing_new(
    found: list[SourceFile | Unreadable], known: dict[str, Entry], library: Library
) -> IndexReport:
    paragraphs, chunks = library.counts()
    skipped = [Unreadable(f.name, known[f.name].problem) for f in found if known[f.name].problem]
    unchanged = [f.name for f in found if not known[f.name].problem]
    return IndexReport(unchanged=unchanged, skipped=skipped, paragraphs=paragraphs, chunks=chunks)
