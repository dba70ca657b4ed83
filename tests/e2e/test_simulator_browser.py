"""The simulator's page in a real browser, in front of a conversation that lives in memory."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from flask import Flask, send_from_directory
from flask.typing import ResponseReturnValue
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from agent.media_types import type_of
from agent.messages import IncomingMessage
from channels.database import Database
from channels.media_store import MediaStore
from channels.simulator import RECORDINGS, Bubble, simulator_blueprint
from channels.uploads import Uploads, name_of

T = TypeVar("T")
CHROMIUM = shutil.which("chromium")
CHROMEDRIVER = shutil.which("chromedriver")
#: `HAVE_ENOUGH_DATA` of a media element.
READY = 4
DESKTOP = (1280, 900)
PHONE = (390, 844)
SENT = "Network.requestWillBeSent"
WATCH = """
window.timers = new Set();
const ask = window.fetch.bind(window);
window.fetch = (...request) => (window.asking = ask(...request));
const [set, clear] = [window.setTimeout.bind(window), window.clearTimeout.bind(window)];
window.setTimeout = (call, wait) => {
  const id = set(() => { window.timers.delete(id); call(); }, wait);
  window.timers.add(id);
  return id;
};
window.clearTimeout = (id) => { window.timers.delete(id); clear(id); };
"""
SHOW_OR_HIDE = """
Object.defineProperty(document, "hidden", { configurable: true, value: arguments[0] });
document.dispatchEvent(new Event("visibilitychange"));
"""
REST = """
const done = arguments[0];
window.asking.finally(() => {
  const pause = new MessageChannel();
  let rounds = 200;
  pause.port1.onmessage = () => rounds-- ? pause.port2.postMessage("") : done(window.timers.size);
  pause.port2.postMessage("");
});
"""
NAME = "Alberto Santos-Dumont"
ANSWER = "Foi em 23 de outubro de 1906, no campo de Bagatelle, em Paris. Voei uns sessenta metros."
SOUNDS = Path(__file__).parents[1] / "data" / "sound"
#: Whether a bubble's recording plays, how far it is, and whether the browser can play all of it.
HEARD = """
const audio = document.querySelector(arguments[0]);
return audio && [!audio.paused, audio.currentTime, audio.readyState];
"""
DENIED = """
navigator.mediaDevices.getUserMedia =
  async () => { throw new DOMException("denied", "NotAllowedError"); };
"""
#: Lets two minutes pass in one second, and keeps the microphone for the test to look at.
HURRY = """
const wait = window.setTimeout;
window.setTimeout = (call, time) => wait(call, time === 120000 ? 1000 : time);
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (asked) => (window.microphone = await open(asked));
"""
LISTENS = "return window.microphone.active"
MARKED = """O *14-bis* era _leve_, ~nunca~ pesado, *_duas_* vezes: 2*3*4 e 2 * 3 * 4, snake_case_x.

> Voei, disse ele.
- um
  - dois
1. três

