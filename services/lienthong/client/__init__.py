"""The client library: what an agency's system imports to send and receive documents."""

from lienthong.client.client import Client, connect
from lienthong.client.delivery import Delivery
from lienthong.client.documents import Document, File, Priority, Progress, Replacement, Signer, State, Status
from lienthong.client.history import History, Saying, Unread
from lienthong.client.rows import Ordered
from lienthong.client.rules import InvalidDocumentError, Problem, problems_of
from lienthong.kernel.errors import (
    InvariantError,
    LienthongError,
    OverloadedError,
    RejectedError,
    UnavailableError,
)
from lienthong.kernel.lifecycle import Event, Flag, Life, Request, Stage

__all__ = [
    "Client",
    "Delivery",
    "Document",
    "Event",
    "File",
    "Flag",
    "History",
    "InvalidDocumentError",
    "InvariantError",
    "LienthongError",
    "Life",
    "Ordered",
    "OverloadedError",
    "Priority",
    "Problem",
    "Progress",
    "RejectedError",
    "Replacement",
    "Request",
    "Saying",
    "Signer",
    "Stage",
    "State",
    "Status",
    "UnavailableError",
    "Unread",
    "connect",
    "problems_of",
]
