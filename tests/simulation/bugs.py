"""Bugs of the kinds that lose, repeat or forge, planted into production code for as long as a context lasts.

They are what the simulation is measured by: each must be caught. Nothing here is ever on by default.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeAlias
from unittest import mock

from lienthong.client.rows import Outgoing
from lienthong.client.sending import Sender
from lienthong.dispatch import service as dispatch
from lienthong.dispatch.inboxes import Inbox, Inboxes
from lienthong.intake import service as intake
from lienthong.intake.rounds import Round
from lienthong.kernel.bus import Publisher, Reader, Row
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.fold import Count, LedgerFold
from lienthong.kernel.ledger import Entry
from lienthong.kernel.topics import Partition, inbox
from lienthong.notary.receipts import PendingReceipts
from lienthong.runtime.ledger_follower import LedgerFollower, Taken

__all__ = ["BUGS", "Bug"]

Bug: TypeAlias = Callable[[], AbstractContextManager[Any]]
_EVERY = 13


@contextmanager
def _commit_before_append() -> Iterator[None]:
    """Intake commits what it has read, and appends it then."""
    follow, append = intake._Part._follow_directory, intake._Part._append
    readers: dict[int, Reader] = {}

    async def remember(part: intake._Part, reader: Reader) -> None:
        readers[id(part)] = reader
        await follow(part, reader)

    async def commit_first(part: intake._Part, done: Round, ledger: Publisher, quarantine: Publisher) -> None:
        await readers[id(part)].commit(done.positions)
        await append(part, done, ledger, quarantine)

    with (
        mock.patch.object(intake._Part, "_follow_directory", remember),
        mock.patch.object(intake._Part, "_append", commit_first),
    ):
        yield


def _skip_after_error() -> AbstractContextManager[Any]:
    """Intake takes an unknown outcome for a good one and goes on."""
    append = intake._Part._append

    async def go_on(part: intake._Part, done: Round, ledger: Publisher, quarantine: Publisher) -> None:
        try:
            await append(part, done, ledger, quarantine)
        except UnavailableError:
            part._positions.update(done.positions)

    return mock.patch.object(intake._Part, "_append", go_on)


def _repeated_number() -> AbstractContextManager[Any]:
    """Dispatch begins with the number that an inbox ends with, and not with the next one."""
    read = dispatch._Part._read_states

    async def one_less(
        part: dispatch._Part, delivered: Mapping[Partition, int | None], follower: LedgerFollower
    ) -> dict[Partition, Inbox]:
        states = await read(part, delivered, follower)
        for state in states.values():
            state.sequence = max(0, state.sequence - 1)
        return states

    return mock.patch.object(dispatch._Part, "_read_states", one_less)


def _misrouted_copy() -> AbstractContextManager[Any]:
    """Dispatch now and then puts a copy into another agency's inbox."""
    number = Inboxes.number

    def elsewhere(inboxes: Inboxes, taken: Sequence[Taken]) -> Mapping[Partition, Sequence[Row]]:
        changed = []
        for one in taken:
            entry = one.entry
            others = [
                partition.topic.removeprefix(inbox(""))
                for partition in inboxes._states
                if partition.number == one.lane and partition.topic.removeprefix(inbox("")) not in entry.routes
            ]
            if others and entry.position % _EVERY == 0:
                entry = entry._replace(routes=(others[0], *entry.routes[1:]))
            changed.append(one._replace(entry=entry))
        return number(inboxes, changed)

    return mock.patch.object(Inboxes, "number", elsewhere)


def _dropped_receipt() -> AbstractContextManager[Any]:
    """The notary now and then says nothing."""
    take = PendingReceipts.take

    def forget(
        pending: PendingReceipts, lane: int, entry: Entry, count: Count, value: bytes | None, first: int | None
    ) -> None:
        if entry.position % _EVERY:
            take(pending, lane, entry, count, value, first)

    return mock.patch.object(PendingReceipts, "take", forget)


def _not_waiting_for_the_store() -> AbstractContextManager[Any]:
    """The client says that a document is on disk before it is."""
    hand_over = Sender.hand_over
    running: set[asyncio.Task[list[bytes]]] = set()

    async def at_once(sender: Sender, outgoing: Sequence[Outgoing]) -> list[bytes]:
        task = asyncio.get_running_loop().create_task(hand_over(sender, outgoing))
        running.add(task)
        return [one.id for one in outgoing]

    return mock.patch.object(Sender, "hand_over", at_once)


def _fold_forgetting_ids() -> AbstractContextManager[Any]:
    """A projection that starts again does not read back the ids that were accepted before."""
    rebuild = LedgerFollower._rebuild

    async def without_ids(follower: LedgerFollower) -> None:
        await rebuild(follower)
        follower._folds = {
            partition.number: LedgerFold(complete=position == 0) for partition, position in follower.positions.items()
        }

    return mock.patch.object(LedgerFollower, "_rebuild", without_ids)


BUGS: Mapping[str, Bug] = {
    "commit-before-append": _commit_before_append,
    "skip-after-error": _skip_after_error,
    "repeated-number": _repeated_number,
    "misrouted-copy": _misrouted_copy,
    "dropped-receipt": _dropped_receipt,
    "not-waiting-for-the-store": _not_waiting_for_the_store,
    "fold-forgetting-ids": _fold_forgetting_ids,
}
"""By name."""
