"""The note beside a committed offset: of which topic the offset speaks, and the halt that stands, if one does."""

import json

from lienthong.intake.halt import Halt

__all__ = ["read_generation", "write_note"]


def write_note(generation: str, halt: Halt | None = None) -> str:
    """Text to be kept beside a committed offset; below 4,096 bytes, which is the most that brokers take.

    Args:
        generation: id of the topic that was read, in hex. Kafka forgets the offsets of a topic that is deleted, but
            whoever has not noticed yet commits them once more, for the topic of the same name that came after it.
        halt: which stands there.
    """
    told: dict[str, object] = {"generation": generation}
    return json.dumps(told | (halt.told() if halt else {}))


def read_generation(note: str) -> str | None:
    """Id of the topic of which a committed offset speaks; None where that was not noted."""
    try:
        generation = json.loads(note)["generation"]
    except (KeyError, RecursionError, TypeError, ValueError):
        return None
    return generation if isinstance(generation, str) else None
