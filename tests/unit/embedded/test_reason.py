"""The reason in a log, in a few words."""

from pathlib import Path

import pytest

from lienthong.embedded.reason import last_reason, reason_in

LOGGED = "2026-11-24T02:28:10.449Z [main] ERROR kafka.Kafka$ - Exiting Kafka due to fatal exception\n"
NEWS = "2026-11-24T02:28:10.449Z [main] WARN kafka.Controller - Performing activation. ERROR is no level here\n"
THROWN = "java.lang.RuntimeException: Stored node id 2 is not 1.\n\tat kafka.Kafka.main(Kafka.scala)\n"


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("", None),
        (NEWS + LOGGED, "Exiting Kafka due to fatal exception"),
        (NEWS + LOGGED + THROWN, "RuntimeException: Stored node id 2 is not 1"),
        (
            LOGGED + "a.b.KafkaException: outer\n\tat x\nCaused by: java.io.IOException: inner\n" + THROWN,
            "IOException: inner; RuntimeException: Stored node id 2 is not 1",
        ),
        (
            "a.Cause: root\njava.lang.Exception: a\nCaused by: java.net.BindException: root\n"
            "java.lang.Exception: b\nCaused by: java.lang.Exception: a\n"
            "Caused by: java.net.BindException: root\n",
            "Exception: a; BindException: root",
        ),
        (THROWN * 3, "RuntimeException: Stored node id 2 is not 1"),
        (
            NEWS + "Terminating due to java.lang.OutOfMemoryError: Java heap space\n",
            "OutOfMemoryError: Java heap space",
        ),
        (
            "Error occurred during initialization of VM\nCould not reserve enough space\n",
            "Error occurred during initialization of VM; Could not reserve enough space",
        ),
        ("one\nsomething odd\n\n", "something odd"),
        (f"java.io.IOException: {'x' * 1000}\n", f"IOException: {'x' * 227} …"),
    ],
)
def test_the_reason_is_what_says_most(output: str, reason: str | None) -> None:
    """Exceptions come before logged errors, those before Java's own words; any line is better than none."""
    assert reason == reason_in(output)


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    """A log of any size is looked through quickly, and bytes that are no text do not matter."""
    log = tmp_path / "broker.log"
    log.write_bytes(THROWN.encode() + b"\xff\xfe nothing new\n" * 50_000 + LOGGED.encode())
    assert "Exiting Kafka due to fatal exception" == last_reason(log)
    assert last_reason(tmp_path / "missing") is None
