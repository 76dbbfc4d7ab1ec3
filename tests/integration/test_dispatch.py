"""Dispatch where a round of the ledger becomes far more in the inboxes than it was."""

import asyncio
import os
import secrets
from pathlib import Path

from backbone import open_backbone
from lienthong.client import Document, File
from lienthong.demo.play import example_agencies
from lienthong.demo.stage import free_port
from lienthong.embedded import EmbeddedKafka
from lienthong.kernel.topics import Partition, inbox

REQUEST_BYTES = 16_777_216
"""Most bytes of one request to the embedded broker; Kafka's default is 100 MiB, 500 envelopes may be 480 MB."""
AGENCIES = 20
FILE_BYTES = 940_000


async def test_a_document_that_is_larger_in_the_inboxes_than_a_request_may_be_is_delivered(tmp_path: Path) -> None:
    """A broker closes the connection at too large a request, always again: it must never become one."""
    codes = [one.code for one in example_agencies(AGENCIES) if one.connected]
    sender_code, *recipients = codes
    assert len(recipients) * FILE_BYTES > REQUEST_BYTES
    with EmbeddedKafka(tmp_path / "kafka", heap_mib=512, port=free_port()) as node:
        async with open_backbone(tmp_path / "home", node.up(), codes) as backbone:
            for name in ("intake", "dispatch"):
                await backbone.start(name)
            async with backbone.client(sender_code) as sender, backbone.bus() as bus, bus.reader() as reader:
                document = Document(recipients=recipients, subject=f"V/v {secrets.token_hex(8)}", code_notation="CV")
                await sender.send(document, File("large.pdf", os.urandom(FILE_BYTES), "application/pdf"))
                inboxes = [Partition(inbox(agency), 1) for agency in recipients]
                async with asyncio.timeout(25):
                    while set((await reader.ends(inboxes)).values()) != {2}:  # the genesis, and the document
                        await asyncio.sleep(0.1)
            log = (backbone.settings.home / "log" / "dispatch.log").read_text("utf-8")
    assert "session_failed" not in log
