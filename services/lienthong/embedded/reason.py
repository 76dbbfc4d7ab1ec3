"""Why did it stop? The last lines of a log that say so, short enough for one sentence."""

import re
from pathlib import Path

__all__ = ["last_reason"]

_TAIL_BYTES = 256 * 1024
_LINE_CHARACTERS = 240
_LINES = 3

_LOGGED = re.compile(r"^\S* ?\S* ?\[[^]]*\] (?:ERROR|FATAL) \S+ - (?P<said>.*)$")
_THROWN = re.compile(r"^(?:Caused by: |Exception in thread \"[^\"]*\" )?(?P<said>[\w.$]+(?:Exception|Error)(?:: .*)?)$")
_MACHINE = re.compile(r"^(?P<said>(?:Error: |Error occurred during |Could not |Unrecognized |Terminating due to ).*)$")


def last_reason(log: Path) -> str | None:
    """Return the last errors and exceptions of a log of Kafka or its Java, oldest first, or `None`.

    Only the end of the log is read. Stack traces, times and names of loggers are left out, and an
    exception that several lines repeat is told once.
    """
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            text = stream.read().decode(errors="replace")
    except OSError:
        return None
    said: list[str] = []
    for line in text.splitlines():
        for form in (_LOGGED, _THROWN, _MACHINE):
            match = form.match(line)
            if match and match["said"] not in said:
                said.append(match["said"])
                break
    return "; ".join(_shorten(line) for line in said[-_LINES:]) or None


def _shorten(line: str) -> str:
    return line if len(line) <= _LINE_CHARACTERS else f"{line[:_LINE_CHARACTERS]} …"
