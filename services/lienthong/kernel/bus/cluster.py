"""A Kafka cluster: makes readers and publishers, knows topics."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from typing import Self, TypeAlias, TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError, KafkaError, NodeNotReadyError, TopicAlreadyExistsError, for_code

from lienthong.kernel.bus.mended import mend
from lienthong.kernel.bus.publisher import Publisher
from lienthong.kernel.bus.reader import Reader
from lienthong.kernel.bus.settings import KafkaSettings
from lienthong.kernel.bus.sweep import sweep
from lienthong.kernel.bus.topic_ids import TopicIdsRequest, agreed
from lienthong.kernel.bus.translation import CLOSE_SECONDS, translated, within
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.ledger import Record
from lienthong.kernel.pace import Pace
from lienthong.kernel.pieces import Pieces
from lienthong.kernel.topics import Partition, TopicSettings

__all__ = ["Bus", "Connect"]

_Result = TypeVar("_Result")
_BATCH_BYTES = 1_040_000
"""Below the topics' max.message.bytes of 1 MiB, for one refused batch would wedge the producer; above the
largest envelope with the headers of 500 routes."""
_QUARANTINE_BATCH_BYTES = 2_000_000
_FOLLOW_SECONDS = 0.02
_TRIES = 4
_ASK_SECONDS = 3.0
"""Longest wait for one broker's answer to a question that any of them can answer."""
_EACH_SECONDS = 2.0
"""Longest wait for one broker's answer to a question that all of them are asked."""


