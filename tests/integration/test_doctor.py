"""`clone doctor`: what it sees, what it says to do, and that it changes nothing."""

import json
import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from agent.messages import Reply, Turn
from agent.settings import Settings
from app import Application
from channels.outbox import Draft, Outbox
from channels.turns import Turns
from commands.checks import check_shutdowns
from tests.conversations import sealed_turn, stored_message
from tests.sources import ROOT
from tests.terminal import Terminal

SAMPLE = ROOT / "examples/santos_dumont"
TWILIO = {
    "TWILIO_ACCOUNT_SID": "AC" + "a" * 32,
    "TWILIO_AUTH_TOKEN": "twilio-test-token",
    "TWILIO_WHATSAPP_FROM": "whatsapp:+14155238886",
    # Nobody is there: a test does not leave the machine.
    "TWILIO_API_BASE_URL": "http://127.0.0.1:9",
}
ELEVENLABS = {"ELEVENLABS_API_KEY": "elevenlabs-test-key", "ELEVENLABS_VOICE_ID": "voice-test"}


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A terminal whose clone is Ana's, with one document and nothing else set."""
    terminal = Terminal(tmp_path)
    terminal.init()
    terminal.write("biografia.md", "Ana Souza nasceu em Olinda, em 3 de maio de 1971.")
    return terminal


def test_a_clone_that_is_set_up_is_well(terminal: Terminal) -> None:
    """With persona, documents and index in place nothing is wrong, and the exit code is 0."""
    terminal.run("index")
    result = terminal.run("doctor")

    assert result.exit_code == 0
    assert "✗" not in result.stdout
    assert "✓ persona      Ana Souza" in result.stdout
    assert "✓ index        Up to date: 1 document and 1 passage." in result.stdout


def test_it_changes_nothing(terminal: Terminal) -> None:
    """A look at a clone that never ran leaves no folder, database or key behind."""
    terminal.run("doctor")

    assert not terminal.data.exists()


def test_each_remedy_stands_below_its_finding(terminal: Terminal) -> None:
    """What needs a hand is marked, told in a sentence, and followed by what to do."""
    lines = terminal.run("doctor").stdout.splitlines()

    told = next(line for line in lines if line.startswith("! index"))
    assert "no index yet" in told
    assert "`clone index`" in lines[lines.index(told) + 1]


def test_json_says_the_same(terminal: Terminal) -> None:
    """With --json every finding has its check, state, sentence and remedy, and `ok` the sum."""
    told = json.loads(terminal.run("doctor", "--json").stdout)

    assert told["ok"] is True
    assert {tuple(sorted(each)) for each in told["findings"]} == {
        ("check", "remedy", "state", "told")
    }


def test_every_wrong_setting_is_a_finding(terminal: Terminal) -> None:
    """All mistakes are told at once, with the exit code of something to mend."""
    terminal.env |= {"PORT": "many", "CLONE_VOICE_REPLIES": "sometimes"}

    found = terminal.findings()["settings"]

    assert [each["state"] for each in found] == ["error", "error"]
    assert {each["told"].split(":")[0] for each in found} == {"PORT", "CLONE_VOICE_REPLIES"}
    assert terminal.run("doctor").exit_code == 1


def test_a_wrong_persona_hides_no_other_finding(terminal: Terminal) -> None:
    """Each mistake of the persona file is told, and the other checks go on."""
    terminal.persona.write_text('name = "Ana"\nlanguages = ["pt"]\n', encoding="utf-8")

    found = terminal.findings()

    assert any("tone" in each["told"] for each in found["persona"])
    assert found["documents"][0]["state"] == "ok"


class TestPersona:
    def test_the_sample_is_told(self, terminal: Terminal) -> None:
        """Whoever has not made the clone theirs is told how."""
        terminal.env["CLONE_PERSONA"] = str(SAMPLE / "persona.toml")

        (found,) = terminal.findings()["persona"]

        assert found["state"] == "warning"
        assert "clone init" in found["remedy"]

    def test_the_smoke_test_must_not_answer_contacts(self, terminal: Terminal) -> None:
        """With a WhatsApp number the sample's answer to “oi” is a warning, in any persona."""
        shipped = (SAMPLE / "persona.toml").read_text(encoding="utf-8")
        terminal.persona.write_text(shipped, encoding="utf-8")

        assert "greeting" not in terminal.findings()
        terminal.env |= TWILIO
        assert terminal.findings()["greeting"][0]["state"] == "warning"
        terminal.run("init", "--yes", "--force", "--name", "Ana")
        assert "greeting" not in terminal.findings()


