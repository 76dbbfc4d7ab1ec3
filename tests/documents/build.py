"""Build the PDF documents of the demonstration: ``python tests/documents/build.py FONTS``.

FONTS is a folder with Liberation Serif 2 or newer (SIL Open Font License 1.1; older ones lack Vietnamese letters) as
LiberationSerif-Regular.ttf, -Bold, -Italic and -BoldItalic. Run by hand after a change of texts.toml, with
reportlab 5.1 and fonttools 4.68 installed; the same texts, fonts and versions give the same bytes.

The layout follows annex I of Decree 30/2020. Every page says that it is a sample.
"""

import argparse
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reportlab import rl_config
from reportlab.lib.colors import Color
from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import registerFont, registerFontFamily, stringWidth
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import HRFlowable, Paragraph, SimpleDocTemplate, Spacer, Table

TEXTS = Path(__file__).with_name("texts.toml")
FOLDER = Path(__file__).parents[2] / "services" / "lienthong" / "demo" / "documents"

REGULAR, BOLD, ITALIC, BOLD_ITALIC = FONTS = tuple(
    f"LiberationSerif-{style}" for style in ("Regular", "Bold", "Italic", "BoldItalic")
)
LEFT, RIGHT, TOP, BOTTOM = 30 * mm, 15 * mm, 20 * mm, 20 * mm
FRAME_PADDING = 6
WIDTH = A4[0] - LEFT - RIGHT
HEAD, FOOT = (0.41 * WIDTH, 0.59 * WIDTH), (0.5 * WIDTH, 0.5 * WIDTH)
RED, BLUE, GREY = Color(0.8, 0, 0), Color(0.1, 0.25, 0.55), Color(0.45, 0.45, 0.45)

COUNTRY = "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"
MOTTO = "Độc lập - Tự do - Hạnh phúc"
SAMPLE = "VĂN BẢN MẪU"
DISCLAIMER = "Văn bản mẫu để trình diễn; cơ quan, nhân vật, sự việc đều là hư cấu. Không có giá trị pháp lý."
UNSIGNED = "(bản mẫu, không ký, không đóng dấu)"


def _style(font: str, size: float, **more: object) -> ParagraphStyle:
    return ParagraphStyle("", **{"fontName": font, "fontSize": size, "leading": 1.22 * size, **more})


def _centred(font: str, size: float, **more: object) -> ParagraphStyle:
    return _style(font, size, alignment=TA_CENTER, **more)


