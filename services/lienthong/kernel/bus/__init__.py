"""The only package that knows Kafka. Everything above it sees records, partitions and four errors.

aiokafka's defaults lose data (acks of one copy, offset reset to the latest, commits by timer), its
idempotent producer waits for ever on a dead broker and is wedged after a refusal, and `stop()` may
hang. So here every setting is explicit, every wait has a bound, a producer that failed is thrown
away and made anew, and what is thrown away is closed within a bound of its own.
"""

from lienthong.kernel.bus.cluster import Bus, Connect
from lienthong.kernel.bus.publisher import Appended, Publisher, Row
from lienthong.kernel.bus.reader import Mark, Reader
from lienthong.kernel.bus.settings import KafkaSettings

__all__ = ["Appended", "Bus", "Connect", "KafkaSettings", "Mark", "Publisher", "Reader", "Row"]
