"""The client library: what an agency's system imports to send and receive documents."""

from lienthong.client.client import Client, connect
from lienthong.client.delivery import Delivery
from lienthong.client.documents import Document, File, Priority, Progress, Signer, State, Status
from lienthong.kernel.errors import (
    InvariantError,
    LienthongError,
    OverloadedError,
    RejectedError,
    UnavailableError,
)

__all__ = [
    "Client",
    "Delivery",
    "Document",
    "File",
    "InvariantError",
    "LienthongError",
    "OverloadedError",
    "Priority",
    "Progress",
    "RejectedError",
    "Signer",
    "State",
    "Status",
    "UnavailableError",
    "connect",
]
