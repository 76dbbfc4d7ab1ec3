"""What `lienthong inbox` says of a document."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lienthong.cli.inbox import _show
from lienthong.client import Document
from lienthong.client.delivery import Delivery, Settler
from lienthong.client.store import Store
from lienthong.kernel.statement import Kind, Statement, make_statement

NOW = 1_790_000_000_000


def document(recipients: Sequence[str], for_information: Sequence[str]) -> Statement:
    """A document of G22."""
    body = Document(
        recipients=tuple(recipients), subject="V/v báo cáo", for_information=tuple(for_information)
    ).to_body()
    return make_statement(
        sender="G22", recipients=list(recipients), thread=bytes(16), created=NOW, kind=Kind.DOCUMENT, body=body
    )


@pytest.fixture
def settler(tmp_path: Path) -> Iterator[Settler]:
    """Of H26."""
    store = Store(tmp_path / "store.sqlite")
    with ThreadPoolExecutor(max_workers=1) as thread:
        yield Settler("H26", store, thread, lambda: NOW, lambda _: None)
    store.close()


def delivery(settler: Settler, statement: Statement, addressed: Sequence[str]) -> Delivery:
    """A statement as H26 gets it."""
    return Delivery(
        id=bytes(32), sender="G22", lane=1, sequence=1, position=1, accepted_at=NOW, redelivered=False,
        statement=statement, contents=(), size=0, _settler=settler, addressed=addressed,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("recipients", "for_information", "addressed", "informed"),
    [
        (["H26"], [], ["H26"], False),
        (["H26", "H53"], ["H26"], ["H26"], True),
        (["H26", "H53"], ["H53"], ["H26"], False),
        # Its units: it is to act if one of them is.
        (["H26.DN.001", "H26.DN.002"], ["H26.DN.001"], ["H26.DN.001"], True),
        (["H26.DN.001", "H26.DN.002"], ["H26.DN.001"], ["H26.DN.001", "H26.DN.002"], False),
        # It got H29's mail when that was merged into it.
        (["H29", "H53"], ["H53"], ["H29"], False),
        (["H29", "H53"], ["H29"], ["H29"], True),
        (["H29", "H26"], ["H29"], ["H29", "H26"], False),
        # Brought by a group; nobody is told by which of several.
        (["@TINH"], ["@TINH"], ["H26"], True),
        (["@TINH", "H53"], ["H53"], ["H26"], False),
        (["@BO", "@TINH"], ["@TINH"], ["H26"], False),
        (["@BO", "@TINH"], ["@BO", "@TINH"], ["H26"], True),
        (["@TINH", "H26"], ["@TINH"], ["H26"], False),
        (["@TINH", "H26"], ["@TINH"], ["H26", "H26.DN.001"], False),
        (["@TINH", "H26"], ["H26"], ["H26", "H26.DN.001"], False),
    ],
)
def test_for_information_is_said_to_who_is_not_to_act(
    settler: Settler,
    capsys: pytest.CaptureFixture[str],
    recipients: list[str],
    for_information: list[str],
    addressed: list[str],
    informed: bool,
) -> None:
    """By the code that the document came for, as the tracker has it, to people and to programs."""
    shown = delivery(settler, document(recipients, for_information), addressed)
    _show(shown, "H26", [], json=True)
    assert informed is json.loads(capsys.readouterr().out)["for_information"]
    _show(shown, "H26", [], json=False)
    assert informed is ("for information" in capsys.readouterr().out)


def test_a_request_by_status_13_is_for_action(settler: Settler, capsys: pytest.CaptureFixture[str]) -> None:
    """It has no recipients for information, and is shown all the same."""
    body = {"documents": [bytes(32)], "status": "13", "reason": "gửi nhầm"}
    asked = make_statement(
        sender="G22", recipients=["H26"], thread=bytes(16), created=NOW, kind=Kind.ACKNOWLEDGEMENT, body=body
    )
    _show(delivery(settler, asked, ["H26"]), "H26", [], json=True)
    assert json.loads(capsys.readouterr().out)["for_information"] is False
