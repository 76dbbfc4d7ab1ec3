"""Errors, sorted by what the caller does about them.

    LienthongError
    ├── RejectedError     this input never works: say why, put it aside, go on with the next
    ├── UnavailableError  the other party does not answer: keep the input, try again later
    ├── OverloadedError   too much at once: pause, then go on
    └── InvariantError    what must hold does not hold: stop before damage is done, call a person

Foreign exceptions are translated where they enter, always with ``raise … from``.
"""

from lienthong.kernel.reasons import Reason

__all__ = ["InvariantError", "LienthongError", "OverloadedError", "RejectedError", "UnavailableError"]


class LienthongError(Exception):
    """Base of every error this package raises on purpose. Its text is one plain sentence."""


class RejectedError(LienthongError):
    """This input will never be accepted; trying again does not help.

    Attributes:
        reason: the code that is also the ledger's header, the receipt's reason and the metric's label.
        detail: what was wrong and where, in words; never document contents.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


class UnavailableError(LienthongError):
    """Another party did not answer in time. The outcome of what was asked is unknown, never "failed"."""


class OverloadedError(LienthongError):
    """A bound on work in flight was reached. Wait, then try again."""


class InvariantError(LienthongError):
    """A promise of the backbone does not hold: a gap, a truncated log, a forged number."""
