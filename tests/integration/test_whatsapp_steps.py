"""`clone doctor` on the way to WhatsApp: each step, and what it says to do next."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from agent.messages import Reply
from agent.settings import Settings
from app import Application
from channels.outbox import Draft, Outbox
from channels.receipts import Receipts
from channels.reports import DeliveryReport
from channels.turns import Turns
from channels.twilio_form import MISSING, REPORT_MISSING
from commands.twilio_account import check_account
from commands.whatsapp_steps import check_public_address
from tests.conversations import sealed_turn, stored_message
from tests.postgres import running_postgres
from tests.standins.exchange import Answer, Request, always, json_answer
from tests.standins.server import StandIn
from tests.standins.twilio import AUTH_TOKEN, TwilioStandIn
from tests.standins.twilio_messages import ACCOUNT_SID
from tests.terminal import Terminal

SANDBOX = "whatsapp:+14155238886"
TWILIO = {
    "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
    "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
    "TWILIO_WHATSAPP_FROM": SANDBOX,
}


class Elsewhere(StandIn):
    """Another program, with one answer for everything."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer

    def unknown(self, request: Request) -> Answer:
        """Answer, whatever was asked."""
        return self._answer


@pytest.fixture
def twilio() -> Iterator[TwilioStandIn]:
    """Twilio, which knows one account in good standing."""
    with TwilioStandIn() as twilio:
        yield twilio


@pytest.fixture
def terminal(tmp_path: Path, twilio: TwilioStandIn) -> Terminal:
    """A terminal whose clone is Ana's, and whose Twilio is the stand-in."""
    terminal = Terminal(tmp_path)
    terminal.init()
    terminal.env["TWILIO_API_BASE_URL"] = twilio.url
    return terminal


def steps(terminal: Terminal) -> dict[str, dict[str, str]]:
    """Return the steps that were walked, the last of them the one to do next."""
    found = terminal.findings()
    checks = ("whatsapp", "account", "address", "webhook", "reports", "received", "delivered")
    return {check: found[check][-1] for check in checks if check in found}


def next_step(terminal: Terminal) -> tuple[str, str]:
    """Return the check that the walk ends with, and what it says to do."""
    walked = steps(terminal)
    assert all(not each["remedy"] for each in list(walked.values())[:-1])
    check, found = walked.popitem()
    return check, found["remedy"]


class TestSettings:
    def test_none_is_well_and_shows_the_way(self, terminal: Terminal) -> None:
        """A clone without WhatsApp is complete; how to begin stands beside it."""
        (found,) = steps(terminal).values()

        assert found["state"] == "ok"
        assert found["remedy"].startswith("Next: ")
        assert all(word in found["remedy"] for word in ("sandbox", "join <code>", *TWILIO))

    @pytest.mark.parametrize("missing", sorted(TWILIO))
    def test_half_of_the_settings_is_an_error(self, terminal: Terminal, missing: str) -> None:
        """Each of Twilio's three settings is named when the other two are there."""
        terminal.env |= {name: value for name, value in TWILIO.items() if name != missing}

        (found,) = steps(terminal).values()

        assert found["state"] == "error"
        assert missing in found["told"]
        assert missing in found["remedy"]

    @pytest.mark.parametrize(
        ("name", "value"),
        [("TWILIO_ACCOUNT_SID", "SK" + "a" * 32), ("TWILIO_WHATSAPP_FROM", "5511999999999")],
    )
    def test_a_value_of_another_kind_is_an_error(
        self, terminal: Terminal, name: str, value: str
    ) -> None:
        """A key's id in the account's place, or a number without its plus, is seen."""
        terminal.env |= TWILIO | {name: value}

        (found,) = steps(terminal).values()

        assert found["state"] == "error"
        assert name in found["told"]

    def test_the_sandbox_has_its_limits_told(self, terminal: Terminal) -> None:
        """Whoever uses Twilio's own number reads what it can and cannot do."""
        terminal.env |= TWILIO

        told = steps(terminal)["whatsapp"]["told"]

        assert all(word in told for word in ("join", "3 days", "every 3 seconds", "50 a day"))

    def test_a_number_of_ones_own_has_no_sandbox(self, terminal: Terminal) -> None:
        """The sandbox's limits are not told of another number."""
        terminal.env |= TWILIO | {"TWILIO_WHATSAPP_FROM": "whatsapp:+5511988887777"}

        assert "sandbox" not in steps(terminal)["whatsapp"]["told"]