class Bus:
    """A Kafka cluster: makes readers and publishers, knows topics."""

    def __init__(self, settings: KafkaSettings, name: str) -> None:
        self.settings = settings
        self.pieces = Pieces()
        """How finely whatever works with this bus cuts its work."""
        self._name = name
        self._admin: AIOKafkaAdminClient | None = None

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: KafkaSettings, name: str) -> AsyncIterator[Self]:
        """Connect for the time of a context.

        Args:
            settings: where and how.
            name: client id, seen in the brokers' logs.

        Raises:
            UnavailableError: no broker answers.
        """
        bus = cls(settings, name)
        await bus._open_admin()
        try:
            yield bus
        finally:
            await bus.close()

    async def _open_admin(self) -> AIOKafkaAdminClient:
        options = self.settings.client_options(self._name)
        # Making topics may take long, and is not begun again.
        options["request_timeout_ms"] = int(self.settings.timeout_seconds * 1000)
        admin = AIOKafkaAdminClient(**options)
        mend(admin._client)  # noqa: SLF001 - the admin client has no public way
        try:
            await self._reach(admin.start())
        except BaseException:
            await within(CLOSE_SECONDS, admin.close())
            raise
        self._admin = admin
        return admin

    async def close(self) -> None:
        """Close the connection; never waits longer than a few seconds."""
        if self._admin is not None:
            await within(CLOSE_SECONDS, self._admin.close())
            self._admin = None

    async def _reach(self, action: Awaitable[_Result]) -> _Result:
        return await translated(action, self.settings.timeout_seconds, f"Kafka at {self.settings.bootstrap}")

    async def _client(self) -> AIOKafkaAdminClient:
        return self._admin or await self._open_admin()

    async def _ask(self, question: Callable[[AIOKafkaAdminClient], Awaitable[_Result]]) -> _Result:
        """Ask any broker. One that has just died or stands still is known as one of the cluster for a while."""
        admin = await self._client()

        async def ask() -> _Result:
            # aiokafka asks a random one, so that only many tries make sure that a living one is asked.
            brokers = len(admin._client.cluster.brokers())  # noqa: SLF001 - the admin client has no public way
            for _ in range(brokers * _TRIES):
                try:
                    async with asyncio.timeout(_ASK_SECONDS):
                        return await question(admin)
                except (KafkaConnectionError, NodeNotReadyError, TimeoutError):
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_ASK_SECONDS):
                            await admin._client.force_metadata_update()  # noqa: SLF001
                    await asyncio.sleep(_FOLLOW_SECONDS)
            return await question(admin)

        return await self._reach(ask())

    async def lanes(self, topic: str) -> int:
        """Number of partitions of a topic; 0 if there is no such topic."""
        return (await self.partition_counts([topic])).get(topic, 0)

    async def partition_counts(self, topics: Iterable[str]) -> dict[str, int]:
        """Number of partitions of each of the topics that exist."""
        names = list(topics)
        answer = await self._ask(lambda admin: admin.describe_topics(names)) if names else []
        return {one["topic"]: len(one["partitions"]) for one in answer if one["error_code"] == 0}

    async def replication(self, topic: str) -> int:
        """Number of copies of a topic's first partition; 0 if there is no such topic."""
        answer = await self._ask(lambda admin: admin.describe_topics([topic]))
        copies = [len(part["replicas"]) for one in answer if one["error_code"] == 0 for part in one["partitions"]]
        return copies[0] if copies else 0

    async def brokers(self) -> int:
        """Number of brokers that are there at the moment."""
        answer = await self._ask(lambda admin: admin.describe_cluster())
        return len(answer["brokers"])

    async def topic_configuration(self, topic: str) -> dict[str, str]:
        """All settings of a topic as the brokers have them, those that nobody set too.

        Raises:
            UnavailableError: there is no such topic, or we may not see its settings.
        """
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        answers = await self._ask(lambda admin: admin.describe_configs([resource]))
        error, message, *_, entries = answers[0].resources[0]
        if error:
            raise UnavailableError(f"settings of topic {topic}: {message or for_code(error).__name__}")
        return {entry[0]: entry[1] for entry in entries}

    async def topic_names(self) -> set[str]:
        """Names of all topics we may see."""
        return set(await self._ask(lambda admin: admin.list_topics()))

    async def generations(self, topics: Sequence[str]) -> dict[str, str]:
        """The id Kafka gave each topic when it was created (KIP-516), in hex; 32 characters.

        A topic deleted and made again has another one. Topics that do not exist are left out. Most brokers have to
        say so and none may tell another id, for one that stood still, or has just started, tells what was.

        Raises:
            UnavailableError: most brokers do not answer, or not alike.
        """
        names = list(topics)

        async def one(admin: AIOKafkaAdminClient, node: int, answers: list[dict[str, bytes]]) -> None:
            with suppress(KafkaError, TimeoutError, OSError):
                async with asyncio.timeout(_EACH_SECONDS):
                    told = await admin._send_request(TopicIdsRequest(names), node)  # noqa: SLF001 - no public way
                answers.append({name: topic_id for error, name, topic_id, *_ in told.topics if error == 0})

        async def question(admin: AIOKafkaAdminClient) -> dict[str, bytes]:
            nodes = [broker.nodeId for broker in admin._client.cluster.brokers()]  # noqa: SLF001
            answers: list[dict[str, bytes]] = []
            async with asyncio.TaskGroup() as tasks:
                for node in nodes:
                    tasks.create_task(one(admin, node, answers))
            found = agreed(names, answers, len(nodes))
            if found is None:
                raise NodeNotReadyError(
                    f"{len(answers)} of {len(nodes)} brokers answered; more than half must, and tell the same topic ids"
                )
            return found

        return {name: topic_id.hex() for name, topic_id in (await self._ask(question)).items()} if names else {}

    async def create_topics(self, topics: Sequence[TopicSettings], *, replication: int) -> list[str]:
        """Create the topics that do not exist yet, with their explicit settings, and wait until they are there.

        Returns:
            Names of those created now.
        """
        admin = await self._client()
        existing = await self.topic_names()
        missing = [topic for topic in topics if topic.name not in existing]
        if not missing:
            return []
        answer = await self._reach(
            admin.create_topics(
                [
                    NewTopic(topic.name, topic.partitions, replication, topic_configs=topic.configuration)
                    for topic in missing
                ]
            )
        )
        created = []
        for name, code, message, *_ in answer.topic_errors:
            if code == 0:
                created.append(name)
            elif code != TopicAlreadyExistsError.errno:
                raise UnavailableError(f"Kafka refused to create topic {name}: {message or for_code(code).__name__}")
        await self._reach(self._shows({topic.name: topic.partitions for topic in missing if topic.name in created}))
        return created

    async def delete_topics(self, topics: Sequence[str]) -> None:
        """Delete topics, and wait until they are gone. For tests and for administrators who mean it."""
        await self._reach((await self._client()).delete_topics(list(topics)))
        await self._reach(self._shows(dict.fromkeys(topics, 0)))

    async def _shows(self, counts: Mapping[str, int]) -> None:
        """Wait until topics have so many partitions: brokers follow what the controller has decided a little later."""
        wanted = {topic: count for topic, count in counts.items() if count}
        while await self.partition_counts(counts) != wanted:
            await asyncio.sleep(_FOLLOW_SECONDS)

    def publisher(self, name: str = "", *, quarantine: bool = False) -> "Publisher":
        """A publisher of its own connection. Open it with ``async with``."""
        size = _QUARANTINE_BATCH_BYTES if quarantine else _BATCH_BYTES
        return Publisher(self.settings, f"{self._name}{name}", size, self.pieces)

    def reader(
        self,
        *,
        group: str | None = None,
        rest_ms: int = 0,
        always_rest: bool = False,
        max_wait_ms: int = 500,
        fair: bool = False,
    ) -> "Reader":
        """A reader of its own connection. Open it with ``async with``, then `Reader.assign`.

        Args:
            group: under which name it commits; None if it never does.
            rest_ms: how long it lets records gather between two rounds while many come; see `Pace`.
            always_rest: do so while few come as well.
            max_wait_ms: how long a request for records that are not there stays with the broker.
            fair: give every partition its share of each round, however much others have.
        """
        options = self.settings.client_options(self._name)
        pace = Pace(rest_ms / 1000, always=always_rest)
        return Reader(self.settings, options, group, pace, max_wait_ms, fair=fair)

    async def scan(
        self, ranges: Mapping[Partition, tuple[int, int]], *, max_records: int = 2_000
    ) -> AsyncIterator[Sequence[Record]]:
        """Read each partition from a first offset up to, not including, an end; one partition a time each.

        Raises:
            UnavailableError: nothing came for the settings' time-out.
            InvariantError: an offset asked for is not in the log any more.
        """
        left = {partition: span for partition, span in ranges.items() if span[0] < span[1]}
        if not left:
            return
        async with self.reader(max_wait_ms=100) as reader:
            await reader.assign({partition: first for partition, (first, _) in left.items()})
            quiet_since = asyncio.get_running_loop().time()
            while left:
                rounds = await reader.take(0.25, max_records)
                for partition, records in rounds.items():
                    if partition in left:
                        end = left[partition][1]
                        yield [record for record in records if record.offset < end]
                for partition in list(left):
                    if await reader.position(partition) >= left[partition][1]:
                        del left[partition]
                        reader.pause(partition)
                now = asyncio.get_running_loop().time()
                if rounds:
                    quiet_since = now
                elif now - quiet_since > self.settings.timeout_seconds:
                    raise UnavailableError(f"no record of {min(left)} came for {now - quiet_since:.0f} s")

    async def sweep(
        self, ranges: Mapping[Partition, tuple[int, int]]
    ) -> AsyncIterator[tuple[Partition, Sequence[Record]]]:
        """Read ranges as `scan` does, many records in less time: whole batches, with a connection of its own.

        Raises:
            UnavailableError: nothing came for the settings' time-out.
            InvariantError: an offset asked for is not in the log any more.
        """
        async with aclosing(sweep(self.settings, self._name, ranges)) as found:
            async for partition, records in found:
                yield partition, records


Connect: TypeAlias = Callable[[KafkaSettings, str], AbstractAsyncContextManager[Bus]]
"""Opens a connection to Kafka under a client id, as `Bus.connect` does: the one place where another bus can stand."""
