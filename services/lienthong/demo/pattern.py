"""Who sends what to whom, pure: a realistic pattern from a seed."""

import random
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import NamedTuple

from lienthong.client import Document, File, Priority, Signer

__all__ = ["Planned", "plan", "sample_files"]

_WITH_PDF = 200
"""So many documents carry one of the PDF files; the others a text of about 600 bytes."""
_CIRCULAR, _SEVERAL, _EXPRESS = 0.02, 0.12, 0.05
_TEXT = ("Kính gửi: Các cơ quan, đơn vị. Văn bản mẫu phục vụ trình diễn hệ thống liên thông. " * 6)[:600]


class Planned(NamedTuple):
    """One document to be sent."""

    sender: str
    document: Document
    files: tuple[File, ...]


def sample_files() -> list[File]:
    """The PDF documents that come with the package."""
    folder = files("lienthong.demo") / "documents"
    return [
        File(one.name, one.read_bytes(), "application/pdf")
        for one in sorted(folder.iterdir(), key=lambda one: one.name)
        if one.name.endswith(".pdf")
    ]


def plan(documents: int, agencies: Sequence[str], series: str = "A") -> Iterator[Planned]:
    """Plan documents: most to one agency, some to several, a few circulars to all; one in twenty express.

    Args:
        documents: how many.
        agencies: codes, at least two.
        series: the same series gives the same plan; documents of two series have nothing in common.
    """
    chance = random.Random(series)
    samples = sample_files()
    for number in range(1, documents + 1):
        sender = agencies[number % len(agencies)]
        others = [agency for agency in agencies if agency != sender]
        kind = chance.random()
        if kind < _CIRCULAR:
            recipients, what, mark = others, "Thông báo", "TB"
        elif kind < _CIRCULAR + _SEVERAL:
            recipients, what, mark = chance.sample(others, min(len(others), chance.randint(2, 5))), "Công văn", "CV"
        else:
            recipients, what, mark = [chance.choice(others)], "Công văn", "CV"
        express = chance.random() < _EXPRESS
        if express:
            what, mark = "Công điện", "CĐ"
        file = (
            samples[number % len(samples)]
            if number <= _WITH_PDF
            else File(f"van_ban_{number}.txt", f"{number}. {_TEXT}".encode(), "text/plain")
        )
        yield Planned(
            sender,
            Document(
                recipients=tuple(recipients),
                subject=f"V/v trao đổi văn bản điện tử, văn bản mẫu số {number}/{series}",
                priority=Priority.EXPRESS if express else Priority.ORDINARY,
                code_number=f"{number:02d}",
                code_notation=f"{mark}-{sender}",
                document_type=what,
                promulgation_place="Hà Nội",
                signer=Signer(competence="KT.", position="Phó Chánh Văn phòng", full_name="Nguyễn Văn Mẫu"),
                page_amount=1,
            ),
            (file,),
        )
