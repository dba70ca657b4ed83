"""The whole of the reading: a folder of files becomes passages that questions find."""

import asyncio
import contextlib
import gc
import logging
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from langchain_core.embeddings import Embeddings

from agent.adapters.offline_embeddings import OfflineEmbeddings
from agent.errors import StorageError, TemporaryError
from agent.tokens import query_words
from app import Application
from knowledge.dense import DenseArm
from knowledge.indexer import Indexer, IndexReport
from knowledge.ranking import fuse, shares_word
from knowledge.retriever import KnowledgeRetriever

BIOGRAPHY = """# Minha vida

## Nascimento

Nasci em 20 de julho de 1873, no sítio Cabangu, em Minas Gerais.

## O 14-bis

O primeiro voo do 14-bis foi em 23 de outubro de 1906, no campo de Bagatelle.

## Relógio

Pedi a Louis Cartier um relógio que se pudesse usar no pulso.
"""


class CountingEmbeddings(OfflineEmbeddings):
    """Embeddings that remember what they were asked for and can be made to fail."""

    def __init__(self) -> None:
        super().__init__(dimensions=32)
        self.embedded: list[str] = []
        self.failing = False

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Remember the texts, or fail as a vendor does."""
        if self.failing:
            raise TemporaryError("overloaded")
        self.embedded += texts
        return super().embed_documents(texts)


class SlowEmbeddings(CountingEmbeddings):
    """Embeddings that keep whoever builds an index waiting until they are let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self._asked = threading.Event()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Wait, at most ten seconds, and go on as usual."""
        self._asked.set()
        self.go_on.wait(10)
        return super().embed_documents(texts)

    async def asked(self) -> bool:
        """Tell whether a build has come to its first vectors; lets other tasks run."""
        await asyncio.sleep(0)
        return self._asked.is_set()

    def hold(self) -> None:
        """Keep the next build waiting, after one that was let go on."""
        self.go_on.clear()
        self._asked.clear()


class Clock:
    """A clock that stands still until it is told to move."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """Make a folder with one biography in it."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "biografia.md").write_text(BIOGRAPHY, encoding="utf-8")
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Name the folder of the index, which nobody has made yet."""
    return tmp_path / "data" / "knowledge"


Open = Callable[..., KnowledgeRetriever]


@pytest.fixture
async def opened(documents: Path, home: Path) -> AsyncIterator[Open]:
    """Make retrievers that are closed at the end."""
    made: list[KnowledgeRetriever] = []

    def make(
        embeddings: Embeddings | None = None, clock: Callable[[], float] | None = None, **more: str
    ) -> KnowledgeRetriever:
        retriever = KnowledgeRetriever(
            documents=documents,
            home=home,
            embeddings=embeddings or OfflineEmbeddings(),
            clock=clock or Clock(),
            **more,
        )
        made.append(retriever)
        return retriever

    yield make
    for retriever in made:
        await retriever.aclose()


def indexer(
    documents: Path, home: Path, embeddings: Embeddings | None = None, name: str = "offline"
) -> Indexer:
    """Make an indexer as `clone index` does."""
    return Indexer(documents, home, DenseArm(embeddings or OfflineEmbeddings(), name))


def contents(folder: Path) -> list[str]:
    """Return the names in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask until a condition holds, at most ten seconds; asking lets other tasks run."""
    async with asyncio.timeout(10):
        while not await condition():
            pass


@pytest.mark.parametrize(
    ("question", "section"),
    [
        ("quando foi o primeiro voo do 14-bis?", "Minha vida › O 14-bis"),
        ("primeiro voo do 14bis", "Minha vida › O 14-bis"),
        ("qdo vc nasceu", "Minha vida › Nascimento"),
        ("e o relojio de pulso?", "Minha vida › Relógio"),
        ("¿dónde está Cabangu?", "Minha vida › Nascimento"),
        ("tell me about Cartier", "Minha vida › Relógio"),
    ],
)
async def test_a_question_finds_its_paragraph_first(
    opened: Open, question: str, section: str
) -> None:
    """Whole words, chat language, typos and other languages lead to the right paragraph."""
    found = await opened().find(question, 4)

    assert found[0].section == section
    assert found[0].document == "biografia.md"
    assert found[0].text in BIOGRAPHY


SAMPLE = Path(__file__).parents[2] / "examples" / "santos_dumont" / "documents"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("quando foi o primeiro voo do 14-bis?", "23 de outubro de 1906"),
        ("qdo vc nasceu", "20 de julho de 1873"),
        ("quem fez seu relógio de pulso?", "Cartier"),
    ],
)
async def test_the_sample_answers_from_its_first_passage(
    tmp_path: Path, question: str, answer: str
) -> None:
    """What a newcomer asks the sample clone stands in the first passage that is found."""
    retriever = KnowledgeRetriever(
        documents=SAMPLE, home=tmp_path, embeddings=OfflineEmbeddings(), clock=Clock()
    )
    found = await retriever.find(question, 4)
    await retriever.aclose()

    assert answer in found[0].text


async def test_scores_are_ordered_shares(opened: Open) -> None:
    """Scores fall from the first passage to the last and stay between 0 and 1."""
    found = await opened().find("voo 14-bis outubro sítio relógio", 4)

    scores = [passage.score for passage in found]
    assert len(found) == 3
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert len({passage.id for passage in found}) == 3


@pytest.mark.parametrize("question", ["xyzzy blockchain", "quem é você?", "", "?!", '" OR "a'])
async def test_a_question_that_shares_no_word_finds_nothing(opened: Open, question: str) -> None:
    """Coincidences of letters, empty questions and query syntax find nothing and harm nothing."""
    assert await opened().find(question, 4) == []


async def test_a_long_question_is_searched(opened: Open) -> None:
    """A pasted story of thousands of words is answered like any question."""
    story = "Cartier " + " ".join(f"palavra{n}" for n in range(5000))

    assert (await opened().find(story, 1))[0].section == "Minha vida › Relógio"


async def test_no_documents_is_told_once(
    opened: Open, documents: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An empty folder, or none, finds nothing and leaves one warning in the log."""
    shutil.rmtree(documents)
    retriever = opened()

    assert await retriever.find("voo", 4) == []
    assert await retriever.is_empty()
    told = [r for r in caplog.records if getattr(r, "action", "") == "knowledge_empty"]
    assert [r.levelno for r in told] == [logging.WARNING]