class TestKnowledge:
    def test_the_sample_documents_are_told(self, terminal: Terminal) -> None:
        """Answers out of somebody else's biography are a warning."""
        terminal.env["CLONE_DOCUMENTS"] = str(SAMPLE / "documents")

        assert terminal.findings()["documents"][0]["state"] == "warning"

    def test_no_documents_are_told(self, terminal: Terminal) -> None:
        """A clone that has nothing to go by is a warning, not a failure."""
        (terminal.documents / "biografia.md").unlink()

        found = terminal.findings()

        assert found["documents"][0]["state"] == "warning"
        assert "index" not in found

    def test_a_stale_index_is_told(self, terminal: Terminal) -> None:
        """Files added or removed since the index was made are counted."""
        terminal.run("index")
        terminal.write("livro.txt", "Ana Souza escreveu um livro em 2010.")
        (terminal.documents / "biografia.md").unlink()

        (found,) = terminal.findings()["index"]

        assert found["state"] == "warning"
        assert found["told"].startswith("2 files changed")

    def test_unreadable_files_are_named(self, terminal: Terminal) -> None:
        """A file that was left out is told with its reason."""
        (terminal.documents / "foto.png").write_bytes(b"\x89PNG")
        terminal.write("vazio.txt", "")
        terminal.run("index")

        unreadable = terminal.findings()["index"][1]

        assert unreadable["state"] == "warning"
        assert "foto.png (has an ending" in unreadable["told"]
        assert "vazio.txt (is empty)" in unreadable["told"]


class TestModels:
    def test_what_is_off_says_why(self, terminal: Terminal) -> None:
        """Without keys the model is a warning, and hearing and voice name what they need."""
        found = terminal.findings()

        assert found["model"][0]["state"] == "warning"
        assert "OPENAI_API_KEY" in found["hearing"][0]["told"]
        assert "ELEVENLABS_VOICE_ID" in found["voice"][0]["told"]

    def test_what_is_on_is_told(self, terminal: Terminal) -> None:
        """With keys, what hears is named, and on what occasions the voice is heard."""
        terminal.env |= {"OPENAI_API_KEY": "sk-test"} | ELEVENLABS

        found = terminal.findings()

        assert found["hearing"][0]["told"] == "openai:gpt-transcribe hears voice notes."
        assert found["voice"][0]["told"].startswith("elevenlabs speaks in reply to voice notes")

    def test_what_was_switched_off_is_told(self, terminal: Terminal) -> None:
        """With keys, the settings that keep ears and voice off are named."""
        terminal.env |= {"OPENAI_API_KEY": "sk-test", "CLONE_TRANSCRIBER": "none"}
        terminal.env |= ELEVENLABS | {"CLONE_VOICE": "none"}

        found = terminal.findings()

        assert "take out CLONE_TRANSCRIBER=none" in found["hearing"][0]["told"]
        assert "take out CLONE_VOICE=none" in found["voice"][0]["told"]

    def test_a_server_of_ones_own_hears_with_a_model_of_its_own(self, terminal: Terminal) -> None:
        """Without OpenAI's key its transcriber is not to be had; the server's has to be named."""
        terminal.env |= {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}

        assert "CLONE_TRANSCRIBER" in terminal.findings()["hearing"][0]["told"]

    def test_a_voice_that_nobody_hears_is_told(self, terminal: Terminal) -> None:
        """With `never`, not even those who ask for the voice get it, and that is said."""
        terminal.env |= ELEVENLABS | {"CLONE_VOICE_REPLIES": "never"}

        (found,) = terminal.findings()["voice"]

        assert found["state"] == "ok"
        assert "CLONE_VOICE_REPLIES=never" in found["told"]

    def test_a_voice_that_whatsapp_cannot_fetch_is_a_warning(self, terminal: Terminal) -> None:
        """With WhatsApp connected, but no public address, the voice does not reach it."""
        terminal.env |= ELEVENLABS | TWILIO

        assert terminal.findings()["voice"][0]["state"] == "warning"
        terminal.env["PUBLIC_BASE_URL"] = "https://127.0.0.1:9"
        assert terminal.findings()["voice"][0]["state"] == "ok"

    def test_the_defaults_are_not_about_to_end(self, terminal: Terminal) -> None:
        """With only a key set, no model is near its last day."""
        terminal.env["OPENAI_API_KEY"] = "sk-test"

        found = terminal.findings()

        assert found["model"][0]["state"] == "ok"
        assert "model dates" not in found

    @pytest.mark.parametrize(
        ("today", "state"),
        [
            (date(2026, 11, 1), None),
            (date(2026, 11, 22), "warning"),
            (date(2027, 1, 14), "warning"),
            (date(2027, 1, 15), "error"),
        ],
    )
    @pytest.mark.parametrize("model", ["openai:gpt-4o", "gpt-4.1-mini", "openai:gpt-4o-2024-08-06"])
    def test_the_end_of_a_model_is_told_in_time(
        self, model: str, today: date, state: str | None
    ) -> None:
        """From 60 days ahead it is a warning with the successor, afterwards an error."""
        settings = Settings.from_env({"CLONE_MODEL": model})

        found = list(check_shutdowns(settings, today))

        assert [each.state for each in found] == ([] if state is None else [state])
        assert all("CLONE_MODEL=openai:gpt-6-luna" in each.remedy for each in found)

    @pytest.mark.parametrize(
        "model", ["gpt-5.4", "openai:gpt-4o-mini-tts", "azure_openai:gpt-4o", "ollama:gpt-5"]
    )
    def test_a_similar_name_is_another_model(self, model: str) -> None:
        """Only the models that were announced are told, and only of their vendor."""
        settings = Settings.from_env({"CLONE_MODEL": model})

        assert list(check_shutdowns(settings, date(2030, 1, 1))) == []

    def test_a_model_without_its_key_is_an_error(self, terminal: Terminal) -> None:
        """A model that cannot be used is told, and hides no other finding."""
        terminal.env["CLONE_MODEL"] = "openai:gpt-6-luna"

        found = terminal.findings()

        assert "OPENAI_API_KEY" in found["model"][0]["told"]
        assert found["model"][0]["state"] == "error"
        assert "simulator" in found


