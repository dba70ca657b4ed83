"""The commands at a terminal: what they do, what they say, and how they end."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from agent.errors import TemporaryError
from agent.messages import Reply, Turn
from app import Application
from commands import COMMANDS
from prompts.persona import load_persona
from tests.sources import ROOT
from tests.terminal import Terminal, complaint

BIOGRAPHY = """# Ana Souza

## Infância

Ana Souza nasceu em Olinda, em 3 de maio de 1971, filha de uma costureira.

## Trabalho

Ana Souza fundou a livraria Maré em 1998, na rua do Sol, em Recife.
"""


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A terminal with an empty folder of documents and no persona yet."""
    return Terminal(tmp_path)


@pytest.fixture
def own(terminal: Terminal) -> Terminal:
    """A terminal whose clone is Ana's and has read her biography."""
    terminal.init()
    terminal.write("biografia.md", BIOGRAPHY)
    return terminal


class TestInit:
    def test_the_answers_become_the_persona_file(self, terminal: Terminal) -> None:
        """What the owner types at the four questions is what the persona file says."""
        typed = "Ana Souza\nen, es\nCalm and \"dry\".\nHi, it's Ana's clone!\n"
        result = terminal.run("init", typed=typed)

        persona = load_persona(terminal.persona)
        assert result.exit_code == 0
        assert (persona.name, persona.languages) == ("Ana Souza", ("en", "es"))
        assert persona.tone == 'Calm and "dry".'
        assert persona.shortcuts["hello"] == "Hi, it's Ana's clone!"

    def test_enter_takes_the_suggestions(self, terminal: Terminal) -> None:
        """Only the name has to be typed; the suggested greeting holds it and says it is an AI."""
        result = terminal.run("init", typed="Ana Souza\n\n\n\n")

        persona = load_persona(terminal.persona)
        assert result.exit_code == 0
        assert persona.languages == ("pt", "en")
        assert "clone de IA de Ana Souza" in persona.shortcuts["oi"]

    def test_a_wrong_answer_is_asked_for_again(self, terminal: Terminal) -> None:
        """A language that is not known is named, and the question is put once more."""
        result = terminal.run("init", typed="Ana\nfr\nes\n\n\n")

        assert "use some of pt, en, es" in result.output
        assert load_persona(terminal.persona).languages == ("es",)

    def test_flags_ask_nothing(self, terminal: Terminal) -> None:
        """With --yes and flags a script writes the file without a question."""
        flags = ["--languages", "pt", "--tone", "Calma.", "--greeting", "Oi, pergunte!"]
        result = terminal.run("init", "--yes", "--name", "Ana", *flags)

        assert result.exit_code == 0
        assert load_persona(terminal.persona).shortcuts == {"oi": "Oi, pergunte!"}

    def test_a_given_flag_is_not_asked_for(self, terminal: Terminal) -> None:
        """Without --yes only what no flag says is asked."""
        result = terminal.run("init", "--name", "Ana", "--languages", "pt", typed="Calma.\nOi!\n")

        assert result.exit_code == 0
        assert load_persona(terminal.persona).tone == "Calma."

    def test_it_says_what_to_do_next(self, terminal: Terminal) -> None:
        """The end names the documents folder, the doctor and the way to run the clone."""
        told = terminal.run("init", "--yes", "--name", "Ana").output

        assert all(word in told for word in (str(terminal.documents), "clone doctor", "make run"))

    def test_a_file_that_is_there_is_kept(self, own: Terminal) -> None:
        """Nothing is written over, and nothing is asked, without --force."""
        result = own.run("init", "--yes", "--name", "Eva")

        assert result.exit_code == 1
        assert "--force" in complaint(result)
        assert load_persona(own.persona).name == "Ana Souza"

    def test_force_replaces_it(self, own: Terminal) -> None:
        """With --force the new answers take the place of the old file."""
        assert own.run("init", "--yes", "--force", "--name", "Eva").exit_code == 0
        assert load_persona(own.persona).name == "Eva"

    @pytest.mark.parametrize(
        ("flags", "told"),
        [
            ([], "--name"),
            (["--name", " "], "blank"),
            (["--name", "Ana", "--languages", "pt,fr"], "pt, en, es"),
            (["--name", "Ana", "--tone", ""], "blank"),
        ],
    )
    def test_wrong_flags_are_wrong_usage(
        self, terminal: Terminal, flags: list[str], told: str
    ) -> None:
        """A flag that is missing or wrong is named, with exit code 2 and nothing written."""
        result = terminal.run("init", "--yes", *flags)

        assert result.exit_code == 2
        assert told in result.stderr
        assert not terminal.persona.exists()

    def test_a_folder_that_cannot_be_written_is_named(self, terminal: Terminal) -> None:
        """A path that cannot be written ends in one line that holds it."""
        terminal.env["CLONE_PERSONA"] = str(terminal.documents / "file" / "persona.toml")
        terminal.write("file", "not a folder")
        result = terminal.run("init", "--yes", "--name", "Ana")

        assert result.exit_code == 1
        assert "file/persona.toml" in complaint(result)