async def test_changes_are_taken_in_beside_the_conversation(opened: Open, documents: Path) -> None:
    """A new file is known after the next look, which happens at most every 30 seconds."""
    clock = Clock()
    retriever = opened(clock=clock)
    assert await retriever.find("abacaxi", 4) == []
    (documents / "gostos.txt").write_text("Gosto de abacaxi.", encoding="utf-8")

    clock.now += 29
    assert await retriever.find("abacaxi", 4) == []
    clock.now += 2

    async def known() -> bool:
        return bool(await retriever.find("abacaxi", 4))

    await eventually(known)


async def test_a_new_process_knows_what_was_saved_before_it_started(
    opened: Open, documents: Path
) -> None:
    """The first question after a start is answered from the files as they are now."""
    await opened().find("voo", 1)
    (documents / "gostos.txt").write_text("Gosto de abacaxi.", encoding="utf-8")

    assert (await opened().find("abacaxi", 1))[0].document == "gostos.txt"


async def test_the_conversation_goes_on_while_an_update_fails(
    opened: Open, documents: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """When new files cannot be embedded the old index answers, and the log says so."""
    clock, embeddings = Clock(), CountingEmbeddings()
    retriever = opened(embeddings, clock)
    await retriever.find("voo", 1)
    embeddings.failing = True
    (documents / "gostos.txt").write_text("Gosto de abacaxi.", encoding="utf-8")
    clock.now += 31

    async def told() -> bool:
        assert (await retriever.find("voo", 1))[0].section == "Minha vida › O 14-bis"
        return any(getattr(r, "action", "") == "knowledge_update_failed" for r in caplog.records)

    await eventually(told)


async def test_a_vendor_that_fails_at_first_need_is_reported(opened: Open) -> None:
    """Without any index the failure goes up, and the next question tries again."""
    embeddings = CountingEmbeddings()
    embeddings.failing = True
    retriever = opened(embeddings, embeddings_id="paid:model")

    with pytest.raises(TemporaryError):
        await retriever.find("voo", 1)
    embeddings.failing = False

    assert await retriever.find("voo", 1)


async def test_many_questions_at_once_build_one_index(opened: Open, home: Path) -> None:
    """Concurrent first questions are all answered, from one generation."""
    embeddings = CountingEmbeddings()
    retriever = opened(embeddings)

    answers = await asyncio.gather(*(retriever.find("14-bis", 1) for _ in range(20)))

    assert all(found[0].section == "Minha vida › O 14-bis" for found in answers)
    assert len(embeddings.embedded) == 3
    assert (home / "current").read_text().strip() == "1"


async def cut_short(retriever: KnowledgeRetriever, questions: int) -> None:
    """Ask some questions in a row, each taken back by a deadline before it is answered."""
    for _ in range(questions):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.02):
                await retriever.find("voo", 1)