class TestAccount:
    def test_an_account_in_good_standing(self, terminal: Terminal, twilio: TwilioStandIn) -> None:
        """Twilio is asked once, for this account, with its own credentials."""
        terminal.env |= TWILIO

        assert steps(terminal)["account"]["state"] == "ok"
        (asked,) = twilio.requests()
        assert asked.operation == "account"

    def test_another_token_is_refused_in_one_sentence(self, terminal: Terminal) -> None:
        """Credentials that Twilio does not know are told with where the right ones stand."""
        terminal.env |= TWILIO | {"TWILIO_AUTH_TOKEN": "another", "TWILIO_REGION": "ie1"}

        found = steps(terminal)["account"]

        assert found["state"] == "error"
        assert found["told"].endswith("(401).")
        assert "Account Info" in found["remedy"]
        assert "region ie1" in found["remedy"]

    def test_a_trial_account_is_noted(self, terminal: Terminal, twilio: TwilioStandIn) -> None:
        """A trial account is well, and how much it may send is told."""
        terminal.env |= TWILIO
        twilio.account_type = "Trial"

        found = steps(terminal)["account"]

        assert found["state"] == "ok"
        assert "50 messages a day" in found["told"]

    @pytest.mark.parametrize(
        ("answer", "state", "told"),
        [
            (json_answer({"code": 20404}, 404), "error", "refuses TWILIO_ACCOUNT_SID"),
            (json_answer({"status": "suspended"}), "error", "suspended"),
            (json_answer({"code": 20500}, 503), "warning", "did not answer"),
            (json_answer(["not an account"]), "error", "Something else"),
            (Answer(body=b"<html>Log in first</html>"), "error", "Something else"),
        ],
        ids=["404", "suspended", "503", "a list", "a page"],
    )
    def test_each_other_answer_has_its_remedy(
        self, terminal: Terminal, twilio: TwilioStandIn, answer: Answer, state: str, told: str
    ) -> None:
        """What Twilio, or a proxy, answers instead is one sentence with what to do next."""
        terminal.env |= TWILIO
        twilio.whenever("account", always(answer))

        found = steps(terminal)["account"]

        assert found["state"] == state
        assert told in found["told"]
        assert next_step(terminal)[0] == "account"

    def test_twilio_out_of_reach_is_told(self) -> None:
        """Without a way to Twilio nothing can be sent; a region that may be wrong is named."""
        closed = TWILIO | {"TWILIO_API_BASE_URL": "http://127.0.0.1:9", "TWILIO_REGION": "ie1"}

        (found,) = check_account(Settings.from_env(closed).twilio)

        assert found.state == "error"
        assert "cannot be reached" in found.told
        assert "TWILIO_REGION" in found.remedy

    def test_a_twilio_that_does_not_answer_is_told_in_time(self, twilio: TwilioStandIn) -> None:
        """An answer that does not come is waited for no longer than asked."""
        twilio.whenever("account", always(Answer(delay=30.0)))
        settings = Settings.from_env(TWILIO | {"TWILIO_API_BASE_URL": twilio.url})

        (found,) = check_account(settings.twilio, seconds=0.05)

        assert "ReadTimeout" in found.told


class TestAddress:
    @pytest.mark.parametrize(
        ("address", "state"),
        [
            ("", "warning"),
            ("http://clone.example", "error"),
            ("http://127.0.0.1:8080", "error"),
            ("https://clone.example/webhook/whatsapp", "error"),
            ("https://clone.example/webhook/whatsapp/status", "error"),
            ("https://clone.example/?a=b", "error"),
            ("https://clone.example", "ok"),
            ("https://clone.example/ana", "ok"),
        ],
    )
    def test_it_must_be_one_that_twilio_can_call(self, address: str, state: str) -> None:
        """The public address is https, a host and perhaps a path; without one it is a warning."""
        settings = Settings.from_env({"PUBLIC_BASE_URL": address})

        (found,) = check_public_address(settings)

        assert found.state == state
        assert bool(found.remedy) is (state != "ok")

    def test_without_one_the_walk_waits_for_it(self, terminal: Terminal) -> None:
        """How to open a tunnel, to the port that is set, is the next step."""
        terminal.env |= TWILIO | {"PORT": "8099"}

        check, remedy = next_step(terminal)

        assert check == "address"
        assert "http://127.0.0.1:8099" in remedy