class TestData:
    def test_a_damaged_database_is_an_error(self, terminal: Terminal) -> None:
        """Pages overwritten in the middle of the file are found."""
        terminal.run("migrate")
        path = terminal.data / "clone.db"
        whole = path.read_bytes()
        path.write_bytes(whole[:4096] + b"\xff" * 4096 + whole[8192:])

        found = terminal.findings()

        assert found["database"][0]["state"] == "error"
        assert "restore a backup" in found["database"][0]["remedy"]

    def test_a_file_that_is_no_database_is_an_error(self, terminal: Terminal) -> None:
        """What cannot even be opened is told, and the other checks go on."""
        terminal.data.mkdir()
        (terminal.data / "memory.db").write_text("this is not a database at all, only words")

        found = terminal.findings()

        assert "memory.db" in found["database"][0]["told"]
        assert found["database"][0]["state"] == "error"
        assert "whatsapp" in found

    def test_a_whole_database_is_told_with_its_library(self, terminal: Terminal) -> None:
        """The version of SQLite stands beside the result."""
        terminal.run("migrate")

        assert "SQLite 3." in terminal.findings()["database"][0]["told"]

    def test_a_data_folder_that_cannot_be_made_is_an_error(self, terminal: Terminal) -> None:
        """A path below a file is no place for state."""
        terminal.env["CLONE_DATA"] = str(terminal.documents / "biografia.md" / "data")

        assert terminal.findings()["data folder"][0]["state"] == "error"


class TestReplies:
    def test_older_tables_are_told(self, terminal: Terminal) -> None:
        """A database that was never brought up to date is told, and left as it is."""
        terminal.data.mkdir()
        sqlite3.connect(terminal.data / "clone.db").close()

        (found,) = terminal.findings()["replies"]

        assert found["state"] == "error"
        assert "clone migrate" in found["remedy"]

    def test_all_answered(self, terminal: Terminal) -> None:
        """A database without open ends is well, and nobody is spoken of who never wrote."""
        terminal.run("migrate")

        found = terminal.findings()

        assert found["replies"][0]["state"] == "ok"
        assert "contacts" not in found

    def test_failed_turns_are_counted_by_their_errors(self, terminal: Terminal) -> None:
        """Turns that were given up are told with how many, the errors and the last time."""
        app = terminal.app()
        for number, error in enumerate(["OpenAI answered 500", "OpenAI answered 500", "no quota"]):
            turn = _sealed(app, f"SM{number}")
            Turns(app.database, 0).fail(turn, error, [Draft("Desculpe.")])
        app.database.close()

        (found,) = terminal.findings()["replies"]

        assert found["state"] == "warning"
        assert "3 turns could not be answered" in found["told"]
        assert "2 × OpenAI answered 500" in found["told"]
        assert "1 × no quota" in found["told"]

    def test_held_turns_are_told(self, terminal: Terminal) -> None:
        """People who wrote more than a day before anybody looked are left to the owner."""
        app = terminal.app()
        contact = _accepted(app, "SM1", age=25 * 3600)
        Turns(app.database, 0).next(contact)
        app.database.close()

        (found,) = terminal.findings()["replies"]

        assert "1 turn waited for more than a day" in found["told"]

    @pytest.mark.parametrize(
        ("status", "told"), [("failed", "could not be sent"), ("held", "within 24 hours")]
    )
    def test_parts_that_did_not_leave_are_told(
        self, terminal: Terminal, status: str, told: str
    ) -> None:
        """A part that Twilio refused, and one that must not leave now, are told with the reason."""
        app = terminal.app()
        turn = _sealed(app, "SM1")
        Turns(app.database, 0).finish(turn, Reply(text="Oi!"), [Draft("Oi!")])
        _close_part(app, turn, status, "twilio answered 400 (12345)")

        (found,) = terminal.findings()["replies"]

        assert f"1 message part {'held back' if status == 'held' else told}" in found["told"]
        assert told in found["told"]
        assert "12345" in found["told"]

    @pytest.mark.parametrize(("age", "state"), [(3600, "warning"), (10, "ok")])
    def test_messages_left_waiting_are_told(
        self, terminal: Terminal, age: float, state: str
    ) -> None:
        """A message that waits for minutes says that nobody is serving."""
        app = terminal.app()
        _accepted(app, "SM1", age=age)
        app.database.close()

        (found,) = terminal.findings()["replies"]

        assert found["state"] == state