@pytest.mark.parametrize("damaged", [False, True], ids=["first index", "damaged index"])
async def test_a_long_build_starves_nobody(opened: Open, damaged: bool) -> None:
    """Questions cut by their deadlines share one build and leave the process its threads."""
    if damaged:
        # The search finds out: these vectors have other dimensions than those of SlowEmbeddings.
        await opened().find("voo", 1)
    embeddings = SlowEmbeddings()
    retriever = opened(embeddings)
    await cut_short(retriever, 8)

    try:
        async with asyncio.timeout(5):
            await asyncio.get_running_loop().run_in_executor(None, int)
    finally:
        embeddings.go_on.set()
    assert (await retriever.find("relógio", 1))[0].section == "Minha vida › Relógio"
    assert len(embeddings.embedded) == 3


async def test_many_questions_at_once_mend_one_index(opened: Open, home: Path) -> None:
    """Whoever meets the damage first mends it for all, and all are answered."""
    await opened().find("voo", 1)
    embeddings = CountingEmbeddings()
    retriever = opened(embeddings)

    answers = await asyncio.gather(*(retriever.find("14-bis", 1) for _ in range(20)))

    assert all(found[0].section == "Minha vida › O 14-bis" for found in answers)
    assert len(embeddings.embedded) == 3
    assert (home / "current").read_text().strip() == "2"


async def test_a_long_refresh_keeps_no_question_waiting(opened: Open, documents: Path) -> None:
    """While changes are being read the old generation answers, from a thread of its own."""
    clock, embeddings = Clock(), SlowEmbeddings()
    embeddings.go_on.set()
    retriever = opened(embeddings, clock)
    await retriever.find("voo", 1)
    embeddings.hold()
    (documents / "gostos.txt").write_text("Gosto de abacaxi.", encoding="utf-8")
    clock.now += 31
    await retriever.find("voo", 1)
    await eventually(embeddings.asked)

    try:
        async with asyncio.timeout(5):
            for _ in range(8):
                assert await retriever.find("voo", 1)
    finally:
        embeddings.go_on.set()
    assert len(embeddings.embedded) == 3