class TestWebhook:
    def test_the_way_of_a_message_is_walked(self, terminal: Terminal) -> None:
        """A clone that runs with the same settings knows the signature; nothing is stored."""
        with _served(terminal):
            walked = steps(terminal)

        assert walked["webhook"]["state"] == walked["reports"]["state"] == "ok"
        assert Turns(terminal.app().database, 1.0).last_position() == 0

    def test_another_token_is_told(self, terminal: Terminal, twilio: TwilioStandIn) -> None:
        """A clone that runs with an older token refuses the signature; the remedy says why."""
        with _served(terminal):
            twilio.auth_token = terminal.env["TWILIO_AUTH_TOKEN"] = "the-new-token"
            found = steps(terminal)["webhook"]

        assert found["state"] == "error"
        assert "signature for wrong" in found["told"]
        assert "start it again" in found["remedy"]

    def test_a_closed_door_is_told(self, terminal: Terminal) -> None:
        """A clone that runs without any token says so."""
        with _served(terminal, without="TWILIO_AUTH_TOKEN"):
            found = steps(terminal)["webhook"]

        assert "no TWILIO_AUTH_TOKEN" in found["told"]

    def test_nobody_there_is_told(self, terminal: Terminal) -> None:
        """Where nothing listens, the address is named as out of reach."""
        terminal.env |= TWILIO | {"PUBLIC_BASE_URL": "http://127.0.0.1:9"}

        found = steps(terminal)["webhook"]

        assert found["state"] == "error"
        assert "cannot be reached" in found["told"]

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            (Answer(status=404, body=b"no such page"), "no webhook"),
            (Answer(status=403, body=b"login first"), "in front of the clone"),
            (Answer(status=502, body=b"bad gateway"), "fails (502)"),
            (
                Answer(status=301, body=b"", headers={"Location": "https://clone.example"}),
                "another address",
            ),
            (Answer(status=200, body=b"welcome"), "Something else"),
            (
                Answer(status=400, body=MISSING.sentence.encode()),
                "took a wrong signature for right",
            ),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_each_other_answer_has_its_remedy(
        self, terminal: Terminal, answer: Answer, told: str
    ) -> None:
        """What a proxy or another program answers is told apart, and is an error."""
        with Elsewhere(answer) as elsewhere:
            terminal.env |= TWILIO | {"PUBLIC_BASE_URL": elsewhere.url}
            found = steps(terminal)["webhook"]

        assert found["state"] == "error"
        assert told in found["told"]
        assert next_step(terminal)[0] == "webhook"

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            (Answer(status=404, body=b"no such page"), "older than this program"),
            (Answer(status=403, body=b"login first"), "POST requests"),
            (Answer(status=400, body=REPORT_MISSING.sentence.encode()), "stop it"),
        ],
        ids=["404", "403", "takes all"],
    )
    def test_a_door_for_reports_that_is_shut_is_told(
        self, terminal: Terminal, answer: Answer, told: str
    ) -> None:
        """A clone that takes messages but no delivery reports is told with what to do."""
        with _Halfway(answer) as halfway:
            terminal.env |= TWILIO | {"PUBLIC_BASE_URL": halfway.url}
            walked = steps(terminal)

        assert walked["webhook"]["state"] == "ok"
        assert walked["reports"]["state"] == "error"
        assert told in walked["reports"]["remedy"]


