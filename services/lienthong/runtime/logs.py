"""Logs: structlog, one JSON object a line on standard error, with ids and never with contents or keys."""

import logging
import sys
import time
from typing import Any

import structlog

__all__ = ["configure_logs"]


class _OncePerSecond(logging.Filter):
    """Lets a message of aiokafka through once a second: a dead broker makes it write thousands."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now - self._last.get(record.msg, 0.0) < 1.0:
            return False
        if len(self._last) > 1_000:  # noqa: PLR2004 - messages with values formatted in must not fill memory
            self._last.clear()
        self._last[record.msg] = now
        return True


def configure_logs(*, level: str = "INFO") -> None:
    """Set up logging of the process: ours, aiokafka's and everybody else's, in one form.

    Args:
        level: lowest level shown.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("aiokafka", "aiokafka.conn", "aiokafka.producer.sender", "aiokafka.consumer.fetcher",
                 "aiokafka.consumer.group_coordinator", "aiokafka.client", "aiokafka.cluster"):  # fmt: skip
        logging.getLogger(name).addFilter(_OncePerSecond())
    logging.getLogger("aiokafka").setLevel(max(logging.WARNING, logging.getLevelName(level)))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