class TestIndex:
    def test_it_tells_what_became_of_each_file(self, own: Terminal) -> None:
        """The summary counts and names what was added, changed, removed, unchanged, skipped."""
        own.write("livro.txt", "Ana Souza escreveu um livro sobre o mar em 2010.")
        own.write("velho.txt", "Ana Souza morou em Natal em 1990.")
        first = own.run("index")
        own.write("livro.txt", "Ana Souza escreveu um livro sobre o mar e os barcos em 2011.")
        (own.documents / "velho.txt").unlink()
        (own.documents / "foto.png").write_bytes(b"\x89PNG")
        second = own.run("index")

        assert first.exit_code == second.exit_code == 0
        assert _row(first.stdout, "added") == "added 3 biografia.md, livro.txt, velho.txt"
        assert _row(second.stdout, "changed") == "changed 1 livro.txt"
        assert _row(second.stdout, "removed") == "removed 1 velho.txt"
        assert _row(second.stdout, "unchanged") == "unchanged 1 biografia.md"
        assert _row(second.stdout, "skipped") == "skipped 1"
        assert "foto.png: has an ending that is not read" in second.stdout
        assert "The clone answers from 3 passages." in second.stdout

    def test_only_the_first_names_are_shown(self, own: Terminal) -> None:
        """Many files of a kind are counted, and named in full with --all."""
        for number in range(7):
            own.write(f"nota{number}.txt", f"Ana Souza viajou {number} vezes a Lisboa.")
        short, long = own.run("index"), own.run("index", "--from-scratch", "--all")

        assert _row(short.stdout, "added").endswith("nota3.txt and 3 more")
        assert "nota6.txt" not in short.stdout
        assert _row(long.stdout, "added").endswith("nota6.txt")

    def test_nothing_readable_is_a_failure(self, terminal: Terminal) -> None:
        """A folder of which nothing can be read ends with exit code 1 and the reasons."""
        (terminal.documents / "foto.png").write_bytes(b"\x89PNG")
        result = terminal.run("index")

        assert result.exit_code == 1
        assert "foto.png" in result.stdout
        assert "no file could be read" in complaint(result)

    def test_an_empty_folder_is_no_failure(self, terminal: Terminal) -> None:
        """With nothing there yet, the command says so and ends well."""
        result = terminal.run("index")

        assert result.exit_code == 0
        assert "nothing to read yet" in result.stdout

    def test_a_data_folder_that_cannot_be_made_is_wrong_setup(self, own: Terminal) -> None:
        """Where the index cannot be written, one line names the folder; exit code 2."""
        own.env["CLONE_DATA"] = str(own.documents / "biografia.md")
        result = own.run("index")

        assert result.exit_code == 2
        assert "CLONE_DATA" in complaint(result)


class TestAsk:
    def test_the_answer_stands_alone_on_standard_output(self, own: Terminal) -> None:
        """The answer comes from the documents, whose names go to standard error."""
        result = own.run("ask", "Em que ano Ana Souza fundou a livraria?")

        assert result.exit_code == 0
        assert "1998" in result.stdout
        assert "biografia.md" not in result.stdout
        assert "biografia.md" in result.stderr

    def test_json_holds_what_a_script_needs(self, own: Terminal) -> None:
        """With --json text, sources, route, seconds and model can be parsed."""
        told = json.loads(own.run("ask", "--json", "Onde nasceu Ana Souza?").stdout)

        assert "Olinda" in told["text"]
        assert told["route"]
        assert told["seconds"] >= 0
        assert isinstance(told["model"], str)
        source = told["sources"][0]
        assert source["document"] == "biografia.md"
        assert "Olinda" in source["excerpt"]
        assert 0 < source["score"] <= 1

    def test_nothing_is_remembered(self, own: Terminal) -> None:
        """A question at the terminal leaves no conversation behind."""
        own.run("ask", "Onde nasceu Ana Souza?")

        assert not list(own.data.glob("*.db"))

    def test_an_empty_question_is_wrong_usage(self, own: Terminal) -> None:
        """There is nothing to answer: exit code 2."""
        assert own.run("ask", "  ").exit_code == 2

    def test_a_model_without_its_key_is_wrong_setup(self, own: Terminal) -> None:
        """One line names the setting; exit code 2 and no trace."""
        own.env["CLONE_MODEL"] = "openai:gpt-6-luna"
        result = own.run("ask", "Oi")

        assert result.exit_code == 2
        assert "OPENAI_API_KEY" in complaint(result)

    def test_a_model_that_fails_is_a_failure(self, own: Terminal) -> None:
        """A vendor that does not answer ends in one line; exit code 1 and no trace."""
        result = own.run("ask", "Oi", app=_Silent(own.env))

        assert result.exit_code == 1
        assert complaint(result) == "clone: the model did not answer"