class TestTraffic:
    def test_before_the_first_message_it_says_how_to_send_one(self, terminal: Terminal) -> None:
        """Joining the sandbox and writing the address into the Console come next."""
        with _served(terminal):
            check, remedy = next_step(terminal)
            address = terminal.env["PUBLIC_BASE_URL"]

        assert check == "received"
        assert "join <code>" in remedy
        assert f"{address}/webhook/whatsapp" in remedy
        assert "When a message comes in" in remedy

    def test_a_message_alone_asks_for_a_question(self, terminal: Terminal) -> None:
        """Once a message has come, when it did is told, and a reply is waited for."""
        with _served(terminal):
            stored_message(terminal.app(), "SM1")
            found = steps(terminal)["received"]
            check, remedy = next_step(terminal)

        assert found["state"] == "ok"
        assert "UTC" in found["told"]
        assert "5511" not in found["told"]
        assert check == "delivered"
        assert "question" in remedy

    def test_an_accepted_reply_waits_for_its_report(self, terminal: Terminal) -> None:
        """What Twilio took and has not reported on is told with where the reports come from."""
        with _served(terminal):
            _replied(terminal)
            check, remedy = next_step(terminal)

        assert check == "delivered"
        assert "PUBLIC_BASE_URL" in remedy

    @pytest.mark.parametrize("code", ["63015", "63024"])
    def test_a_reply_that_did_not_arrive_is_told_with_the_reason(
        self, terminal: Terminal, code: str
    ) -> None:
        """Twilio's code is put into words; a phone that is not in the sandbox has to join it."""
        with _served(terminal):
            _replied(terminal, "undelivered", code)
            found = steps(terminal)["delivered"]

        assert found["state"] == "warning"
        assert f"({code})" in found["told"]
        assert ("join <code>" in found["remedy"]) is (code == "63015")

    @pytest.mark.parametrize("status", ["delivered", "read"])
    def test_a_delivered_reply_is_the_end_of_the_way(self, terminal: Terminal, status: str) -> None:
        """With a reply on the contact's phone every step is done, and nothing is asked for."""
        with _served(terminal):
            _replied(terminal, status)
            walked = steps(terminal)

        assert list(walked) == [
            "whatsapp", "account", "address", "webhook", "reports", "received", "delivered",
        ]  # fmt: skip
        assert {each["state"] for each in walked.values()} == {"ok"}

    def test_postgres_is_asked_likewise(self, terminal: Terminal) -> None:
        """With DATABASE_URL the same is told, of the contacts as of the messages."""
        with running_postgres() as server:
            terminal.env["DATABASE_URL"] = server.new_database().reveal()
            with _served(terminal):
                _replied(terminal, "delivered", hand_over=True)
                app = terminal.app()
                contact = stored_message(app, "SM2", address="whatsapp:+5511999990002", age=600)
                with app.database.write() as connection:
                    app.database.queries.note_unreachable(connection, contact=contact, code="63014")
                app.database.close()
                walked, found = steps(terminal), terminal.findings()

        assert {each["state"] for each in walked.values()} == {"ok"}
        assert [each["told"].split(",")[0] for each in found["contacts"]] == [
            "2 contacts",
            "1 contact asked for you in the last 7 days",
            "1 contact cannot be reached: 1 × the contact blocked the sender (63014).",
        ]
        assert "1 message waiting" in found["replies"][0]["told"]

    def test_the_simulator_is_no_whatsapp(self, terminal: Terminal) -> None:
        """A message of another channel does not count as arrived."""
        with _served(terminal):
            app = terminal.app()
            stored_message(app, "SM1", channel="simulator")
            check, _ = next_step(terminal)

        assert check == "received"

    def test_older_tables_stop_the_walk_only(self, terminal: Terminal) -> None:
        """A database that cannot be asked is told, and the checks after it go on."""
        with _served(terminal):
            app = terminal.app()
            with app.database.write() as connection:
                connection.execute("ALTER TABLE outbox RENAME COLUMN delivery TO gone")
            app.database.close()
            found = terminal.findings()

        assert found["whatsapp"][-1]["state"] == "error"
        assert "clone migrate" in found["whatsapp"][-1]["remedy"]
        assert "simulator" in found


class _Halfway(StandIn):
    """A clone whose door for messages is as it should be, and whose other one answers as told."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer
        self._calls = 0
        self.route("POST", "/webhook/whatsapp", "messages", self._message)

    def _message(self, request: Request) -> Answer:
        self._calls += 1
        if self._calls > 1:
            return Answer(status=403, body=b"wrong signature")
        return Answer(status=400, body=MISSING.sentence.encode())

    def unknown(self, request: Request) -> Answer:
        return self._answer


@contextmanager
def _served(terminal: Terminal, without: str = "") -> Iterator[None]:
    """Serve the clone's real web application at the public address that the settings name."""
    server = make_server("127.0.0.1", 0, _nothing)
    terminal.env |= TWILIO | {"PUBLIC_BASE_URL": f"http://127.0.0.1:{server.server_port}"}
    app = Application({name: value for name, value in terminal.env.items() if name != without})
    server.app = app.web()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        app.database.close()


def _nothing(environ: Any, start_response: Any) -> list[bytes]:
    raise AssertionError("the application is put in place before the first request")


def _replied(
    terminal: Terminal, status: str = "", error: str = "", *, hand_over: bool = False
) -> None:
    """Let Twilio take a reply, and report on it if a status is given."""
    app = terminal.app()
    turn = sealed_turn(app, stored_message(app, "SM1"))
    reply = Reply(text="Em 1906.", hand_over=hand_over)
    Turns(app.database, 0).finish(turn, reply, [Draft(reply.text)])
    outbox = Outbox(app.database)
    part = outbox.next(turn.contact)
    assert part is not None
    sid = "SM" + "b" * 32
    outbox.sent(part, sid)
    if status:
        report = DeliveryReport(part_id=part.id, provider_id=sid, status=status, error=error)
        Receipts(app.database, wake=lambda: None).take(report)
    app.database.close()