`x*y*z` e ```
a = 1
  b = *2*
```
Veja (https://pt.wikipedia.org/wiki/14-bis_(avião)_x), www.exemplo.com.br/_fotos_/.
*Fim*"""
TRACE: Mapping[str, object] = {
    "route": ["understand", "retrieve", "generate", "guard"],
    "passages": [
        {
            "document": "biografia.md",
            "section": "O 14-bis",
            "excerpt": "Em 23 de outubro de 1906, no campo de Bagatelle, o 14-bis deixou o chão "
            "por seus próprios meios, diante de uma multidão e de uma comissão do Aeroclube da "
            "França. Percorri cerca de sessenta metros, a dois ou três metros de altura. "
            "O público invadiu o campo e me levou nos ombros.",
            "score": 0.91,
            "used": True,
        },
        {
            "document": "biografia.md",
            "section": "Os recordes de novembro",
            "excerpt": "Em 12 de novembro voltei a Bagatelle e voei 220 metros em 21 segundos.",
            "score": 0.64,
            "used": True,
        },
        {
            "document": "cartas.md",
            "section": "Carta a um amigo, 1901",
            "excerpt": "Contornei a Torre Eiffel com o número 6, e o prêmio Deutsch foi repartido.",
            "score": 0.27,
            "used": False,
        },
    ],
    "model": "offline",
    "seconds": 0.42,
    "usage": {"input_tokens": 1184, "output_tokens": 46},
    "status": "done",
    "error": "",
}


@dataclass
class FakeConversation:
    """A clone in memory that reads and answers when the test says so."""

    received: list[IncomingMessage] = field(default_factory=list)
    bubbles: dict[str, Bubble] = field(default_factory=dict)
    asked: int = 0
    away: bool = False
    _typing: bool = False
    _version: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def receive(self, message: IncomingMessage) -> str | None:
        audio = "".join(f"{RECORDINGS}/{name_of(each)}" for each in message.media)
        # The inbox knows a message by a keyed hash of its id; so does the fake.
        key = f"hash-of-{message.message_id}"
        with self._lock:
            if key not in self.bubbles:
                self.received.append(message)
                self.put(key, "me", message.text, "stored", audio=audio)
        return None

    def timeline(self, contact_id: str, after: int) -> Sequence[Bubble]:
        self.asked += 1
        with self._lock:
            theirs = {
                f"hash-of-{m.message_id}" for m in self.received if m.contact_id == contact_id
            }
            return [
                bubble
                for bubble in self.bubbles.values()
                if bubble.version > after and bubble.id.split(":")[0] in theirs
            ]

    def is_typing(self, contact_id: str) -> bool:
        return self._typing

    def trace(self, contact_id: str, turn_id: str) -> Mapping[str, object] | None:
        return TRACE if turn_id in self.bubbles else None

    def read(self) -> None:
        """Take every waiting message up and start to type, as a worker does."""
        with self._lock:
            self._typing = True
            for bubble in [each for each in self.bubbles.values() if each.status == "stored"]:
                self._change(replace(bubble, status="read"))

    def reply(self, text: str, audio: str = "") -> None:
        """Answer everything that waits as one turn, by voice if `audio` tells where it is."""
        with self._lock:
            waiting = [
                b for b in self.bubbles.values() if b.side == "me" and b.status != "answered"
            ]
            turn = waiting[0].id
            for bubble in waiting:
                self._change(replace(bubble, status="answered", turn_id=turn))
            self.put(f"{turn}:0", "clone", text, "sent", turn, audio)
            self._typing = False

    def put(
        self, key: str, side: Any, text: str, status: Any, turn: str = "", audio: str = ""
    ) -> None:
        """Show a bubble in the conversation."""
        now = time.time()
        about = {"side": side, "text": text, "audio": audio, "status": status, "turn_id": turn}
        self._change(Bubble(id=key, at=now, version=0, **about))

    def _change(self, bubble: Bubble) -> None:
        self._version += 1
        self.bubbles[bubble.id] = replace(bubble, version=self._version)


class Quiet(WSGIRequestHandler):
    """Serves without a line per request."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""


@dataclass
class Page:
    """The open page, in the words of who looks at it."""

    driver: webdriver.Chrome
    address: str
    conversation: FakeConversation
    store: MediaStore
    #: The console may show failed requests only where the test makes them fail.
    may_fail: bool = False

    def one(self, css: str) -> WebElement:
        return self.wait(lambda: next(iter(self.all(css)), None))

    def all(self, css: str) -> list[WebElement]:
        """Return the visible elements."""
        return [e for e in self.driver.find_elements(By.CSS_SELECTOR, css) if e.is_displayed()]

    def texts(self, css: str) -> list[str]:
        return [element.text for element in self.all(css)]

    def wait(self, until: Callable[[], T | None]) -> T:
        """Wait for a true value; elements that the page replaced meanwhile are looked up again."""
        waiting = WebDriverWait(
            self.driver, 10, 0.05, ignored_exceptions=(StaleElementReferenceException,)
        )
        found = waiting.until(lambda _: until())
        assert found
        return found

    def write(self, *keys: str) -> None:
        self.one("#text").send_keys(*keys)

    def exchange(self, text: str, reply: str) -> None:
        """Send a text and see its reply."""
        before = len(self.all(".clone .text"))
        self.write(text, Keys.ENTER)
        self.wait(lambda: text in [message.text for message in self.conversation.received])
        self.conversation.reply(reply)
        self.wait(lambda: len(self.all(".clone .text")) > before)

    def record(self) -> None:
        """Record until there is a second of sound."""
        self.one("#record").click()
        self.wait(lambda: self.texts("#length") == ["0:01"])

    def heard(self, css: str) -> tuple[bool, float, int]:
        """Return whether a bubble's recording plays, where it is, and how ready it is."""
        plays, at, ready = self.driver.execute_script(HEARD, f"{css} audio")
        return plays, at, ready

    def errors(self) -> list[str]:
        """Return what the console has shown since it was last asked."""
        return [entry["message"] for entry in logged(self.driver, "browser")]

    def hosts(self) -> set[str | None]:
        """Return every host that the page asked for anything."""
        events = [json.loads(entry["message"]) for entry in logged(self.driver, "performance")]
        requests = [e["message"] for e in events if e["message"]["method"] == SENT]
        urls = [request["params"]["request"]["url"] for request in requests]
        return {urlsplit(url).hostname for url in urls if url.startswith(("http", "ws"))}


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One Chromium for all tests; each test has its own port, hence its own storage."""
    if CHROMIUM is None or CHROMEDRIVER is None:
        pytest.skip("needs Chromium: install chromium and chromium-driver to run it")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        *("headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run"),
        *("disable-background-networking", "disable-component-update", "disable-sync"),
        *("use-fake-device-for-media-stream", "use-fake-ui-for-media-stream"),
        *(
            "lang=pt-BR",
            "accept-lang=pt-BR",
            f"user-data-dir={tmp_path_factory.mktemp('chromium')}",
        ),
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(CHROMEDRIVER)
    chromium = webdriver.Chrome(options=options, service=service)
    # Timers that have not fired and the last request, so that a page at rest can be told.
    chromium.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
    yield chromium
    chromium.quit()


#: For what does not depend on the room there is.
ON_ONE_SIZE = pytest.mark.parametrize("page", [PHONE], indirect=True, ids=["phone"])


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def page(
    request: pytest.FixtureRequest, driver: webdriver.Chrome, tmp_path: Path
) -> Iterator[Page]:
    """The page on a desktop and on a phone, which must end without errors or foreign requests."""
    width, height = request.param
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    conversation, database = FakeConversation(), Database(tmp_path / "clone.db")
    store = MediaStore(database, tmp_path / "media")
    server = serve(conversation, store)
    try:
        opened = Page(driver, f"http://127.0.0.1:{server.port}/", conversation, store)
        driver.get(opened.address)
        opened.wait(lambda: conversation.asked > 0)
        yield opened
        assert opened.hosts() == {"127.0.0.1"}
        assert opened.errors() == [] or opened.may_fail
    finally:
        driver.get("about:blank")
        server.shutdown()
        server.server_close()
        database.close()
        logged(driver, "browser")
        logged(driver, "performance")


def logged(driver: webdriver.Chrome, kind: str) -> list[dict[str, Any]]:
    """Take the entries out of one of the browser's logs."""
    entries: list[dict[str, Any]] = driver.get_log(kind)  # type: ignore[no-untyped-call]
    return entries


def serve(conversation: FakeConversation, store: MediaStore) -> BaseWSGIServer:
    """Serve the page on a free loopback port, from a thread."""
    app = Flask(__name__)
    app.register_blueprint(
        simulator_blueprint(
            conversation=conversation,
            uploads=Uploads(store),
            persona_name=NAME,
            languages=("pt", "en"),
            token=None,
        )
    )

    @app.get("/media/<token>")
    def media(token: str) -> ResponseReturnValue:
        return send_from_directory(SOUNDS, token)

    @app.before_request
    def be_away() -> tuple[str, int] | None:
        return ("away", 503) if conversation.away else None

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
    return server


def test_a_message_gets_its_ticks_and_its_reply(page: Page) -> None:
    """A sent text is ticked as received, read and answered, while the clone is seen typing."""
    page.write("Quando foi o primeiro voo do 14-bis?", Keys.ENTER)

    page.one(".me .tick.stored")
    assert page.texts(".me .text") == ["Quando foi o primeiro voo do 14-bis?"]
    page.conversation.read()
    page.one(".me .tick.read")
    page.one("#typing")
    page.wait(lambda: page.one("#presence").text == "digitando…")
    page.conversation.reply(ANSWER)
    page.one(".me .tick.answered")
    page.wait(lambda: page.texts(".clone .text") == [ANSWER])
    page.wait(lambda: page.one("#presence").text == "online")
    assert page.all("#typing") == []
    assert page.texts(".day") == ["Hoje"]


def test_the_panel_tells_what_happened_in_the_turn(page: Page) -> None:
    """The button of a reply shows route, passages, model, seconds and tokens of its turn."""
    page.exchange("Quando voou o 14-bis?", ANSWER)

    page.one(".explain").click()

    page.wait(lambda: page.texts(".route li") == TRACE["route"])
    assert page.texts(".passage .file") == ["biografia.md", "biografia.md", "cartas.md"]
    assert page.texts(".passage.used .section") == ["O 14-bis", "Os recordes de novembro"]
    assert page.texts(".measure span") == ["0,91", "0,64", "0,27"]
    assert page.texts(".facts dd") == ["offline", "0,42 s", "1.184", "46", "respondido"]
    panel = page.one("#panel").rect
    assert panel["x"] >= 0
    assert panel["x"] + panel["width"] <= page.driver.execute_script("return innerWidth")


@ON_ONE_SIZE
def test_the_panel_is_left_by_keyboard(page: Page) -> None:
    """Escape closes the panel and gives the focus back to the button that opened it."""
    page.exchange("Oi", "Olá!")
    page.one(".explain").send_keys(Keys.ENTER)
    page.wait(lambda: page.texts(".route li"))
    assert page.driver.switch_to.active_element.get_attribute("id") == "panel-title"

    page.driver.switch_to.active_element.send_keys(Keys.ESCAPE)

    assert page.all("#panel") == []
    assert page.driver.switch_to.active_element == page.one(".explain")


@ON_ONE_SIZE
def test_markup_is_shown_as_text(page: Page) -> None:
    """Markup in a message or a reply is read, never run."""
    markup = "<img src=x onerror=\"document.title='owned'\"><b>oi</b>"

    page.exchange(markup, markup)

    assert page.texts(".me .text") == [markup]
    assert page.texts(".clone .text") == [markup]
    assert page.all("#log img, #log b:not(#unseen)") == []
    assert NAME in page.driver.title


def test_the_marks_of_whatsapp_are_shown_as_on_a_phone(page: Page) -> None:
    """Bold, italic, strike, code, quotes and lists look so; sums and addresses keep their marks."""
    page.exchange("Conte", MARKED)

    shown = {tag: page.texts(f".clone .text {tag}") for tag in ("strong", "em", "s", "code")}
    assert shown == {
        "strong": ["14-bis", "duas", "Fim"],
        "em": ["leve", "duas"],
        "s": ["nunca"],
        "code": ["x*y*z", "a = 1\n  b = *2*"],
    }
    assert page.texts(".clone .quote") == ["Voei, disse ele."]
    text = page.texts(".clone .text")[0]
    assert "2*3*4 e 2 * 3 * 4, snake_case_x" in text
    assert "• um\n  • dois\n1. três" in text
    links = page.all(".clone .text a")
    assert [link.get_attribute("href") for link in links] == [
        "https://pt.wikipedia.org/wiki/14-bis_(avi%C3%A3o)_x",
        "https://www.exemplo.com.br/_fotos_/",
    ]
    assert {link.get_attribute("rel") for link in links} == {"noopener noreferrer nofollow"}
    assert {link.get_attribute("target") for link in links} == {"_blank"}


@ON_ONE_SIZE
@pytest.mark.parametrize(
    "hostile",
    ["javascript:alert(1)", "data:text/html,x", "*<b>x</b>*", "`<i>`", "> <img src=x>"],
)
def test_marks_make_no_way_for_markup(page: Page, hostile: str) -> None:
    """Whatever stands between marks is text, and only web addresses become links."""
    page.exchange("Oi", hostile)

    assert page.all(".clone .text a, .clone .text b, .clone .text i, .clone .text img") == []


@ON_ONE_SIZE
def test_shift_enter_makes_a_line(page: Page) -> None:
    """Enter sends; with Shift it breaks the line and the input grows."""
    low = page.one("#text").rect["height"]
    page.write("um", Keys.SHIFT, Keys.ENTER, Keys.NULL, "dois")
    assert page.one("#text").rect["height"] > low

    page.write(Keys.ENTER)

    page.one(".me .tick.stored")
    assert [message.text for message in page.conversation.received] == ["um\ndois"]
    assert page.one("#text").rect["height"] == low


def test_a_suggestion_starts_the_conversation(page: Page) -> None:
    """An empty conversation offers three questions, and a tap asks one."""
    page.wait(lambda: len(page.all("#suggestions button")) == 3)
    question = page.texts("#suggestions button")[0]

    page.all("#suggestions button")[0].click()

    page.one(".me .tick.stored")
    assert page.texts(".me .text") == [question]
    assert page.all("#empty") == []


@ON_ONE_SIZE
def test_messages_survive_a_server_that_is_away(page: Page) -> None:
    """While the server is away messages wait under a banner; then each is delivered once."""
    page.may_fail = True
    page.conversation.away = True
    page.write("primeira", Keys.ENTER, "segunda", Keys.ENTER)
    page.one("#away")
    page.wait(lambda: len(page.all(".me .tick.sending")) == 2)

    page.conversation.away = False
    page.one("#retry").click()

    page.wait(lambda: len(page.all(".me .tick.stored")) == 2)
    page.wait(lambda: page.all("#away") == [])
    assert [message.text for message in page.conversation.received] == ["primeira", "segunda"]
    assert page.texts(".me .text") == ["primeira", "segunda"]


@ON_ONE_SIZE
def test_the_conversation_is_there_after_a_reload(page: Page) -> None:
    """Reloading shows the same bubbles, because the conversation lives in the clone."""
    page.exchange("Oi", "Olá!")

    page.driver.refresh()

    page.wait(lambda: page.texts(".text") == ["Oi", "Olá!"])


@ON_ONE_SIZE
def test_a_new_conversation_starts_empty(page: Page) -> None:
    """A new conversation is another contact to the clone, and shows nothing of the old one."""
    page.exchange("Oi", "Olá!")

    page.one("#new").click()
    page.one("#begin").click()
    page.one("#empty")
    page.write("De novo", Keys.ENTER)

    page.one(".me .tick.stored")
    assert page.texts(".text") == ["De novo"]
    first, second = (message.contact_id for message in page.conversation.received)
    assert first != second


@ON_ONE_SIZE
def test_older_messages_are_not_scrolled_away(page: Page) -> None:
    """Who reads above stays there: news are counted on a button that leads to them."""
    page.exchange("Conte tudo", "linha\n" * 60)
    page.driver.execute_script("document.getElementById('log').scrollTop = 0")
    page.one("#jump")
    turn = next(iter(page.conversation.bubbles))

    page.conversation.put(f"{turn}:1", "clone", "E mais isto.", "sent", turn)

    page.wait(lambda: page.texts("#unseen") == ["1"])
    assert page.driver.execute_script("return document.getElementById('log').scrollTop") == 0
    page.one("#jump").click()
    page.wait(lambda: page.all("#jump") == [])


@ON_ONE_SIZE
def test_a_hidden_page_asks_for_nothing(page: Page) -> None:
    """A page in the background has no timer left, and asks again as soon as it is looked at."""
    page.driver.execute_script(SHOW_OR_HIDE, True)
    assert page.driver.execute_async_script(REST) == 0
    asked = page.conversation.asked

    page.driver.execute_script(SHOW_OR_HIDE, False)

    page.wait(lambda: page.conversation.asked > asked)


@ON_ONE_SIZE
def test_the_page_speaks_the_languages_of_the_browser(page: Page) -> None:
    """The page's own words follow the browser, and are Portuguese for a language it lacks."""
    found = {}
    for locale in ("en-US", "es-AR", "de-DE"):
        page.driver.execute_cdp_cmd(
            "Emulation.setUserAgentOverride", {"userAgent": "test", "acceptLanguage": locale}
        )
        page.driver.refresh()
        shown = (page.one("#text"), "placeholder"), (page.one("#record"), "aria-label")
        found[locale] = tuple(element.get_attribute(name) for element, name in shown)
    page.driver.execute_cdp_cmd(
        "Emulation.setUserAgentOverride", {"userAgent": "", "acceptLanguage": "pt-BR"}
    )

    assert found == {
        "en-US": ("Message", "Record a voice message"),
        "es-AR": ("Mensaje", "Grabar mensaje de voz"),
        "de-DE": ("Mensagem", "Gravar mensagem de voz"),
    }


def test_a_recording_is_sent_and_can_be_heard(page: Page) -> None:
    """An empty box offers the microphone; what it recorded is sent, and plays in its bubble."""
    page.record()
    assert page.all("#text") == []
    page.one("#send").click()

    page.one(".me .tick.stored")
    (message,) = page.conversation.received
    assert (message.kind, message.text) == ("audio", "")
    (media,) = message.media
    kept = page.store.read(name_of(media))
    assert kept is not None
    assert media.content_type == kept.content_type == type_of(kept.data) == "audio/webm"
    assert page.texts(".me .length") == ["0:01"]
    page.one(".me .play").click()
    page.wait(lambda: page.heard(".me")[1] > 0.1)
    page.wait(lambda: page.heard(".me")[:2] == (False, 0))
    track = page.driver.find_element(By.CSS_SELECTOR, ".me .track input")
    track.send_keys(*[Keys.ARROW_RIGHT] * 5)
    page.wait(lambda: page.heard(".me")[1] == pytest.approx(0.5))


@ON_ONE_SIZE
def test_a_recording_is_there_after_a_reload(page: Page) -> None:
    """Who reloads the page hears what they recorded from the clone, which keeps it."""
    page.record()
    page.one("#send").click()
    page.one(".me .tick.stored")

    page.driver.refresh()

    page.wait(lambda: page.texts(".me .length") == ["0:01"])
    page.one(".me .play").click()
    page.wait(lambda: page.heard(".me")[1] > 0.1)


def test_a_voice_reply_plays_like_a_voice_note(page: Page) -> None:
    """A reply by voice plays in its bubble, one recording at a time, above its words."""
    page.record()
    page.one("#send").click()
    page.one(".me .tick.stored")
    page.conversation.reply("Foi em Paris, em 1906.", "/media/reply.ogg")

    page.wait(lambda: page.texts(".clone .length") == ["0:03"])
    assert page.texts(".clone .text") == ["Foi em Paris, em 1906."]
    page.one(".me .play").click()
    page.one(".clone .play").click()
    page.wait(lambda: page.heard(".clone")[1] > 0.1)
    assert page.heard(".clone")[2] == READY
    assert page.heard(".me")[0] is False
    assert page.one(".clone .play").get_attribute("aria-label") == "Pausar"


@ON_ONE_SIZE
def test_a_recording_is_played_by_keyboard(page: Page) -> None:
    """Space plays and pauses; in the track the arrows move, and its place is told in words."""
    page.write("Oi", Keys.ENTER)
    page.one(".me .tick.stored")
    page.conversation.reply("Foi em Paris.", "/media/reply.ogg")
    page.wait(lambda: page.texts(".clone .length") == ["0:03"])
    page.one(".clone .play").send_keys(Keys.SPACE)
    page.wait(lambda: page.heard(".clone")[0])
    page.one(".clone .play").send_keys(Keys.SPACE)
    page.wait(lambda: not page.heard(".clone")[0])

    track = page.driver.find_element(By.CSS_SELECTOR, ".clone .track input")
    track.send_keys(Keys.END, Keys.ARROW_LEFT, Keys.HOME, *[Keys.ARROW_RIGHT] * 20)

    page.wait(lambda: page.heard(".clone")[1] == pytest.approx(2.0))
    assert track.get_attribute("aria-valuetext") == "0:02 de 0:03"
    assert track.get_attribute("aria-label") == "Posição no áudio"


def test_a_recording_can_be_thrown_away(page: Page) -> None:
    """A tap on the bin, Escape and a new conversation each end a recording that nobody hears."""
    page.record()
    page.one("#discard").click()
    page.one("#text")
    page.record()
    page.one("#send").send_keys(Keys.ESCAPE)
    page.one("#text")
    page.exchange("Oi", "Olá!")
    page.record()
    page.one("#new").click()
    page.one("#begin").click()
    page.one("#text")

    assert page.all("#recording") == []
    page.write("De novo", Keys.ENTER)
    page.one(".me .tick.stored")
    assert [message.kind for message in page.conversation.received] == ["text", "text"]
    assert page.store.oldest() is None


@ON_ONE_SIZE
def test_a_long_recording_ends_by_itself(page: Page) -> None:
    """After two minutes the microphone is off, and what it recorded can still be sent."""
    page.driver.execute_script(HURRY)
    page.one("#record").click()
    page.one("#recording")
    assert page.driver.execute_script(LISTENS)

    page.wait(lambda: not page.driver.execute_script(LISTENS))

    page.one("#send").click()
    page.one(".me .tick.stored")
    page.wait(lambda: page.texts(".me .length") == ["0:01"])


@ON_ONE_SIZE
def test_the_page_works_without_a_microphone(page: Page) -> None:
    """Where no microphone is given the page says so in a sentence, and one can still write."""
    page.driver.execute_script(DENIED)

    page.one("#record").click()

    assert "microfone está bloqueado" in page.one("#note").text
    page.write("Então escrevo")
    assert page.all("#note") == page.all("#record") == []
    page.write(Keys.ENTER)
    page.one(".me .tick.stored")
    page.one("#record")


@ON_ONE_SIZE
def test_a_recording_that_is_gone_says_so(page: Page) -> None:
    """After its retention the bubble of a recording says that it is not kept any more."""
    page.may_fail = True
    page.write("Oi", Keys.ENTER)
    page.one(".me .tick.stored")

    page.conversation.reply("Foi em Paris.", "/media/expired.ogg")

    page.wait(lambda: page.texts(".clone .gone") == ["Este áudio já não está guardado."])
    assert page.one(".clone .play").get_attribute("disabled")
    assert page.texts(".clone .text") == ["Foi em Paris."]


@ON_ONE_SIZE
def test_recordings_wait_for_a_server_that_is_away(page: Page) -> None:
    """While the server is away a recording waits in its place among the texts."""
    page.may_fail = True
    page.conversation.away = True
    page.record()
    page.one("#send").click()
    page.write("e isto", Keys.ENTER)
    page.one("#away")

    page.conversation.away = False
    page.one("#retry").click()

    page.wait(lambda: len(page.all(".me .tick.stored")) == 2)
    assert [message.kind for message in page.conversation.received] == ["audio", "text"]
