"""Facts in versions: what is said now, and what was said when an entry was judged."""

from collections.abc import Hashable
from typing import Generic, NamedTuple, Protocol, TypeVar

__all__ = ["Versioned", "Versions"]


class Versioned(Protocol):
    """A fact as a whole; a later version replaces an earlier one."""

    @property
    def version(self) -> int:
        """1, 2, 3 … within its subject."""

    @property
    def known_from(self) -> int:
        """When its first version was recorded, milliseconds since 1970 UTC."""


_Name = TypeVar("_Name", bound=Hashable)
_Fact = TypeVar("_Fact", bound=Versioned)


class _Dated(NamedTuple, Generic[_Fact]):
    version: int
    recorded: int
    fact: _Fact


class Versions(Generic[_Name, _Fact]):
    """Facts by the name of their subject. Only subjects that were changed cost more than their newest version."""

    __slots__ = ("_changed", "newest")

    def __init__(self) -> None:
        self.newest: dict[_Name, _Fact] = {}
        """The newest version of each, in the order of their first appearance."""
        self._changed: dict[_Name, list[_Dated[_Fact]]] = {}
        """All versions held, lowest first, of each subject of which there is more than a first one."""

    def put(self, name: _Name, fact: _Fact, recorded: int) -> bool:
        """Take a version, in whatever order they come; whether it is the newest of its subject.

        Args:
            name: of its subject.
            fact: the version; one that is here already changes nothing.
            recorded: when it was said, milliseconds since 1970 UTC.
        """
        last = self.newest.get(name)
        if last is None and fact.version == 1:
            self.newest[name] = fact
            return True
        held = self._changed.get(name)
        if held is None:
            if last is not None and last.version == fact.version:
                return False
            # Of the oldest version held nobody asks when it was recorded: see `as_known`.
            held = [] if last is None else [_Dated(last.version, last.known_from, last)]
            self._changed[name] = held
        if any(one.version == fact.version for one in held):
            return False
        held.append(_Dated(fact.version, recorded, fact))
        held.sort(key=lambda one: one.version)
        self.newest[name] = held[-1].fact
        return held[-1].fact is fact

    def as_known(self, name: _Name, known: int) -> _Fact | None:
        """The version that counted by what was recorded up to a moment, or None if there was none.

        Of a compacted topic older versions may be gone. Then the oldest one left stands for them from the
        moment on at which the subject was known.
        """
        fact = self.newest.get(name)
        if fact is None or fact.known_from > known:
            return None
        held = self._changed.get(name)
        if held is None:
            return fact
        return next((one.fact for one in reversed(held) if one.recorded <= known), held[0].fact)
