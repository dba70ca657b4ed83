"""The guards of conftest: unit tests reach no network and see no settings of this machine."""

import asyncio
import os
import socket

import pytest


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_an_internet_socket_is_refused(family: socket.AddressFamily) -> None:
    """A unit test that opens a network socket is told to pass a fake."""
    with pytest.raises(RuntimeError, match="pass a fake"):
        socket.socket(family)


async def test_an_internet_connection_is_refused() -> None:
    """The event loop cannot connect either, not even to this machine."""
    with pytest.raises(RuntimeError, match="unit test"):
        await asyncio.open_connection("127.0.0.1", 9)


def test_a_local_socket_works() -> None:
    """Sockets that never leave the machine, such as the worker's, are open to unit tests."""
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"oi")

        assert right.recv(2) == b"oi"


def test_settings_of_this_machine_are_hidden() -> None:
    """No key or setting of whoever runs the tests changes what they do."""
    foreign = {name for name in os.environ if name.startswith(("CLONE_", "OPENAI_", "TWILIO_"))}

    assert foreign == set()
    assert os.environ["LANGSMITH_TRACING"] == "false"
