"""A whole installation for end-to-end tests: its own data, its own settings, its real processes."""

import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import psutil

from tests.e2e.console import Console
from tests.standins.elevenlabs import ElevenLabsStandIn
from tests.standins.openai import OpenAIStandIn
from tests.standins.twilio import CLONE_NUMBER, TwilioStandIn
from tests.standins.twilio_messages import SentMessage, callback
from tests.standins.webhooks import CONTACT, inbound_form, media_form, signed

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLE = ROOT / "examples" / "santos_dumont"
PUBLIC_URL = "https://clone.example"
#: Every setting there is, so that none of the developer's `.env` reaches a test.
SETTING_NAMES = re.findall(r"(?m)^#?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text("utf-8"))
SERVE = (sys.executable, str(ROOT / "app.py"), "serve")
GUNICORN = (sys.executable, "-m", "gunicorn", "app:create_app()", "-c", "gunicorn.conf.py")
#: Where either server tells its address.
_ADDRESS = re.compile(r"(?:runs on|Listening at:) (http://127\.0\.0\.1:\d+)")


def offline_settings(folder: Path) -> dict[str, str]:
    """Return an environment with every setting named: the sample clone, no vendor, any port."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        **dict.fromkeys(SETTING_NAMES, ""),
        "CLONE_PERSONA": str(SAMPLE / "persona.toml"),
        "CLONE_DOCUMENTS": str(SAMPLE / "documents"),
        "CLONE_DATA": str(folder / "data"),
        "CLONE_MODEL": "offline",
        "CLONE_EMBEDDINGS": "offline",
        "CLONE_BURST_SECONDS": "0.3",
        "CLONE_IDLE_SECONDS": "30",
        "LANGSMITH_TRACING": "false",
        "PORT": "0",
    }


def twilio_settings(twilio: TwilioStandIn) -> dict[str, str]:
    """Return what opens the WhatsApp door towards a stand-in."""
    return {
        "TWILIO_ACCOUNT_SID": twilio.account_sid,
        "TWILIO_AUTH_TOKEN": twilio.auth_token,
        "TWILIO_WHATSAPP_FROM": CLONE_NUMBER,
        "TWILIO_API_BASE_URL": twilio.url,
        "PUBLIC_BASE_URL": PUBLIC_URL,
    }


def openai_settings(openai: OpenAIStandIn) -> dict[str, str]:
    """Return what makes a stand-in the chat model; the embeddings stay offline."""
    return {
        "OPENAI_API_KEY": openai.api_key,
        "OPENAI_BASE_URL": openai.base_url,
        "CLONE_MODEL": "openai:gpt-6-luna",
    }


def elevenlabs_settings(elevenlabs: ElevenLabsStandIn) -> dict[str, str]:
    """Return what makes a stand-in the clone's voice."""
    return {
        "ELEVENLABS_API_KEY": elevenlabs.api_key,
        "ELEVENLABS_VOICE_ID": elevenlabs.voice_id,
        "ELEVENLABS_BASE_URL": elevenlabs.url,
    }


class House:
    """One data folder and the processes that serve it; `end` leaves none of them."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.settings = {**offline_settings(folder), **settings}
        self.data = Path(self.settings["CLONE_DATA"])
        self.console = Console()
        self.address = ""
        self.whatsapp = WhatsApp(self)
        #: What the log may complain about; anything else at ERROR fails the test.
        self.expected_errors: set[str] = set()
        self._web: subprocess.Popen[str] | None = None

    @property
    def web(self) -> subprocess.Popen[str]:
        """The web process that was started last."""
        assert self._web is not None, "nothing has been started"
        return self._web

    def serve(self, command: Sequence[str] = SERVE, **settings: str) -> None:
        """Start the web process and wait until it has told its address."""
        before = len(self.console.lines())
        self.settings |= settings
        self._web = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._web.stdout is not None
        self.console.follow(self._web.stdout)

        def told() -> list[str]:
            return _ADDRESS.findall("\n".join(self.console.lines()[before:]))

        (self.address, *_) = self.console.wait_until(told, "the address")

    def get(self, path: str) -> httpx.Response:
        """Ask the web process for a page."""
        return httpx.get(f"{self.address}{path}", timeout=10, trust_env=False)

    def fetch(self, url: str, method: str = "GET", **headers: str) -> httpx.Response:
        """Fetch one of our public addresses over loopback, as Twilio does with recordings."""
        path = url.removeprefix(self.settings["PUBLIC_BASE_URL"])
        target = f"{self.address}{path}"
        return httpx.request(method, target, headers=headers, timeout=10, trust_env=False)

    def post(self, path: str, form: Mapping[str, str]) -> httpx.Response:
        """Post a form without a signature, as a stranger would."""
        return httpx.post(f"{self.address}{path}", data=form, timeout=10, trust_env=False)

    def stop(self) -> int:
        """Ask the web process to end as an operator does; return its exit code."""
        self.web.send_signal(signal.SIGTERM)
        return self.web.wait(timeout=40)

    def is_closed(self) -> bool:
        """Tell whether the web process takes no more connections."""
        port = int(self.address.rpartition(":")[2])
        connections = psutil.Process(self.web.pid).net_connections("tcp")
        listening = [each for each in connections if each.status == psutil.CONN_LISTEN]
        return port not in [each.laddr.port for each in listening]

    def kill_web(self) -> None:
        """End the web process as a crash of the machine does; its worker lives on."""
        self.web.kill()
        self.web.wait(timeout=10)

    def kill_worker(self) -> None:
        """End the only worker as a crash does."""
        (worker,) = self.workers()
        worker.kill()
        eventually(lambda: worker not in self.processes())

    def workers(self) -> list[psutil.Process]:
        """Return the worker processes of this house."""
        return [process for process in self.processes() if "work" in _words(process)]

    def processes(self) -> list[psutil.Process]:
        """Return every living process of this house, told by its data folder."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("CLONE_DATA") == str(self.data):
                    found.append(process)
            except psutil.Error:
                continue  # of somebody else, or gone
        return found

    def rest(self) -> None:
        """Wait until the last worker has left on its own: then nothing is owed to anybody."""
        eventually(lambda: not self.workers())
        assert self.rows("SELECT id FROM turns WHERE status = 'open'") == []
        assert self.rows("SELECT id FROM outbox WHERE status IN ('pending', 'sending')") == []
        assert self.rows("SELECT id FROM inbox WHERE turn_id IS NULL AND answer IS NULL") == []

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Read from the conversation database, and change nothing."""
        place = f"{(self.data / 'clone.db').as_uri()}?mode=ro"
        with closing(sqlite3.connect(place, uri=True, timeout=10)) as connection:
            return connection.execute(query).fetchall()

    def end(self) -> None:
        """End every process of this house, the web process first: it would start a worker."""
        if self._web is not None:
            self._web.kill()
            self._web.wait(timeout=10)
        eventually(self._kill_all)
        self.console.join()

    def _kill_all(self) -> bool:
        left = self.processes()
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        return not left

    def complaints(self) -> list[str]:
        """Return what the log should not hold: unexpected errors, traces, numbers and words."""
        lines = self.console.lines()
        told: list[str] = [
            word for form in self.whatsapp.forms for word in (form.get("WaId", ""), form["Body"])
        ]
        return [
            line
            for line in lines
            if "Traceback" in line
            or " CRITICAL " in line
            or any(len(word) > 5 and word in line for word in told)
            or (" ERROR " in line and not any(f"action={e}" in line for e in self.expected_errors))
        ]


class WhatsApp:
    """Twilio as the house meets it: signed webhooks, delivered over loopback."""

    def __init__(self, house: House) -> None:
        self._house = house
        #: Everything delivered so far.
        self.forms: list[dict[str, str]] = []

    def says(
        self, text: str, *, sender: str = CONTACT, sid: str = "", **extra: str | None
    ) -> httpx.Response:
        """Deliver a contact's message as Twilio does, and return our answer."""
        return self.delivers(inbound_form(text, sender=sender, sid=sid, **extra))

    def records(self, url: str, *, sender: str = CONTACT) -> httpx.Response:
        """Deliver a contact's voice note, which Twilio keeps at `url`."""
        return self.delivers(media_form(url, sender=sender))

    def delivers(self, form: dict[str, str]) -> httpx.Response:
        """Post a form under a true signature, over the address that Twilio knows."""
        self.forms.append(form)
        base = self._house.settings["PUBLIC_BASE_URL"] or self._house.address
        answer = self._post(f"{base}/webhook/whatsapp", form)
        assert answer.status_code == 200, answer.text
        return answer

    def reports(self, message: SentMessage, status: str, error: str = "") -> httpx.Response:
        """Report what became of a message to the address it was sent with; return our answer."""
        return self._post(*callback(message, status, error))

    def _post(self, url: str, form: dict[str, str]) -> httpx.Response:
        target = urlsplit(url)._replace(scheme="", netloc="").geturl()
        return httpx.post(
            f"{self._house.address}{target}",
            data=form,
            headers=signed(url, form),
            timeout=10,
            trust_env=False,
        )


def eventually(true: Callable[[], T], timeout: float = 15.0) -> T:
    """Return the first true result of something that tells nobody when it changes."""
    end = time.monotonic() + timeout
    while not (result := true()):
        assert time.monotonic() < end, f"not so within {timeout} s"
        time.sleep(0.02)
    return result


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