async def test_a_build_that_nobody_waits_for_tells_of_its_failure(
    opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """When every question has gone before the build fails, the log has the reason, and once."""
    embeddings = SlowEmbeddings()
    embeddings.failing = True
    retriever = opened(embeddings, embeddings_id="paid:model")
    await cut_short(retriever, 1)
    embeddings.go_on.set()

    async def told() -> bool:
        await asyncio.sleep(0)
        return any(getattr(r, "error", "") == "overloaded" for r in caplog.records)

    await eventually(told)
    await retriever.aclose()
    gc.collect()
    assert not [r for r in caplog.records if r.name == "asyncio"]


@pytest.mark.parametrize("refreshing", [False, True], ids=["first index", "refresh"])
async def test_closing_stops_a_build_at_the_next_file(
    opened: Open, documents: Path, home: Path, refreshing: bool
) -> None:
    """A stop waits for the file at hand only, keeps what was there, and can be followed by more."""
    clock, embeddings = Clock(), SlowEmbeddings()
    retriever = opened(embeddings, clock)
    if refreshing:
        embeddings.go_on.set()
        await retriever.find("voo", 1)
        embeddings.hold()
    # As long as it takes to be embedded before the next file is read.
    long = "\n\n".join(f"Parágrafo {n} sobre o abacaxi. {'Fruta. ' * 40}" for n in range(300))
    (documents / "longo.txt").write_text(long, encoding="utf-8")
    (documents / "ultimo.txt").write_text("Gosto de jabuticaba.", encoding="utf-8")
    clock.now += 31
    await cut_short(retriever, 1)
    await eventually(embeddings.asked)

    async def go_on() -> None:
        embeddings.go_on.set()

    await asyncio.gather(retriever.aclose(), go_on())

    assert any("Parágrafo" in text for text in embeddings.embedded)
    assert not any("jabuticaba" in text for text in embeddings.embedded)
    assert (home / "current").exists() is refreshing
    assert (await retriever.find("jabuticaba", 1))[0].document == "ultimo.txt"


async def test_a_closed_retriever_opens_again(opened: Open) -> None:
    """Closing lets go of the files; the next question finds them again."""
    retriever = opened()
    await retriever.find("voo", 1)
    await retriever.aclose()

    assert await retriever.find("voo", 1)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are seen in /proc")
async def test_the_application_closes_what_it_read(documents: Path, tmp_path: Path) -> None:
    """When the clone's life in a process ends, no file of the index is left open."""

    def open_files() -> list[str]:
        descriptors = Path("/proc/self/fd").iterdir()
        # The descriptor of the listing itself is gone by the time it is looked at.
        targets = [str(each.readlink()) for each in descriptors if each.is_symlink()]
        return [target for target in targets if target.startswith(str(tmp_path))]

    env = {"CLONE_DATA": str(tmp_path / "data"), "CLONE_DOCUMENTS": str(documents)}
    app = Application(env)
    async with app.clone(remember=False):
        assert await app.knowledge.find("voo", 1)
        assert open_files()

    assert open_files() == []


def damage_rows(generation: Path) -> None:
    """Overwrite the pages behind the header."""
    data = bytearray((generation / "knowledge.db").read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    (generation / "knowledge.db").write_bytes(data)


def damage_header(generation: Path) -> None:
    """Put something else in the place of the database."""
    (generation / "knowledge.db").write_bytes(b"not a database" * 500)


def damage_vectors(generation: Path) -> None:
    """Cut the file of vectors short."""
    data = (generation / "vectors.faiss").read_bytes()
    (generation / "vectors.faiss").write_bytes(data[: len(data) // 2])


def lose_rows(generation: Path) -> None:
    """Remove the database."""
    (generation / "knowledge.db").unlink()


def lose_vectors(generation: Path) -> None:
    """Remove the vectors."""
    (generation / "vectors.faiss").unlink()


def damage_pointer(generation: Path) -> None:
    """Let the pointer name nothing sensible."""
    (generation.parent / "current").write_bytes(b"\xff../..")


@pytest.mark.parametrize(
    "damage",
    [damage_rows, damage_header, damage_vectors, lose_rows, lose_vectors, damage_pointer],
)
async def test_a_damaged_index_is_mended(
    opened: Open, home: Path, damage: Callable[[Path], None]
) -> None:
    """Whatever happens to the files, the question is answered from a mended index."""
    first = opened()
    await first.find("voo", 1)
    await first.aclose()
    damage(home / "1")

    found = await opened().find("quando foi o voo do 14-bis?", 4)

    assert found[0].section == "Minha vida › O 14-bis"


async def test_another_embedding_model_means_another_index(opened: Open) -> None:
    """Vectors of two models are never mixed: the index is built anew for the other."""
    await opened().find("voo", 1)
    embeddings = CountingEmbeddings()

    assert await opened(embeddings, embeddings_id="paid:model").find("voo", 1)
    assert len(embeddings.embedded) == 3


async def test_a_trained_model_may_find_what_shares_no_word(opened: Open) -> None:
    """A near vector alone is enough when the model knows meaning."""
    retriever = opened(CountingEmbeddings(), embeddings_id="paid:model")

    assert await retriever.find("xyzzy", 4)


async def test_a_reader_of_an_old_generation_keeps_reading(
    opened: Open, documents: Path, home: Path
) -> None:
    """Another process may publish and remove generations under an open one."""
    retriever = opened()
    await retriever.find("voo", 1)
    (documents / "gostos.txt").write_text("Gosto de abacaxi.", encoding="utf-8")
    indexer(documents, home).update()

    assert contents(home) == ["2", "current", "lock"]
    assert (await retriever.find("relógio", 1))[0].section == "Minha vida › Relógio"
    assert await retriever.find("abacaxi", 1) == []


def names(report: IndexReport) -> dict[str, list[str]]:
    """Return the lists of a report that are not empty."""
    lists = {
        "added": report.added,
        "changed": report.changed,
        "removed": report.removed,
        "unchanged": report.unchanged,
        "skipped": [file.name for file in report.skipped],
    }
    return {key: value for key, value in lists.items() if value}


def test_an_update_reads_only_what_changed(documents: Path, home: Path) -> None:
    """Added, changed, removed and unchanged files are told apart, and only new text is embedded."""
    embeddings = CountingEmbeddings()
    folder = indexer(documents, home, embeddings)
    assert names(folder.update()) == {"added": ["biografia.md"]}
    (documents / "a.txt").write_text("Gosto de abacaxi.", encoding="utf-8")
    (documents / "foto.jpg").write_bytes(b"\xff\xd8")
    report = folder.update()
    assert names(report) == {
        "added": ["a.txt"],
        "unchanged": ["biografia.md"],
        "skipped": ["foto.jpg"],
    }
    assert (report.paragraphs, report.chunks) == (4, 4)
    assert len(embeddings.embedded) == 4

    (documents / "a.txt").write_text("Gosto de jabuticaba.", encoding="utf-8")
    (documents / "biografia.md").touch()
    report = folder.update()
    assert names(report) == {
        "changed": ["a.txt"],
        "unchanged": ["biografia.md"],
        "skipped": ["foto.jpg"],
    }
    assert len(embeddings.embedded) == 5

    (documents / "a.txt").unlink()
    (documents / "foto.jpg").unlink()
    assert names(folder.update()) == {"removed": ["a.txt"], "unchanged": ["biografia.md"]}
    assert len(embeddings.embedded) == 5


def test_an_update_without_changes_writes_nothing(documents: Path, home: Path) -> None:
    """An untouched folder is recognised from its listing, and no generation is made."""
    (documents / "foto.jpg").write_bytes(b"\xff\xd8")
    first = indexer(documents, home).update()
    second = indexer(documents, home).update()

    assert (home / "current").read_text() == "1\n"
    assert names(second) == {"unchanged": ["biografia.md"], "skipped": ["foto.jpg"]}
    assert (second.paragraphs, second.chunks) == (first.paragraphs, first.chunks)


def test_a_file_that_cannot_be_read_stops_no_other(
    documents: Path, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is named once in the log with the reason, and read as soon as it is mended."""
    (documents / "vazio.txt").touch()
    folder = indexer(documents, home)
    reports = [folder.update(), folder.update()]

    assert names(reports[0]) == {"added": ["biografia.md"], "skipped": ["vazio.txt"]}
    assert names(reports[1]) == {"unchanged": ["biografia.md"], "skipped": ["vazio.txt"]}
    left_out = [r for r in caplog.records if getattr(r, "action", "") == "document_unreadable"]
    assert [(r.__dict__["document"], r.__dict__["reason"]) for r in left_out] == [
        ("vazio.txt", "is empty")
    ]

    (documents / "vazio.txt").write_text("Agora não.", encoding="utf-8")
    assert names(folder.update())["added"] == ["vazio.txt"]


def test_progress_names_each_file(documents: Path, home: Path) -> None:
    """The caller hears of each file before it is read, and of the end."""
    (documents / "z.txt").write_text("Zebra.", encoding="utf-8")
    heard: list[tuple[int, int, str]] = []

    indexer(documents, home).update(lambda *told: heard.append(told))

    assert heard == [(0, 2, "biografia.md"), (1, 2, "z.txt"), (2, 2, "")]


def test_paid_vectors_are_made_once(documents: Path, home: Path) -> None:
    """A lost file of vectors is written again from the rows, without asking the vendor."""
    embeddings = CountingEmbeddings()
    folder = indexer(documents, home, embeddings, "paid:model")
    folder.update()
    (home / "1" / "vectors.faiss").unlink()
    library = folder.open()
    assert library is not None
    found = library.search("voo", embeddings.embed_query("voo"), 1)
    library.close()

    assert found[0].section == "Minha vida › O 14-bis"
    assert len(embeddings.embedded) == 3


def test_offline_vectors_are_not_stored(documents: Path, home: Path) -> None:
    """Vectors that cost nothing stand in no row."""
    indexer(documents, home).update()
    connection = sqlite3.connect(home / "1" / "knowledge.db")
    stored = connection.execute("SELECT count(embedding) FROM chunk").fetchone()
    connection.close()

    assert stored == (0,)


def test_removed_text_leaves_no_trace(documents: Path, home: Path) -> None:
    """What the owner removes is in no file of the index any more, not even as a token."""
    (documents / "segredo.txt").write_text("O jacarandá floresceu.", encoding="utf-8")
    folder = indexer(documents, home)
    folder.update()
    (documents / "segredo.txt").unlink()
    folder.update()

    kept = b"".join(p.read_bytes() for p in home.rglob("*") if p.is_file())
    assert b"jacarand" not in kept
    assert b"acaran" not in kept


def test_builders_take_turns(documents: Path, home: Path) -> None:
    """Many updates at the same moment leave one generation, made by one of them."""
    start = threading.Barrier(6)

    def build(_: int) -> IndexReport:
        start.wait()
        return indexer(documents, home).update()

    with ThreadPoolExecutor(max_workers=6) as pool:
        reports = list(pool.map(build, range(6)))

    assert sorted(names(r).get("added", []) for r in reports) == [[]] * 5 + [["biografia.md"]]
    assert contents(home) == ["1", "current", "lock"]


def test_a_build_that_fails_leaves_the_old_index(documents: Path, home: Path) -> None:
    """A failing vendor costs nothing of what is there, and its leavings go with the next build."""
    embeddings = CountingEmbeddings()
    folder = indexer(documents, home, embeddings)
    folder.update()
    (documents / "a.txt").write_text("Gosto de abacaxi.", encoding="utf-8")
    embeddings.failing = True
    with pytest.raises(TemporaryError):
        folder.update()
    assert (home / "current").read_text() == "1\n"
    embeddings.failing = False

    assert names(folder.update())["added"] == ["a.txt"]
    assert contents(home) == ["2", "current", "lock"]


def test_a_home_that_cannot_be_written_is_explained(documents: Path, tmp_path: Path) -> None:
    """The error names the folder and the setting."""
    (tmp_path / "file").touch()

    with pytest.raises(StorageError, match="CLONE_DATA"):
        indexer(documents, tmp_path / "file" / "knowledge").update()


def test_the_index_is_private(documents: Path, home: Path) -> None:
    """Nobody but the user may look into the index."""
    indexer(documents, home).update()

    assert all(p.stat().st_mode & 0o077 == 0 for p in (home, home / "1", home / "1/knowledge.db"))


def test_offline_vectors_are_the_same_in_every_process() -> None:
    """Another process with another hash seed makes the same vector."""
    code = (
        "from agent.adapters.offline_embeddings import OfflineEmbeddings as E;"
        "print(E().embed_documents(['O voo do 14-bis, em Paris.']))"
    )
    run = [sys.executable, "-c", code]
    made = {
        subprocess.run(run, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True).stdout
        for seed in ("1", "2")
    }

    assert len(made) == 1
    assert made == {
        f"{OfflineEmbeddings().embed_documents(['O voo do 14-bis, em Paris.'])}\n".encode()
    }


def test_a_weak_arm_cannot_overturn_a_sure_one() -> None:
    """Fused scores follow the weights, and a score that one arm lacks counts as nothing."""
    fused = fuse({1: 9.0, 2: 3.0}, {2: 0.4, 3: 0.3}, 0.1)

    assert list(fused) == [1, 2, 3]
    assert fused == pytest.approx({1: 0.9, 2: 0.1 + 0.3, 3: 0.0})


@pytest.mark.parametrize(
    ("query", "text", "shared"),
    [
        ("voava", "eu voei", False),
        ("voava", "ele voaria", True),
        ("nasceu", "nasci", True),
        ("relojio", "relógio", True),
        ("documento", "um testamento", False),
        ("rio", "o armário", False),
        ("1906", "em 1901", False),
    ],
)
def test_relatives_count_as_shared_words(query: str, text: str, shared: bool) -> None:
    """Inflections and typos are the same word, words that only end alike are not."""
    assert shares_word(query_words(query), text) is shared
