"""The story: a ministry writes to the provinces, and one of everything that may become of a document happens."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from enum import StrEnum
from typing import NamedTuple

from lienthong.client import Client, Delivery, Document, File, Life, Priority, Request, Signer, Stage, Status, connect
from lienthong.demo.pattern import sample_files
from lienthong.directory.listing import ListedAgency
from lienthong.kernel.agency import agency_code
from lienthong.kernel.errors import UnavailableError
from lienthong.kernel.lifecycle import Answer
from lienthong.runtime.settings import Settings

__all__ = ["MERGED", "STORY", "SUCCESSOR", "Episode", "Told", "Turn", "cast", "inbox_of", "tell", "turn_of"]

_MINISTRY = "G12"
MERGED, SUCCESSOR = "H39", "H53"
"""A province that was merged into another one, which receives what is still addressed to it."""
_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.02


class Turn(StrEnum):
    """What becomes of a document at a recipient."""

    ASSIGNED = "assigned"
    """Entered in the register and given to somebody."""
    UNREAD = "unread"
    """Nobody there reads it."""
    REFUSED = "refused"
    """Returned to its sender."""
    UPDATED = "updated"
    """Accepted, and then changed by its sender with the recipient's consent."""
    TAKEN_BACK = "taken back"
    """Accepted, and then taken back by its sender with the recipient's consent."""


_ENDS = {
    Turn.ASSIGNED: (Stage.ASSIGNED, Request.NONE, Answer.NONE),
    Turn.UNREAD: (Stage.SENT, Request.NONE, Answer.NONE),
    Turn.REFUSED: (Stage.REFUSED, Request.NONE, Answer.NONE),
    Turn.UPDATED: (Stage.ACCEPTED, Request.NONE, Answer.AGREED),
    Turn.TAKEN_BACK: (Stage.TAKEN_BACK, Request.NONE, Answer.AGREED),
}


def turn_of(stage: str, request: str, answer: str) -> Turn | None:
    """The turn that ends in this state; None if no turn of the story does."""
    return next((turn for turn, end in _ENDS.items() if end == (stage, request, answer)), None)


class Episode(NamedTuple):
    """A document of the story, and what is to become of it."""

    document: Document
    turns: Mapping[str, Turn]
    """By recipient, each as the document names it."""

    @property
    def name(self) -> str:
        """Number and notation, as they are written on it."""
        return f"{self.document.code_number}/{self.document.code_notation}"


class Told(NamedTuple):
    """An episode that was played."""

    id: bytes
    """Envelope id of its document."""
    episode: Episode


def _episode(number: int, kind: str, notation: str, subject: str, turns: Mapping[str, Turn]) -> Episode:
    document = Document(
        recipients=tuple(turns),
        subject=subject,
        priority=Priority.EXPRESS if kind == "Công điện" else Priority.ORDINARY,
        code_number=f"{number:02d}",
        code_notation=notation,
        document_type=kind,
        promulgation_place="Hà Nội",
        signer=Signer(competence="KT.", position="Thứ trưởng", full_name="Trần Thị Mẫu"),
        page_amount=2,
    )
    return Episode(document, turns)


STORY = (
    _episode(
        1, "Công điện", "CĐ-BTC", "V/v khắc phục hậu quả bão, lũ (văn bản mẫu)",
        {
            "H13": Turn.ASSIGNED, "H17": Turn.REFUSED, "H24": Turn.UNREAD, "H26": Turn.ASSIGNED, "H29": Turn.ASSIGNED,
            "H37": Turn.ASSIGNED, MERGED: Turn.ASSIGNED, SUCCESSOR: Turn.ASSIGNED,
        },
    ),
    _episode(2, "Công văn", "BTC-NSNN", "V/v điều chỉnh dự toán ngân sách (văn bản mẫu)", {"H26": Turn.UPDATED}),
    _episode(3, "Công văn", "BTC-QLCS", "V/v sắp xếp trụ sở làm việc (văn bản mẫu)", {"H29": Turn.TAKEN_BACK}),
)  # fmt: skip
"""A circular to all provinces that the demonstration has, and two documents to one province each."""


