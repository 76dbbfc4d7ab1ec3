"""Fixtures of all tests: a real Kafka, a backbone on it, services in processes of their own."""

import contextlib
import os
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import pytest

import alone
import postgresql
from backbone import Backbone, open_backbone
from lienthong.demo.stage import free_port
from lienthong.embedded import EmbeddedKafka

# Brokers of tests live for moments: the compiler that makes them fast would take more time than it saves.
os.environ.setdefault("KAFKA_OPTS", "-XX:TieredStopAtLevel=1")
# How wide the tester's terminal is; tests say so themselves where it matters.
os.environ.pop("COLUMNS", None)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that of two files at a time none is left over at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow") is not None}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Tests marked as such run alone; this is outside of the bounds in time."""
    with alone.place(alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an empty Kafka of this test run."""
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka"), heap_mib=768, port=free_port()) as node:
        yield node.up(timeout_seconds=120)


@pytest.fixture(scope="session")
async def backbone(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Backbone]:
    """A backbone with six agencies and all services, shared by tests that leave it working."""
    async with open_backbone(tmp_path_factory.mktemp("home"), kafka) as opened:
        await opened.start("all")
        yield opened


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A server of this test run, if one can be started."""
    why = postgresql.why_there_is_none()
    if why is not None:
        pytest.skip(why)
    with postgresql.running() as url:
        yield url


@pytest.fixture
async def own_backbone(tmp_path: Path) -> AsyncIterator[Backbone]:
    """A backbone on a Kafka of its own, for tests that damage or kill something; no service runs yet."""
    node = EmbeddedKafka(tmp_path / "kafka", heap_mib=512, port=free_port())
    with contextlib.closing(_Down(node)):
        address = node.up(timeout_seconds=120)
        async with open_backbone(tmp_path / "home", address) as opened:
            opened.node = node
            yield opened


class _Down:
    """Stops a node when it is closed."""

    def __init__(self, node: EmbeddedKafka) -> None:
        self._node = node

    def close(self) -> None:
        self._node.down()
