"""Numbering of inboxes, pure: which records an entry becomes, given what each inbox already holds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lienthong.kernel.bus import Appended, Row
from lienthong.kernel.errors import InvariantError
from lienthong.kernel.ledger import Delivery, Record, is_genesis, read_delivery, write_delivery
from lienthong.kernel.topics import Partition, inbox
from lienthong.runtime.ledger_follower import Taken

__all__ = ["Inbox", "Inboxes", "Others"]


@dataclass(slots=True)
class Inbox:
    """One inbox partition: last sequence number, ledger position it stands for, and where the log ends."""

    sequence: int = 0
    position: int = -1
    end: int = 0

    def see(self, record: Record) -> None:
        """Take a record of the log; of all that were taken the highest number is the one that counts.

        Raises:
            InvariantError: dispatch has not written it: it is no delivery, or its number is one that no log without
                gaps has at this place.
        """
        if is_genesis(record):
            return
        delivery = read_delivery(record)
        if delivery.sequence > record.offset + 1:
            raise InvariantError(
                f"{record.topic} lane {record.partition} offset {record.offset}: number {delivery.sequence} cannot"
                " stand here, too few records come before it"
            )
        if delivery.sequence > self.sequence:
            self.sequence, self.position = delivery.sequence, delivery.position


@dataclass(frozen=True, slots=True)
class Others:
    """What somebody else has written into an inbox partition.

    Attributes:
        ahead: whether our numbers are at least as new.
        strange: a sentence about each record that no dispatcher writes who knows what we know. It stays where it is,
            and readers stop there; to make the topic again is up to a person.
    """

    ahead: bool
    strange: list[str]


class Inboxes:
    """All inbox partitions dispatch writes to."""

    def __init__(self) -> None:
        self._states: dict[Partition, Inbox] = {}

    def __contains__(self, partition: Partition) -> bool:
        return partition in self._states

    def set(self, states: Mapping[Partition, Inbox]) -> None:
        """Take what was read of the topics."""
        self._states.update(states)

    def number(self, taken: Sequence[Taken]) -> dict[Partition, list[Row]]:
        """Rows to append for entries that count, each inbox in ledger order; numbers go on without a gap.

        An entry that an inbox already holds, by its position, is left out.
        """
        rows: dict[Partition, list[Row]] = {}
        found: dict[tuple[str, int], tuple[Inbox, list[Row]]] = {}
        for lane, record, entry, _ in taken:
            identity, kind = entry.id, entry.kind
            if identity is None or kind is None:
                continue
            for agency in entry.routes:
                if (agency, lane) not in found:
                    partition = Partition(inbox(agency), lane)
                    found[agency, lane] = (self._states[partition], rows.setdefault(partition, []))
                state, some = found[agency, lane]
                if entry.position > state.position:
                    state.sequence += 1
                    state.position = entry.position
                    delivery = Delivery(state.sequence, entry.position, entry.judged_at, entry.known_at, identity, kind)
                    some.append(Row(record.value, write_delivery(delivery)))
        return {partition: some for partition, some in rows.items() if some}

    def written(
        self, rows: Mapping[Partition, Sequence[Row]], appended: Mapping[Partition, Appended]
    ) -> dict[Partition, int]:
        """Note what was appended.

        Returns:
            Partitions into which somebody else has written as well, and from which offset on they must be read.

        Raises:
            InvariantError: a partition ends before where it ended: it is not the one whose numbers we know.
        """
        disturbed = {}
        for partition, offsets in appended.items():
            state = self._states[partition]
            # Below 0: the broker knows that it has the batch and no longer where.
            if 0 <= offsets.first < state.end:
                raise InvariantError(
                    f"{partition.topic} lane {partition.number} ended at offset {state.end} and now took a record at"
                    f" {offsets.first}: it was truncated or made again while it was written"
                )
            if offsets.first != state.end or offsets.last != state.end + len(rows[partition]) - 1:
                disturbed[partition] = state.end
            state.end = offsets.last + 1
        return disturbed

    def read_on(self, partition: Partition, records: Iterable[Record], end: int) -> Others:
        """Take what was written since we knew where a partition ended, by us and by somebody else.

        A number that leaps is not taken: whoever wrote it left out what lies between, and to go on from there would
        leave it out for good.

        Args:
            partition: which.
            records: of its log, in order.
            end: offset the next record will get.

        """
        state = self._states[partition]
        before = state.sequence
        strange = []
        for record in records:
            if is_genesis(record):
                continue
            try:
                delivery = read_delivery(record)
            except InvariantError as error:
                strange.append(str(error))
                continue
            if delivery.sequence == state.sequence + 1:
                state.sequence, state.position = delivery.sequence, delivery.position
            elif delivery.sequence > state.sequence:
                strange.append(
                    f"{partition.topic} lane {partition.number} offset {record.offset}: number {delivery.sequence}"
                    f" comes after {state.sequence}"
                )
        state.end = end
        return Others(state.sequence == before, strange)
