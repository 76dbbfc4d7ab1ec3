"""How a database is reached: over a network that breaks in any way, by a URL that nobody repeats, from a thread."""

import asyncio
import socket
import struct
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeAlias

import pytest

from lienthong.kernel.errors import UnavailableError
from lienthong.tracker import database as module
from lienthong.tracker.database import Database, DatabaseThread
from lienthong.tracker.migration import check

Server: TypeAlias = Callable[[socket.socket, threading.Event], None]


def resets(connection: socket.socket, _: threading.Event) -> None:
    """Hear that somebody asks, and break off."""
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def speaks_no_tls(connection: socket.socket, ended: threading.Event) -> None:
    """Promise TLS, and say something else."""
    connection.recv(8)
    connection.sendall(b"S" + b"this is no TLS at all" * 9)
    ended.wait(60)


def is_silent(_: socket.socket, ended: threading.Event) -> None:
    """Say nothing."""
    ended.wait(60)


@contextmanager
def listening(does: Server) -> Iterator[str]:
    """A server on loopback that does this to the first who connects; yields the URL of a database there."""

    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            does(connection, ended)

    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"postgresql://tracker@127.0.0.1:{server.getsockname()[1]}/none"
        finally:
            ended.set()
            thread.join()


@pytest.mark.parametrize(
    ("does", "sentence"),
    [(resets, "Connection reset by peer"), (speaks_no_tls, "SSL"), (is_silent, "timed out")],
)
def test_a_network_that_breaks_ends_nothing(does: Server, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors of sockets, which the driver lets out as they are, are told as any other of the database."""
    monkeypatch.setattr(module, "_CONNECT_SECONDS", 0.5)
    with listening(does) as url:
        database = Database(url)
        with pytest.raises(UnavailableError, match=f"the tracker's database postgresql://.*{sentence}"):
            check(database)
        database.close()


@pytest.mark.parametrize("url", ["postgresql//lt:secret@db/x", "lt:secret@db/x", "postgresql://lt:secret", "secret"])
def test_a_mistyped_url_is_not_repeated(url: str) -> None:
    """It may hold a password; the setting is named instead. Nor does a traceback show it."""
    with pytest.raises(ValueError, match="LIENTHONG_TRACKER_DATABASE") as caught:
        Database(url)
    assert "secret" not in "".join(traceback.format_exception(caught.value))


async def test_a_thread_does_one_thing_after_the_other() -> None:
    """In the order in which they were asked for; results and errors come back, the last thing is done last."""
    thread, done = DatabaseThread("test"), list[int]()

    def add(number: int) -> int:
        done.append(number)
        return len(done)

    first, failing, second = thread.ask(partial(add, 7)), thread.ask(lambda: 1 // 0), thread.ask(partial(add, 5))
    last = thread.end(lambda: threading.current_thread().name)
    assert (1, 2, "test") == (await first, await second, await last)
    with pytest.raises(ZeroDivisionError):
        await failing
    assert [7, 5] == done


async def test_what_is_cancelled_before_its_turn_is_not_done() -> None:
    """What was begun is done; so is what nobody waits for."""
    thread, done, begun, goes_on = DatabaseThread("test"), list[int](), threading.Event(), threading.Event()

    def slow() -> None:
        begun.set()
        goes_on.wait(30)
        done.append(1)

    running, waiting = thread.ask(slow), thread.ask(partial(done.append, 2))
    await asyncio.to_thread(begun.wait, 30)
    running.cancel()
    waiting.cancel()
    thread.ask(partial(done.append, 3))
    ended = thread.end(partial(done.append, 4))
    goes_on.set()
    await ended
    assert [1, 3, 4] == done


def test_a_thread_may_outlive_its_event_loop(capfd: pytest.CaptureFixture[str]) -> None:
    """What it has to say then is said to nobody."""
    goes_on = threading.Event()

    async def leave() -> threading.Thread:
        thread = DatabaseThread("left behind")
        thread.ask(partial(goes_on.wait, 30))
        thread.end(lambda: None)
        return next(one for one in threading.enumerate() if one.name == "left behind")

    left = asyncio.run(leave())
    goes_on.set()
    left.join(30)
    assert not left.is_alive()
    assert "" == capfd.readouterr().err
