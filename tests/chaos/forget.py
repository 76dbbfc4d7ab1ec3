"""``python -m chaos.forget BOOTSTRAP GROUP``: delete a consumer group, as Kafka does when its offsets are too old.

A process of its own: librdkafka, which alone offers this to Python, ends its process by an assertion now and
then when a broker vanishes under it.
"""

import sys

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

__all__ = ["main"]

_TIMEOUT_SECONDS = 10


def main(bootstrap: str, group: str) -> int:
    """Delete it; 0 when it is not there any more, 1 when Kafka did not do it."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        admin.delete_consumer_groups([group], request_timeout=_TIMEOUT_SECONDS)[group].result()
    except KafkaException as error:
        return 0 if error.args[0].name() == "GROUP_ID_NOT_FOUND" else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