class TestChat:
    def test_a_conversation_goes_on_until_an_empty_line(self, own: Terminal) -> None:
        """Each line gets an answer with its route, and what was said before is remembered."""
        result = own.run("chat", typed="Onde nasceu Ana Souza?\nobrigado\n\nnever read\n")

        assert result.exit_code == 0
        assert "Olinda" in result.stdout
        assert "biografia.md" in result.stdout
        assert result.stdout.count("Ana Souza: ") == 2
        assert not list(own.data.glob("*.db"))

    def test_the_end_of_the_input_ends_it(self, own: Terminal) -> None:
        """Ctrl-D is no error."""
        assert own.run("chat").exit_code == 0

    def test_a_failed_answer_does_not_end_it(self, own: Terminal) -> None:
        """After an answer that failed the next line is read."""
        result = own.run("chat", typed="um\ndois\n\n", app=_Silent(own.env))

        assert result.exit_code == 0
        assert result.stderr.count("(no answer: the model did not answer)") == 2

    def test_an_interrupt_stops_the_answer_only(self, own: Terminal) -> None:
        """Ctrl-C while the clone thinks gives the prompt back; the conversation goes on."""
        result = own.run("chat", typed="um\ndois\n\n", app=_Interrupted(own.env))

        assert result.exit_code == 0
        assert result.stderr.count("(stopped)") == 2


class TestServe:
    def test_a_busy_port_is_one_line(self, own: Terminal) -> None:
        """Where another program listens, the command says so and names the way out."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            own.env["PORT"] = str(taken.getsockname()[1])
            process = _serve(own)
            _, told = process.communicate(timeout=30)

        assert process.returncode == 1
        assert told.count("\n") == 1
        assert "PORT=" in told

    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
    def test_it_prints_the_address_and_leaves_when_told(self, own: Terminal, host: str) -> None:
        """The address stands on the first line; SIGTERM ends the server well."""
        own.env |= {"PORT": "0", "CLONE_HOST": host}
        process = _serve(own)
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=30)

        assert first.startswith(f"The clone of Ana Souza runs on http://{host}:")
        assert "sample" not in rest
        assert process.returncode == 0

    def test_the_sample_says_that_it_is_one(self, own: Terminal) -> None:
        """While the persona is the sample's, a second line says how to make it one's own."""
        own.env |= {"PORT": "0", "CLONE_PERSONA": str(ROOT / "examples/santos_dumont/persona.toml")}
        process = _serve(own)
        assert process.stdout is not None
        told = [process.stdout.readline(), process.stdout.readline()]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)

        assert "clone init" in told[1]

    def test_a_stop_while_it_starts_reaches_the_worker(self, own: Terminal) -> None:
        """SIGTERM before the address is told ends a worker of an earlier run as well."""
        own.env |= {"PORT": "0"}
        app = _StoppedAtStart(own.env)
        with _sigterm_restored():
            result = own.run("serve", app=app)

        assert result.exit_code == 0
        assert "runs on" not in result.stdout
        assert app.worker_stopped

    def test_a_stop_that_wakes_nobody_is_heard(self, own: Terminal) -> None:
        """SIGTERM taken by another thread ends a server that sleeps, well before its next look."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        own.env |= {"PORT": str(port)}
        stopper = threading.Thread(target=_stop_from_beside, args=(port,))
        stopper.start()
        began = time.monotonic()
        with _sigterm_restored():
            result = own.run("serve")
        stopper.join()

        assert result.exit_code == 0
        assert time.monotonic() - began < 20, "it left only when its sleep was over"


