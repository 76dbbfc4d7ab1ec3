"""Numbering of inboxes, pure: which records an entry becomes, given what each inbox already holds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lienthong.kernel.bus import Appended, Row
from lienthong.kernel.errors import InvariantError
from lienthong.kernel.ledger import Delivery, Record, is_genesis, read_delivery, write_delivery
from lienthong.kernel.topics import Partition, inbox
from lienthong.runtime.ledger_follower import Taken

__all__ = ["Inbox", "Inboxes", "Strange"]


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


@dataclass(slots=True)
class Strange:
    """Records of an inbox partition that no dispatcher writes who knows what we know.

    They stay where they are, and readers stop there; to make the topic again is up to a person.

    Attributes:
        count: how many were met.
        first: a sentence about the first one.
    """

    count: int = 0
    first: str = ""

    def add(self, why: str) -> None:
        """Note one more."""
        self.count += 1
        self.first = self.first or why


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
        """
        disturbed = {}
        for partition, offsets in appended.items():
            state = self._states[partition]
            if offsets.first != state.end or offsets.last != state.end + len(rows[partition]) - 1:
                disturbed[partition] = state.end
            state.end = offsets.last + 1
        return disturbed

    def misplaced(self, appended: Mapping[Partition, Appended]) -> dict[Partition, Appended]:
        """Of what was appended, what lies before where its partition ended.

        That is not the log whose numbers we know: it was truncated or made again, and these numbers are not its.
        """
        # Below 0: the broker knows that it has the batch and no longer where.
        return {one: offsets for one, offsets in appended.items() if 0 <= offsets.first < self._states[one].end}

    def read_on(self, partition: Partition, records: Iterable[Record], strange: Strange) -> None:
        """Take the next of what was written since we knew where a partition ended, by us and by somebody else.

        A number that leaps is not taken: whoever wrote it left out what lies between, and to go on from there would
        leave it out for good.

        Args:
            partition: which.
            records: of its log, in order.
            strange: what no dispatcher writes is noted there.
        """
        state = self._states[partition]
        for record in records:
            if is_genesis(record):
                continue
            try:
                delivery = read_delivery(record)
            except InvariantError as error:
                strange.add(str(error))
                continue
            if delivery.sequence == state.sequence + 1:
                state.sequence, state.position = delivery.sequence, delivery.position
            elif delivery.sequence > state.sequence:
                strange.add(
                    f"{partition.topic} lane {partition.number} offset {record.offset}: number {delivery.sequence}"
                    f" comes after {state.sequence}"
                )

    def sequence(self, partition: Partition) -> int:
        """The last number of a partition."""
        return self._states[partition].sequence

    def ends(self, partition: Partition, end: int) -> None:
        """Note where a partition ends: the offset the next record will get."""
        self._states[partition].end = end