def cast(listed: Iterable[ListedAgency]) -> list[ListedAgency]:
    """Who takes part: the ministry and the provinces out of a list, and the merged province, which it lacks."""
    wanted = {_MINISTRY, *(code for episode in STORY for code in episode.turns)}
    merged = ListedAgency(agency_code(MERGED), f"000.00.00.{MERGED}", "Ủy ban nhân dân tỉnh Long An", None, True)
    return [*(one for one in listed if one.code in wanted), merged]


def inbox_of(recipient: str) -> str:
    """Who receives what is addressed to a recipient."""
    return SUCCESSOR if recipient == MERGED else recipient


class _Province:
    """A recipient that reads."""

    def __init__(self, client: Client) -> None:
        self._deliveries: AsyncIterator[Delivery] = client.receive()

    async def next(self, identity: bytes) -> Delivery:
        """A document, once it comes."""
        async for delivery in self._deliveries:
            if delivery.id == identity:
                return delivery
        raise UnavailableError(f"document {identity.hex()} has not come")


async def tell(settings: Settings) -> list[Told]:
    """Play the story; at its end the sender holds signed word of every turn in it.

    Raises:
        UnavailableError: Kafka does not answer, or something has not happened within a minute.
    """
    readers = {inbox_of(code) for one in STORY for code, turn in one.turns.items() if turn is not Turn.UNREAD}
    async with AsyncExitStack() as stack:
        ministry = await stack.enter_async_context(connect(_MINISTRY, settings))
        provinces = {
            code: _Province(await stack.enter_async_context(connect(code, settings))) for code in sorted(readers)
        }
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return [await _play(episode, ministry, provinces) for episode in STORY]
        except TimeoutError as error:
            raise UnavailableError(f"the story did not go on within {_PATIENCE_SECONDS:.0f} s") from error


async def _play(episode: Episode, ministry: Client, provinces: Mapping[str, _Province]) -> Told:
    identity = await ministry.send(episode.document, sample_files()[0])
    await ministry.wait(identity, "accepted", timeout_seconds=_PATIENCE_SECONDS)
    turns = {inbox_of(code): turn for code, turn in episode.turns.items()}
    async with asyncio.TaskGroup() as tasks:
        for inbox, turn in turns.items():
            if turn is not Turn.UNREAD:
                tasks.create_task(_take_turn(turn, episode.document, identity, ministry, provinces[inbox], inbox))
    return Told(identity, episode)


async def _take_turn(
    turn: Turn, document: Document, identity: bytes, ministry: Client, province: _Province, inbox: str
) -> None:
    delivery = await province.next(identity)
    if turn is Turn.REFUSED:
        await delivery.refuse("không thuộc thẩm quyền")
    else:
        await delivery.acknowledge(Status.ACCEPTED)
    if turn is Turn.ASSIGNED:
        await delivery.acknowledge(Status.ASSIGNED)
    elif turn in (Turn.UPDATED, Turn.TAKEN_BACK):
        await _until(ministry, identity, inbox, lambda life: life.stage is Stage.ACCEPTED)
        asked = await _ask(turn, document, identity, ministry)
        await (await province.next(asked)).agree()
    await _until(ministry, identity, inbox, lambda life: turn is turn_of(life.stage, life.request, life.answer))


async def _ask(turn: Turn, document: Document, identity: bytes, ministry: Client) -> bytes:
    """What the sender asks of a document that was accepted; the envelope id of the request."""
    if turn is Turn.TAKEN_BACK:
        return await ministry.recall(identity, "gửi nhầm nơi nhận")
    changed = document.model_copy(update={"page_amount": 3, "reason": "bổ sung phụ lục"})
    files: Sequence[File] = sample_files()[1:2]
    return await ministry.update(identity, changed, *files)


async def _until(ministry: Client, identity: bytes, inbox: str, holds: Callable[[Life], bool]) -> None:
    """Wait until the sender knows of a document at a recipient what is asked."""
    while True:
        history = await ministry.history(identity)
        if history is not None and holds(history.lives[inbox]):
            return
        await asyncio.sleep(_LOOK_SECONDS)