class TestContacts:
    def test_contacts_are_counted(self, terminal: Terminal) -> None:
        """How many wrote, and how many of them want no more messages, is told without a number."""
        app = terminal.app()
        contact = _accepted(app, "SM1")
        _accepted(app, "SM2")
        with app.database.write() as connection:
            app.database.queries.opt_out(connection, contact=contact, now=1.0)
        app.database.close()

        (found,) = terminal.findings()["contacts"]

        assert found["state"] == "ok"
        assert found["told"] == "2 contacts, 1 opted out."

    @pytest.mark.parametrize("alert", ["", "https://push.example/topic"])
    def test_who_asked_for_the_owner_waits(self, terminal: Terminal, alert: str) -> None:
        """A contact who asked for the person is a warning that names the command to see whom."""
        terminal.env["CLONE_ALERT_URL"] = alert
        app = terminal.app()
        for number in range(2):
            turn = _sealed(app, f"SM{number}")
            reply = Reply(text="Aviso a Ana.", hand_over=number == 0)
            Turns(app.database, 0).finish(turn, reply, [Draft(reply.text)])
        app.database.close()

        _, found = terminal.findings()["contacts"]

        assert found["state"] == "warning"
        assert found["told"].startswith("1 contact asked for you")
        assert "`clone contacts --waiting`" in found["remedy"]
        assert ("CLONE_ALERT_URL" in found["remedy"]) is (not alert)

    def test_unreachable_contacts_are_told_with_the_reason(self, terminal: Terminal) -> None:
        """Twilio's code for why somebody cannot be reached is put into words."""
        app = terminal.app()
        contact = _accepted(app, "SM1")
        with app.database.write() as connection:
            app.database.queries.note_unreachable(connection, contact=contact, code="63014")
        app.database.close()

        _, found = terminal.findings()["contacts"]

        assert found["state"] == "warning"
        assert "1 × the contact blocked the sender (63014)" in found["told"]


class TestHosting:
    def test_a_disk_that_may_vanish_is_told(self, terminal: Terminal) -> None:
        """On such a host the database and the key have to live elsewhere."""
        terminal.env["REPLIT_DEPLOYMENT"] = "1"

        remedies = [each["remedy"] for each in terminal.findings()["hosting"]]

        assert any("DATABASE_URL" in remedy for remedy in remedies)
        assert any("CLONE_SECRET" in remedy for remedy in remedies)

    def test_other_disks_are_not_doubted(self, terminal: Terminal) -> None:
        """Elsewhere nothing is said about it."""
        assert "hosting" not in terminal.findings()

    @pytest.mark.parametrize(
        ("settings", "state"),
        [
            ({}, "ok"),
            ({"CLONE_HOST": "0.0.0.0"}, "ok"),
            ({"CLONE_HOST": "0.0.0.0", "CLONE_SIMULATOR": "on"}, "warning"),
            ({"CLONE_SIMULATOR": "off"}, "ok"),
        ],
    )
    def test_an_open_simulator_is_told(
        self, terminal: Terminal, settings: dict[str, str], state: str
    ) -> None:
        """The simulator page that other machines can open is a warning."""
        terminal.env |= settings

        assert terminal.findings()["simulator"][0]["state"] == state


def _accepted(app: Application, message_id: str, *, age: float = 0) -> str:
    """Store a message of a contact of its own, as if it came `age` seconds ago."""
    return stored_message(app, message_id, address=message_id, age=age)


def _sealed(app: Application, message_id: str) -> Turn:
    return sealed_turn(app, _accepted(app, message_id))


def _close_part(app: Application, turn: Turn, status: Any, error: str) -> None:
    outbox = Outbox(app.database)
    part = outbox.next(turn.contact)
    assert part is not None
    outbox.closed(part, status, error)
    app.database.close()
