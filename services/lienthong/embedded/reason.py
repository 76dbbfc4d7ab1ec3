"""Why did it stop? The last lines of a Kafka's or Java's output that say so, short enough for a sentence."""

import re
from pathlib import Path

__all__ = ["last_reason", "reason_in"]

_TAIL_BYTES = 256 * 1024
_LINE_CHARACTERS = 240
_LINES = 2

_FORMS = (
    # What was thrown says more than what was logged about it, and that more than Java's own messages.
    re.compile(
        r"^(?:Caused by: |Exception in thread \"[^\"]*\" |Terminating due to )?"
        r"(?:[\w$]+\.)*(?P<said>[\w$]*(?:Exception|Error)(?:: .*)?)$"
    ),
    re.compile(r"^[^\[]*\[[^]]*\] (?:ERROR|FATAL) \S+ - (?P<said>.*)$"),
    re.compile(r"^(?:# )?(?P<said>(?:Error|Could not|Unrecognized|There is) .*)$"),
    re.compile(r"^(?P<said>.*\S.*)$"),
)


def last_reason(log: Path) -> str | None:
    """Return what `reason_in` finds at the end of a file; `None` also when it cannot be read."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            return reason_in(stream.read().decode(errors="replace"))
    except OSError:
        return None


def reason_in(output: str) -> str | None:
    """Return the last exceptions of `output`, else its last errors, else its last line, else `None`.

    Stack traces, times and the names of loggers and packages are left out, and so is what is repeated.
    """
    lines = output.splitlines()
    for form in _FORMS:
        # Newest first, each only once: the cause at the root of a chain comes last in the output.
        said = dict.fromkeys(match["said"].strip() for match in map(form.match, reversed(lines)) if match)
        if said:
            newest = list(said)[: 1 if form is _FORMS[-1] else _LINES]
            return "; ".join(_shorten(line) for line in reversed(newest))
    return None


def _shorten(line: str) -> str:
    return line.rstrip(".") if len(line) <= _LINE_CHARACTERS else f"{line[:_LINE_CHARACTERS]} …"
