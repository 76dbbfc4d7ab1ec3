"""What Kafka's own tools measure on the same broker, with the same Java."""

import asyncio
import os
import re
from dataclasses import dataclass

from bench.rig import Rig
from bench.sizes import VALUE_BYTES
from lienthong.embedded.jars import class_path
from lienthong.embedded.java import find_java
from lienthong.kernel.errors import UnavailableError

__all__ = ["EndToEnd", "end_to_end_latency", "producer_performance", "read_end_to_end", "read_performance"]

_RATE = re.compile(r"(\d+) records sent, ([\d.]+) records/sec")
_AVERAGE = re.compile(r"Avg latency: ([\d.]+) ms")
_PERCENTILES = re.compile(r"50th = (\d+), 99th = (\d+)")
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """From producer to consumer, one message at a time; milliseconds."""

    average: float
    p50: float
    p99: float


def read_performance(text: str) -> float:
    """Records a second, from the last summary that ProducerPerformance prints.

    Raises:
        ValueError: there is none.
    """
    found = _RATE.findall(text)
    if not found:
        raise ValueError("no rate")
    return float(found[-1][1])


def read_end_to_end(text: str) -> EndToEnd:
    """What EndToEndLatency prints at its end.

    Raises:
        ValueError: it is not there.
    """
    average, percentiles = _AVERAGE.search(text), _PERCENTILES.search(text)
    if average is None or percentiles is None:
        raise ValueError("no latencies")
    return EndToEnd(float(average[1]), float(percentiles[1]), float(percentiles[2]))


async def producer_performance(rig: Rig, mark: str, count: int, *, timeout_seconds: float) -> float:
    """Records a second that Kafka's own producer appends, set as the relay's.

    Raises:
        UnavailableError: the tool failed, or took too long.
    """
    topic = f"bench.performance.{mark}"
    await rig.make_topics(topic)
    text = await _run(
        "ProducerPerformance", timeout_seconds,
        "--bootstrap-server", rig.bootstrap, "--topic", topic, "--num-records", str(count),
        "--record-size", str(VALUE_BYTES), "--throughput", "-1",
        "--command-property", "acks=all", "enable.idempotence=true", "linger.ms=5", "batch.size=262144",
    )  # fmt: skip
    try:
        return read_performance(text)
    except ValueError as error:
        raise _not_understood("ProducerPerformance", text) from error


async def end_to_end_latency(rig: Rig, mark: str, count: int, *, timeout_seconds: float) -> EndToEnd:
    """Latencies of messages that are sent one after the other.

    Raises:
        UnavailableError: the tool failed, or took too long.
    """
    topic = f"bench.end-to-end.{mark}"
    await rig.make_topics(topic)
    text = await _run("EndToEndLatency", timeout_seconds, rig.bootstrap, topic, str(count), "all", str(VALUE_BYTES))
    try:
        return read_end_to_end(text)
    except ValueError as error:
        raise _not_understood("EndToEndLatency", text) from error


async def _run(tool: str, timeout_seconds: float, *arguments: str) -> str:
    java = await asyncio.to_thread(find_java)
    jars = os.pathsep.join(str(jar) for jar in await asyncio.to_thread(class_path))
    process = await asyncio.create_subprocess_exec(
        str(java.executable), "-Xmx512m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-cp", jars, f"org.apache.kafka.tools.{tool}", *arguments,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(timeout_seconds):
            output = (await process.communicate())[0].decode("utf-8", "replace")
    except TimeoutError as error:
        raise UnavailableError(f"Kafka's {tool} did not finish within {timeout_seconds:.0f} s") from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise _not_understood(tool, output)
    return output


def _not_understood(tool: str, text: str) -> UnavailableError:
    return UnavailableError(f"Kafka's {tool} gave no result: {' '.join(text.split())[-_SHOWN:] or 'it said nothing'}")