class TestOthers:
    def test_graph_prints_a_diagram(self, own: Terminal) -> None:
        """The route of a turn comes as Mermaid's text."""
        result = own.run("graph")

        assert result.exit_code == 0
        assert "graph TD" in result.stdout
        assert "understand" in result.stdout

    def test_migrate_makes_the_tables(self, own: Terminal) -> None:
        """The database is there afterwards, and a second time changes nothing."""
        assert own.run("migrate").exit_code == own.run("migrate").exit_code == 0
        assert (own.data / "clone.db").exists()

    def test_a_file_that_is_no_database_is_wrong_setup(self, own: Terminal) -> None:
        """One line names the file; exit code 2 and no trace."""
        own.data.mkdir()
        (own.data / "clone.db").write_text("not a database, and long enough to be read as one")
        result = own.run("migrate")

        assert result.exit_code == 2
        assert "clone.db" in complaint(result)

    def test_a_second_worker_leaves_at_once(self, own: Terminal) -> None:
        """Where a worker serves the folder already, another one says so and ends well."""
        with own.app().doorbell as doorbell:
            assert doorbell.claim()
            result = own.run("work")

        assert result.exit_code == 0
        assert "already" in result.stdout

    def test_wrong_settings_are_all_named(self, own: Terminal) -> None:
        """Every command that needs them ends with exit code 2 and each mistake."""
        own.env |= {"PORT": "many", "CLONE_SIMULATOR": "perhaps"}
        result = own.run("serve")

        assert result.exit_code == 2
        assert "PORT" in result.stderr
        assert "CLONE_SIMULATOR" in result.stderr

    def test_a_persona_that_is_missing_is_wrong_setup(self, terminal: Terminal) -> None:
        """One line names the file and the command that writes it."""
        result = terminal.run("ask", "Oi")

        assert result.exit_code == 2
        assert "`clone init`" in complaint(result)

    @pytest.mark.parametrize("command", COMMANDS)
    def test_help_teaches(self, own: Terminal, command: str) -> None:
        """Each command says what it does; nothing of the settings is needed for it."""
        own.env["PORT"] = "many"
        result = own.run(command, "--help")

        assert result.exit_code == 0
        assert len(result.stdout.splitlines()) > 5

    def test_the_overview_names_every_command(self, own: Terminal) -> None:
        """`clone --help` lists the commands, each with a line that is not cut."""
        result = own.run("--help")

        listed = [line.split()[0] for line in result.stdout.split("Commands:\n")[1].splitlines()]
        assert listed == list(COMMANDS)
        assert "..." not in result.stdout.split("Commands:\n")[1]

    def test_an_unknown_command_is_wrong_usage(self, own: Terminal) -> None:
        """A name that is mistyped is repeated, with exit code 2."""
        result = own.run("srve")

        assert result.exit_code == 2
        assert "srve" in result.stderr

    def test_the_server_carries_no_other_command(self) -> None:
        """What `clone serve` does not need is not loaded: an idle clone costs almost nothing."""
        code = "import sys, commands; commands.command_line.get_command(None, 'serve')\n"
        code += "print(*(n for n in sys.modules if n in ('asyncio', 'httpx', 'commands.ask')))"
        process = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )

        assert process.stdout.split() == []


class _SilentClone:
    async def answer(self, turn: Turn, deadline: float) -> Reply:
        raise TemporaryError("the model did not answer")


class _Silent(Application):
    """An application whose model is out of reach."""

    @asynccontextmanager
    async def clone(self, *, remember: bool = True) -> AsyncIterator[Any]:
        yield _SilentClone()


class _InterruptedClone:
    async def answer(self, turn: Turn, deadline: float) -> Reply:
        signal.raise_signal(signal.SIGINT)
        await asyncio.Event().wait()
        raise AssertionError("nothing sets the event")


class _Interrupted(Application):
    """An application whose owner presses Ctrl-C whenever it thinks."""

    @asynccontextmanager
    async def clone(self, *, remember: bool = True) -> AsyncIterator[Any]:
        yield _InterruptedClone()


@contextmanager
def _sigterm_restored() -> Iterator[None]:
    usual = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, usual)


def _stop_from_beside(port: int) -> None:
    """Send this very thread SIGTERM once the server has answered and sleeps again."""
    while True:
        with suppress(OSError):
            urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
            break
    status = Path(f"/proc/self/task/{threading.main_thread().native_id}/status")
    before = ""
    while before != (before := status.read_text()):
        time.sleep(0.2)  # the file counts how often the thread was woken
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)


class _StoppedAtStart(Application):
    """Gets SIGTERM while the server makes up its first line."""

    built = worker_stopped = False

    def web(self, *, simulator: bool = False) -> Any:
        web = super().web(simulator=simulator)
        web.extensions["clone"] = self
        self.built = True
        return web

    def stop(self) -> None:
        self.worker_stopped = True

    @property
    def persona(self) -> Any:
        if self.built:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().persona


def _row(told: str, kind: str) -> str:
    (row,) = [line for line in told.splitlines() if line.split()[:1] == [kind]]
    return " ".join(row.split())


def _serve(terminal: Terminal) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(ROOT / "app.py"), "serve"],
        env=os.environ | terminal.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
