"""What the commands for people share: settings for a client, states to wait for, ids as people write them."""

import logging

from lienthong.cli.output import console, say_table
from lienthong.cli.reach import resolve_bootstrap
from lienthong.client import History, Saying, State
from lienthong.client.history import describe, vietnam_time
from lienthong.client.store import Store
from lienthong.runtime.settings import Settings

__all__ = [
    "check_wait",
    "client_settings",
    "envelope_id",
    "envelope_prefix",
    "find_document",
    "history_of",
    "say_history",
    "spoken_of",
]

_WAITS = (State.ACCEPTED, State.ARRIVED, State.ACKNOWLEDGED)


def client_settings(bootstrap: str | None) -> Settings:
    """Settings with the address of Kafka resolved; library logs go nowhere."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    base = Settings()
    return base.model_copy(update={"bootstrap": resolve_bootstrap(base, bootstrap)})


def check_wait(text: str) -> State | None:
    """What ``--wait`` names; None for ``none``.

    Raises:
        ValueError: it names nothing one can wait for.
    """
    if text == "none":
        return None
    for state in _WAITS:
        if state.value == text:
            return state
    raise ValueError(f"--wait {text}: choose none, accepted, arrived or acknowledged")


def envelope_prefix(text: str) -> bytes:
    """An envelope id, or how it begins, from hex.

    Raises:
        ValueError: it is not hex, too short or too long.
    """
    if not 8 <= len(text) <= 64 or len(text) % 2:  # noqa: PLR2004 - 4 to 32 bytes
        raise ValueError(f"{text!r} is not an envelope id: 64 hex digits, or the first 8 or more, an even number")
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not an envelope id: {error}") from error


def envelope_id(text: str) -> bytes:
    """A whole envelope id, 32 bytes, from hex.

    Raises:
        ValueError: it is not one.
    """
    found = envelope_prefix(text)
    if len(found) != 32:  # noqa: PLR2004 - an envelope id
        raise ValueError(f"{text!r} is not a whole envelope id: 64 hex digits")
    return found


def find_document(text: str, agency: str | None, *, own: bool | None = None) -> tuple[str, bytes]:
    """An agency of this machine that has a document, and the document's envelope id.

    Args:
        text: the id in hex, or how it begins.
        agency: the agency; None: any, one that sent it first.
        own: only documents that it sent, or only those that it received; None: both.

    Raises:
        ValueError: there is none, or there are several.
    """
    beginning = envelope_prefix(text)
    home = Settings().home / "agencies"
    paths = [home / agency / "store.sqlite"] if agency else sorted(home.glob("*/store.sqlite"))
    found: list[tuple[bool, str, bytes]] = []
    for path in paths:
        if path.exists():
            store = Store(path)
            for identity in store.find(beginning):
                sent = store.progress(identity) is not None
                if own is None or sent is own:
                    found.append((not sent, path.parent.name, identity))
            store.close()
    done = {None: "sent or received", True: "sent", False: "received"}[own]
    if not found:
        raise ValueError(f"no document that was {done} here has an id beginning with {beginning.hex()}")
    if len({identity for _, _, identity in found}) > 1:
        raise ValueError(f"several documents have an id beginning with {beginning.hex()}: give more digits")
    holders = sorted({code for _, code, _ in found})
    if own is False and len(holders) > 1:
        raise ValueError(f"{', '.join(holders)} received it: say which with --agency")
    _, code, identity = min(found)
    return code, identity


def history_of(agency: str, identity: bytes) -> History | None:
    """The history of a document as of the last connection."""
    store = Store(Settings().home / "agencies" / agency / "store.sqlite")
    try:
        return store.history(identity, agency)
    finally:
        store.close()


def spoken_of(agency: str, identity: bytes) -> list[History]:
    """As of the last connection, the documents that a received request is about; of anything else its own history."""
    store = Store(Settings().home / "agencies" / agency / "store.sqlite")
    try:
        received = store.received(identity, agency)
        asked = [one.id for one, _ in received.asked] if received else []
        found = [store.history(one, agency) for one in asked or [identity]]
    finally:
        store.close()
    return [one for one in found if one is not None]


def say_history(history: History) -> None:
    """What became of a document at each recipient, and everything that was said of it."""
    unread = {one.agency for one in history.unread if not one.read}
    say_table(
        "Recipients",
        ("agency", "state"),
        [
            (code, describe(life) + (", expired unread" if code in unread else ""))
            for code, life in history.lives.items()
        ],
    )
    if history.unread:
        say_table(
            "Left unread, says the backbone",
            ("told", "recipient", "its time was over", "read since", "notice", "position"),
            [
                (
                    vietnam_time(one.told_at), one.agency, vietnam_time(one.expired_at), "yes" if one.read else "no",
                    one.id.hex()[:16], f"{one.lane}/{one.position}",
                )
                for one in history.unread
            ],
        )  # fmt: skip
    if not history.sayings:
        return
    say_table(
        "What was said of it, in the order of the ledger",
        ("time", "by", "said", "reason", "position", "remark"),
        [
            (
                vietnam_time(one.created), one.agency, describe_event(one), one.reason,
                "" if one.position is None else f"{one.lane}/{one.position}",
                f"rejected: {one.rejected}" if one.rejected
                else ", ".join(f"impossible at {code}: {flag.value}" for code, flag in one.flags.items()),
            )
            for one in history.sayings
        ],
    )  # fmt: skip
    if any(one.position is None and not one.rejected for one in history.sayings):
        console.print("What has no position has been handed over and not yet been taken by the backbone.")


def describe_event(one: Saying) -> str:
    """What a statement says, in words: "03 accepted", "recall"."""
    event = one.event
    return f"{event.value} {event.name.lower().replace('_', ' ')}" if event.value.isdigit() else event.value
