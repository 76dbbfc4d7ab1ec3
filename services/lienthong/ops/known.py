"""What the tracker knows of where a document stands, so that the ledger need not be read from its beginning."""

from sqlalchemy import Connection, select

from lienthong.kernel.command import RELEASE
from lienthong.kernel.statement import Kind
from lienthong.ops.traces import Place, Traces
from lienthong.tracker.tables import commands, documents, positions, rejected

__all__ = ["known"]


def known(connection: Connection, beginning: str, traces: Traces) -> dict[int, int]:
    """Add what the tracker has read of documents whose id begins so.

    Returns:
        By lane, the ledger offset from which on it has not read.
    """
    whole = bytes.fromhex(beginning[: len(beginning) // 2 * 2])
    last = whole + b"\xff" * (32 - len(whole))
    # The row of a released document names the command's place; `commands` says which it is.
    released = select(commands.c.document, commands.c.lane, commands.c.position).where(
        commands.c.document.between(whole, last), commands.c.action == RELEASE
    )
    ordered = {(bytes(identity), Place(lane, position)) for identity, lane, position in connection.execute(released)}
    for identity, place in sorted(ordered):
        if (trace := traces.of(identity)) and trace.released is None:
            trace.released = place
    accepted = select(documents.c.id, documents.c.lane, documents.c.position).where(documents.c.id.between(whole, last))
    for identity, lane, position in connection.execute(accepted):
        place = Place(lane, position)
        if (bytes(identity), place) not in ordered and (trace := traces.of(bytes(identity))):
            trace.accepted = place
    turned_away = select(rejected.c.id, rejected.c.lane, rejected.c.position, rejected.c.reason).where(
        rejected.c.id.between(whole, last), rejected.c.kind == Kind.DOCUMENT.value
    )
    for identity, lane, position, reason in connection.execute(turned_away):
        if trace := traces.of(bytes(identity)):
            trace.rejected[Place(lane, position)] = reason
    rows = connection.execute(select(positions.c.lane, positions.c.next_offset))
    return {row.lane: row.next_offset for row in rows}
