"""Dispatch where a round of the ledger becomes far more in the inboxes than it was."""

import asyncio
import os
import secrets
from pathlib import Path

import pytest

from backbone import AGENCIES, open_backbone
from lienthong.client import Document, File
from lienthong.demo.stage import free_port
from lienthong.embedded import EmbeddedKafka
from lienthong.kernel.topics import inbox

SMALL_REQUEST_BYTES = 4_194_304
"""Most bytes of one request to this broker; Kafka's default is 100 MiB, and 500 recipients of 960 KiB are 480 MB."""
FILE_BYTES = 900_000


async def test_a_document_that_is_larger_in_the_inboxes_than_a_request_may_be_is_delivered(tmp_path: Path) -> None:
    """What goes to all recipients together is more than the broker takes in one request; it closes the connection."""
    recipients = [agency for agency in AGENCIES if agency != "G22"]
    assert len(recipients) * FILE_BYTES > SMALL_REQUEST_BYTES
    properties = {"socket.request.max.bytes": str(SMALL_REQUEST_BYTES)}
    with EmbeddedKafka(tmp_path / "kafka", heap_mib=512, port=free_port(), properties=properties) as node:
        async with open_backbone(tmp_path / "home", node.up()) as backbone:
            for name in ("intake", "dispatch"):
                await backbone.start(name)
            async with backbone.client("G22") as sender:
                document = Document(recipients=recipients, subject=f"V/v {secrets.token_hex(8)}", code_notation="CV")
                sent = await sender.send(document, File("large.pdf", os.urandom(FILE_BYTES), "application/pdf"))
                async with asyncio.timeout(25):
                    for agency in recipients:
                        while not await backbone.read(inbox(agency)):
                            await asyncio.sleep(0.2)
            log = (backbone.settings.home / "log" / "dispatch.log").read_text("utf-8")
    assert sent
    assert "session_failed" not in log
