"""The simulator page in a real browser, in front of the real processes."""

import shutil
from collections.abc import Callable, Iterator
from typing import TypeVar
from urllib.request import Request, urlopen

import pytest
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.e2e.conftest import MakeHouse
from tests.e2e.house import elevenlabs_settings, openai_settings
from tests.sounds import sound
from tests.standins.elevenlabs import ElevenLabsStandIn
from tests.standins.openai import OpenAIStandIn

T = TypeVar("T")
CHROMIUM = shutil.which("chromium")
CHROMEDRIVER = shutil.which("chromedriver")
#: Whether the reply's recording has begun to sound.
PLAYED = "return document.querySelector('.clone audio')?.currentTime > 0"
QUESTION = "Quando foi o primeiro voo do 14-bis?"


@pytest.fixture
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A headless Chromium that speaks Portuguese."""
    if CHROMIUM is None or CHROMEDRIVER is None:
        pytest.skip("needs Chromium: install chromium and chromium-driver to run it")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    profile = tmp_path_factory.mktemp("chromium")
    for argument in (
        *("headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run"),
        *("disable-background-networking", "disable-component-update", "disable-sync"),
        *("use-fake-device-for-media-stream", "use-fake-ui-for-media-stream"),
        *("lang=pt-BR", "accept-lang=pt-BR", "window-size=1280,900", f"user-data-dir={profile}"),
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chromium = webdriver.Chrome(options=options, service=webdriver.ChromeService(CHROMEDRIVER))
    yield chromium
    chromium.quit()


def test_a_newcomer_asks_the_sample_clone(make_house: MakeHouse, browser: webdriver.Chrome) -> None:
    """A question gets its ticks, an answer from the biography, and a panel that explains it."""
    house = make_house()
    house.serve()
    browser.get(f"{house.address}/")
    assert "Alberto Santos-Dumont" in browser.title

    one(browser, "#text").send_keys(QUESTION, Keys.ENTER)

    one(browser, ".me .tick.answered")
    answer = wait(browser, lambda: "\n".join(texts(browser, ".clone .text")))
    assert texts(browser, ".me .text") == [QUESTION]
    assert "1906" in answer
    one(browser, ".explain").click()
    passed = {"understand", "retrieve", "guard"}
    wait(browser, lambda: passed <= set(texts(browser, ".route li")))
    assert any(file.endswith(".md") for file in texts(browser, ".passage.used .file"))
    assert "offline" in texts(browser, ".facts dd")
    assert not any("1906" in line for line in house.console.lines())
    assert browser.get_log("browser") == []


def test_the_smoke_test_of_a_new_installation(
    make_house: MakeHouse, browser: webdriver.Chrome
) -> None:
    """`oi` gets the sample's greeting at once, and starts no worker."""
    house = make_house()
    house.serve()
    browser.get(f"{house.address}/")

    one(browser, "#text").send_keys("oi", Keys.ENTER)

    wait(browser, lambda: texts(browser, ".clone .text"))
    assert texts(browser, ".clone .text") == [
        "Olá! O novo sistema v2.0 está funcionando. O bug de cache foi resolvido!"
    ]
    assert house.workers() == []


def test_a_recording_is_answered_without_keys(
    make_house: MakeHouse, browser: webdriver.Chrome
) -> None:
    """Without a key to hear with, a recording is kept and answered, and plays after a reload."""
    house = make_house()
    house.serve()
    browser.get(f"{house.address}/")

    one(browser, "#record").click()
    wait(browser, lambda: texts(browser, "#length") == ["0:01"])
    one(browser, "#send").click()

    one(browser, ".me .tick.answered")
    wait(browser, lambda: any("escrev" in line.lower() for line in texts(browser, ".clone .text")))
    browser.refresh()
    wait(browser, lambda: texts(browser, ".me .length") == ["0:01"])
    one(browser, ".me .play").click()
    one(browser, ".me .play[data-state='pause']")
    assert browser.get_log("browser") == []


def test_a_recording_is_answered_by_a_voice_that_plays(
    make_house: MakeHouse,
    browser: webdriver.Chrome,
    openai: OpenAIStandIn,
    elevenlabs: ElevenLabsStandIn,
) -> None:
    """With the vendors' keys, what the microphone took is heard, and the reply is heard here."""
    house = make_house(**openai_settings(openai), **elevenlabs_settings(elevenlabs))
    house.serve()
    browser.get(f"{house.address}/")

    one(browser, "#record").click()
    wait(browser, lambda: texts(browser, "#length") == ["0:01"])
    one(browser, "#send").click()

    one(browser, ".me .tick.answered")
    one(browser, ".clone .play").click()
    wait(browser, lambda: browser.execute_script(PLAYED))
    (upload,) = openai.recordings
    assert (upload.file_name, upload.content_type) == ("voice.webm", "audio/webm")
    (speech,) = elevenlabs.speeches
    assert "sintética" in speech.text
    assert "1906" in speech.text
    assert browser.get_log("browser") == []


def test_two_minutes_of_speech_pass_the_server(make_house: MakeHouse) -> None:
    """A recording as long as the page allows is taken in, though no webhook may be so long."""
    house = make_house()
    house.serve()
    data = sound("voice_note.ogg").ljust(300_000, b"\0")
    address = f"{house.address}/simulator/recordings?conversation=contact-1&id=message-1"
    upload = Request(address, data, {"Content-Type": "audio/ogg"})

    with urlopen(upload, timeout=10) as response:
        assert response.status == 202


def one(browser: webdriver.Chrome, css: str) -> WebElement:
    """Return the first visible element, once there is one."""
    return wait(browser, lambda: next(iter(visible(browser, css)), None))


def visible(browser: webdriver.Chrome, css: str) -> list[WebElement]:
    """Return the visible elements."""
    return [e for e in browser.find_elements(By.CSS_SELECTOR, css) if e.is_displayed()]


def texts(browser: webdriver.Chrome, css: str) -> list[str]:
    """Return the words of the visible elements."""
    return [element.text for element in visible(browser, css)]


def wait(browser: webdriver.Chrome, until: Callable[[], T | None]) -> T:
    """Wait for a true value; elements that the page replaced meanwhile are looked up again."""
    waiting = WebDriverWait(browser, 15, 0.05, ignored_exceptions=(StaleElementReferenceException,))
    found = waiting.until(lambda _: until())
    assert found
    return found
