"""No installed package is older than the release that closed a known hole in it."""

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.version import Version

from tests.sources import ROOT

FLOORS: list[dict[str, str]] = json.loads(
    (Path(__file__).parent.parent / "data" / "version_floors.json").read_text(encoding="utf-8")
)


def highest_floors() -> dict[str, Version]:
    """Return the floor of each package: the newest of its fixed releases."""
    floors: dict[str, Version] = {}
    for row in FLOORS:
        floor = Version(row["floor"])
        floors[row["package"]] = max(floor, floors.get(row["package"], floor))
    return floors


def pins() -> dict[str, Version]:
    """Return what the constraints file pins, by lower-case name."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {name.lower(): Version(pin) for name, pin in pairs}


def installed(package: str) -> Version | None:
    """Return the version of `package` here, if it is here at all."""
    try:
        return Version(version(package))
    except PackageNotFoundError:
        return None


@pytest.mark.parametrize("package", highest_floors())
def test_installed_version_has_the_fixes(package: str) -> None:
    """Each installed package is at least the release that mended its last known hole."""
    here = installed(package)
    if here is None:
        return  # what is not installed has no hole

    open_holes = [
        f"{row['advisory']}: {row['what']}"
        for row in FLOORS
        if row["package"] == package and here < Version(row["floor"])
    ]

    assert open_holes == []


def test_constraints_have_the_fixes() -> None:
    """The pinned versions that a newcomer installs are at or above every floor too."""
    pinned = pins()
    floors = highest_floors()

    below = {
        name: str(pin) for name, pin in pinned.items() if name in floors and pin < floors[name]
    }

    assert pinned
    assert below == {}


def test_constraints_name_no_host() -> None:
    """The pins say what is installed and leave where from to whoever installs it."""
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")

    assert "://" not in text
    assert " @ " not in text