BODY = {"alignment": TA_JUSTIFY, "firstLineIndent": 10 * mm, "leading": 18, "spaceBefore": 8}
STYLES = {
    "text": _style(REGULAR, 13, **BODY),
    "basis": _style(ITALIC, 13, **BODY),
    "heading": _centred(BOLD, 13, spaceBefore=12, spaceAfter=4),
    "to": _style(REGULAR, 13, leftIndent=26 * mm, spaceBefore=8),
    "each": _style(REGULAR, 13, leftIndent=50 * mm, spaceBefore=3),
}
# A table names a font even where its cells bring their own; Helvetica would come in without being embedded.
BARE = [
    ("FONTNAME", (0, 0), (-1, -1), REGULAR),
    ("ALIGN", (0, 0), (-1, -1), "CENTER"),
    *((f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM")),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One document of one page; a sequence is shown one item a line."""

    file: str
    above: Sequence[str] = ()
    """The agency above the one that issues the document."""
    agency: Sequence[str]
    number: str
    place_date: str
    urgency: str = ""
    title: str = ""
    """Type of the document; an official letter has none and carries its subject under the number."""
    subject: Sequence[str]
    body: Sequence[Mapping[str, str]]
    """Paragraphs by the name of their style."""
    recipients: Sequence[str]
    signer: Sequence[str]
    name: str


def _lines(lines: Sequence[str], style: ParagraphStyle) -> list[Paragraph]:
    return [Paragraph(line, style) for line in lines]


def _rule(width: float) -> HRFlowable:
    return HRFlowable(width=width, thickness=0.7, color="black", spaceBefore=4, spaceAfter=2)


def _columns(left: list[object], right: list[object], widths: tuple[float, float]) -> Table:
    return Table([[left, right]], colWidths=widths, style=[*BARE, ("VALIGN", (0, 0), (-1, -1), "TOP")])


def _stamp(text: str) -> Table:
    style = [*BARE, ("BOX", (0, 0), (-1, -1), 0.9, RED), ("VALIGN", (0, 0), (-1, -1), "MIDDLE")]
    return Table([[Paragraph(text, _centred(BOLD, 13, textColor=RED))]], 30 * mm, 8 * mm, style=style)


def _head(sample: Sample) -> list[object]:
    agency = [
        *_lines(sample.above, _centred(REGULAR, 12)),
        *_lines(sample.agency, _centred(BOLD, 12)),
        _rule(0.45 * stringWidth(sample.agency[-1], BOLD, 12)),
    ]
    country = [
        Paragraph(COUNTRY, _centred(BOLD, 12)),
        Paragraph(MOTTO, _centred(BOLD, 13)),
        _rule(stringWidth(MOTTO, BOLD, 13)),
    ]
    number: list[object] = [Paragraph(f"Số: {sample.number}", _centred(REGULAR, 13))]
    if not sample.title:
        number += [Spacer(0, 6), *_lines(sample.subject, _centred(REGULAR, 12))]
    if sample.urgency:
        number += [Spacer(0, 6), _stamp(sample.urgency)]
    place_date: list[object] = [Paragraph(sample.place_date, _centred(ITALIC, 13))]
    title: list[object] = []
    if sample.title:
        title = [
            Paragraph(sample.title, _centred(BOLD, 14)),
            *_lines(sample.subject, _centred(BOLD, 13)),
            _rule(0.4 * stringWidth(sample.subject[-1], BOLD, 13)),
        ]
    return [
        _columns(agency, country, HEAD),
        Spacer(0, 8),
        _columns(number, place_date, HEAD),
        Spacer(0, 16),
        *title,
        Spacer(0, 8),
    ]


def _foot(sample: Sample) -> list[object]:
    recipients = [
        Paragraph("Nơi nhận:", _style(BOLD_ITALIC, 12)),
        *(Paragraph(f"- {recipient}", _style(REGULAR, 11)) for recipient in sample.recipients),
    ]
    signer = [
        *_lines(sample.signer, _centred(BOLD, 13)),
        Spacer(0, 12 * mm),
        Paragraph(UNSIGNED, _centred(ITALIC, 10, textColor=GREY)),
        Spacer(0, 10 * mm),
        Paragraph(sample.name, _centred(BOLD, 13)),
    ]
    return [Spacer(0, 18), _columns(recipients, signer, FOOT)]


def _mark(canvas: Canvas, _template: object) -> None:
    """Say on the page that it is a sample, above and below the text."""
    width, height = A4
    canvas.saveState()
    canvas.setFillColor(BLUE)
    canvas.setStrokeColor(BLUE)
    canvas.rect(width / 2 - 19 * mm, height - 15 * mm, 38 * mm, 7 * mm)
    canvas.setFont(BOLD, 12)
    canvas.drawCentredString(width / 2, height - 13 * mm, SAMPLE)
    canvas.setFont(ITALIC, 9.5)
    canvas.drawCentredString(width / 2, 11 * mm, DISCLAIMER)
    canvas.restoreState()


def _build(sample: Sample, folder: Path) -> int:
    path = folder / sample.file
    template = SimpleDocTemplate(
        str(path),
        pagesize=A4,
        leftMargin=LEFT - FRAME_PADDING,
        rightMargin=RIGHT - FRAME_PADDING,
        topMargin=TOP - FRAME_PADDING,
        bottomMargin=BOTTOM - FRAME_PADDING,
        title=f"{SAMPLE}: {' '.join(sample.subject)}",
        author=" ".join(sample.agency),
        subject=DISCLAIMER,
        creator="Lienthong",
        producer="Lienthong",
        lang="vi-VN",
    )
    body = [Paragraph(text, STYLES[style]) for paragraph in sample.body for style, text in paragraph.items()]
    template.build([*_head(sample), *body, *_foot(sample)], onFirstPage=_mark, onLaterPages=_mark)
    if template.page != 1:
        sys.exit(f"{path.name}: the text fills {template.page} pages, one is allowed")
    return path.stat().st_size


def _load_fonts(folder: Path, letters: str) -> None:
    """Register the fonts, cut down to the letters and without hints: a third of the size."""
    options = [f"--text={letters}", "--no-hinting", "--drop-tables+=FFTM", "--no-ignore-missing-unicodes"]
    with tempfile.TemporaryDirectory() as scratch:
        for name in FONTS:
            whole, cut = folder / f"{name}.ttf", Path(scratch) / f"{name}.ttf"
            command = [sys.executable, "-m", "fontTools.subset", str(whole), f"--output-file={cut}", *options]
            if subprocess.run(command, check=False).returncode:
                sys.exit(f"{whole} cannot be used; fonttools and Liberation Serif 2 or newer are needed")
            registerFont(TTFont(name, str(cut), asciiReadable=False))
    registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=ITALIC, boldItalic=BOLD_ITALIC)


def main() -> None:
    """Build all documents and print their sizes."""
    parser = argparse.ArgumentParser(description="Build the PDF documents of the demonstration.")
    parser.add_argument("fonts", type=Path, help="folder with LiberationSerif-Regular.ttf, -Bold, -Italic, -BoldItalic")
    parser.add_argument("--into", type=Path, default=FOLDER, help="folder the documents go to (default: the package's)")
    arguments = parser.parse_args()
    rl_config.invariant = 1  # fixed dates and identifiers
    rl_config.useA85 = 0  # binary streams, a fifth smaller
    rl_config.canvas_basefontname = REGULAR
    texts = TEXTS.read_text(encoding="utf-8")
    fixed = COUNTRY + MOTTO + SAMPLE + DISCLAIMER + UNSIGNED
    _load_fonts(arguments.fonts, "".join(sorted(set(texts + fixed) - {"\n"})))
    arguments.into.mkdir(parents=True, exist_ok=True)
    for document in tomllib.loads(texts)["document"]:
        sample = Sample(**document)
        print(f"{_build(sample, arguments.into):6} bytes  {sample.file}")


if __name__ == "__main__":
    main()
