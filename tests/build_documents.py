"""Build the PDF documents of the demonstration: ``python tests/build_documents.py FONTS``.

FONTS is a folder with Liberation Serif 2 or newer (SIL Open Font License 1.1; older ones lack Vietnamese letters) as
LiberationSerif-Regular.ttf, -Bold, -Italic and -BoldItalic. Run by hand with reportlab 5.1 and fonttools 4.68
installed, after a change of the texts below; the same texts, fonts and versions give the same bytes.

The layout follows annex I of Decree 30/2020. Agencies, people and events are made up, and every page says so.
"""

import argparse
import subprocess
import sys
import tempfile
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

FOLDER = Path(__file__).parents[1] / "services" / "lienthong" / "demo" / "documents"

REGULAR, BOLD, ITALIC, BOLD_ITALIC = FONTS = tuple(
    f"LiberationSerif-{style}" for style in ("Regular", "Bold", "Italic", "BoldItalic")
)
LEFT, RIGHT, TOP, BOTTOM = 30 * mm, 15 * mm, 20 * mm, 20 * mm
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


CENTRED = {"alignment": TA_CENTER}
BODY = {"alignment": TA_JUSTIFY, "firstLineIndent": 10 * mm, "leading": 18, "spaceBefore": 8}
STYLES = {
    "text": _style(REGULAR, 13, **BODY),
    "basis": _style(ITALIC, 13, **BODY),
    "heading": _style(BOLD, 13, **CENTRED, spaceBefore=12, spaceAfter=4),
    "to": _style(REGULAR, 13, leftIndent=26 * mm, spaceBefore=8),
    "to each": _style(REGULAR, 13, leftIndent=50 * mm, spaceBefore=3),
}
# A table names a font even where its cells bring their own; Helvetica would come in without being embedded.
BARE = [
    ("FONTNAME", (0, 0), (-1, -1), REGULAR),
    ("ALIGN", (0, 0), (-1, -1), "CENTER"),
    *((f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM")),
]


@dataclass(frozen=True, slots=True)
class Sample:
    """One document of one page; ``|`` breaks a line."""

    file: str
    above: str
    """The agency above the one that issues the document, or nothing."""
    agency: str
    number: str
    place_date: str
    title: str
    """Type of the document; an official letter has none and carries its subject under the number."""
    subject: str
    body: tuple[tuple[str, str], ...]
    """Style and text of each paragraph."""
    recipients: tuple[str, ...]
    signer: str
    name: str
    urgency: str = ""


SAMPLES = (
    Sample(
        file="cong_van.pdf",
        above="ỦY BAN NHÂN DÂN|TỈNH LIÊN GIANG",
        agency="SỞ NỘI VỤ",
        number="118/SNV-VTLT",
        place_date="Liên Giang, ngày 05 tháng 10 năm 2026",
        title="",
        subject="V/v rà soát mã định danh điện tử|của cơ quan, đơn vị",
        body=(
            ("to", "Kính gửi:"),
            ("to each", "- Các sở, ban, ngành thuộc tỉnh;"),
            ("to each", "- Ủy ban nhân dân các xã, phường;"),
            ("to each", "- Các đơn vị sự nghiệp công lập thuộc tỉnh."),
            (
                "text",
                "Để việc gửi, nhận văn bản điện tử qua trục liên thông được thông suốt, văn bản đến đúng nơi nhận và "
                "không phải chuyển lại, Sở Nội vụ đề nghị các cơ quan, đơn vị phối hợp thực hiện một số nội dung sau:",
            ),
            (
                "text",
                "1. Rà soát tên gọi, mã định danh điện tử và cơ quan quản lý trực tiếp của cơ quan mình và từng đơn vị "
                "thuộc, trực thuộc; đánh dấu rõ những đơn vị đã sáp nhập, đổi tên hoặc chấm dứt hoạt động.",
            ),
            (
                "text",
                "2. Kiểm tra khóa ký số đang dùng để gửi văn bản; khóa còn hiệu lực dưới 60 ngày thì đăng ký thay khóa "
                "ngay trong đợt rà soát này.",
            ),
            (
                "text",
                "3. Cử 01 cán bộ văn thư làm đầu mối, gửi kèm họ tên, số điện thoại và địa chỉ thư điện tử công vụ.",
            ),
            (
                "text",
                "Kết quả gửi về Sở Nội vụ qua trục liên thông trước ngày 20 tháng 10 năm 2026 để tổng hợp. Quá thời "
                "hạn nêu trên, đơn vị không có báo cáo được coi là giữ nguyên thông tin hiện có trong danh bạ.",
            ),
            ("text", "Trân trọng cảm ơn sự phối hợp của các cơ quan, đơn vị./."),
        ),
        recipients=("Như trên;", "UBND tỉnh (để báo cáo);", "Giám đốc Sở;", "Lưu: VT, VTLT."),
        signer="KT. GIÁM ĐỐC|PHÓ GIÁM ĐỐC",
        name="Nguyễn Văn Mẫu",
    ),
    Sample(
        file="cong_dien.pdf",
        above="",
        agency="ỦY BAN NHÂN DÂN|TỈNH LIÊN GIANG",
        number="07/CĐ-UBND",
        place_date="Liên Giang, ngày 14 tháng 9 năm 2026",
        title="CÔNG ĐIỆN",
        subject="Về việc tập trung ứng phó khẩn cấp với bão mẫu số 00",
        body=(
            ("to", "ỦY BAN NHÂN DÂN TỈNH LIÊN GIANG điện:"),
            ("to each", "- Ủy ban nhân dân các xã, phường ven biển;"),
            ("to each", "- Các sở: Nông nghiệp, Xây dựng, Công Thương, Y tế;"),
            ("to each", "- Công an tỉnh; Bộ Chỉ huy Quân sự tỉnh."),
            (
                "text",
                "Hồi 13 giờ ngày 14 tháng 9 năm 2026, tâm bão mẫu số 00 cách bờ biển Liên Giang khoảng 210 km, sức gió "
                "mạnh nhất cấp 11, giật cấp 13, dự báo đổ bộ trong đêm nay. Để bảo đảm an toàn tính mạng và tài sản "
                "của Nhân dân, Ủy ban nhân dân tỉnh yêu cầu:",
            ),
            (
                "text",
                "1. Các xã, phường ven biển hoàn thành kêu gọi tàu thuyền vào nơi tránh trú và sơ tán người dân khỏi "
                "vùng trũng thấp, lồng bè, nhà không kiên cố <b>trước 18 giờ ngày 14 tháng 9 năm 2026</b>.",
            ),
            (
                "text",
                "2. Sở Nông nghiệp kiểm tra đê, kè, hồ chứa xung yếu; Sở Xây dựng chốt chặn ngầm, tràn ngập sâu; Sở "
                "Công Thương bảo đảm điện, hàng thiết yếu; Sở Y tế bố trí cấp cứu trực 24/24 giờ.",
            ),
            (
                "text",
                "3. Công an tỉnh, Bộ Chỉ huy Quân sự tỉnh sẵn sàng lực lượng, phương tiện cứu hộ, cứu nạn khi có lệnh.",
            ),
            ("text", "Các cơ quan xác nhận đã nhận Công điện và báo cáo kết quả trước 20 giờ cùng ngày./."),
        ),
        recipients=(
            "Như trên;",
            "Chủ tịch, các Phó Chủ tịch UBND tỉnh;",
            "Đài Phát thanh và Truyền hình tỉnh;",
            "Lưu: VT, NN.",
        ),
        signer="TM. ỦY BAN NHÂN DÂN|KT. CHỦ TỊCH|PHÓ CHỦ TỊCH",
        name="Trần Thị Thí Dụ",
        urgency="HỎA TỐC",
    ),
    Sample(
        file="giay_moi.pdf",
        above="ỦY BAN NHÂN DÂN|TỈNH LIÊN GIANG",
        agency="VĂN PHÒNG",
        number="24/GM-VP",
        place_date="Liên Giang, ngày 21 tháng 10 năm 2026",
        title="GIẤY MỜI",
        subject="Họp triển khai gửi, nhận văn bản điện tử qua trục liên thông",
        body=(
            ("text", "Văn phòng Ủy ban nhân dân tỉnh trân trọng kính mời:"),
            ("text", "- Đại diện lãnh đạo các sở, ban, ngành thuộc tỉnh;"),
            ("text", "- Đại diện lãnh đạo Ủy ban nhân dân các xã, phường;"),
            ("text", "- Cán bộ văn thư làm đầu mối của các cơ quan, đơn vị nêu trên."),
            (
                "text",
                "Tới dự cuộc họp triển khai gửi, nhận văn bản điện tử có ký số qua trục liên thông; đánh giá ba tháng "
                "vận hành thử và thống nhất lộ trình ngừng gửi song song văn bản giấy.",
            ),
            ("text", "<b>Chủ trì:</b> Ông Lê Văn Minh Họa, Chánh Văn phòng Ủy ban nhân dân tỉnh."),
            ("text", "<b>Thời gian:</b> 08 giờ 30 phút, thứ Tư, ngày 28 tháng 10 năm 2026 (một buổi)."),
            ("text", "<b>Địa điểm:</b> Phòng họp số 2, trụ sở Ủy ban nhân dân tỉnh Liên Giang."),
            (
                "text",
                "Đề nghị các cơ quan, đơn vị chuẩn bị báo cáo số lượng văn bản đã gửi, đã nhận, những văn bản bị từ "
                "chối và nguyên nhân; xác nhận thành phần tham dự trước ngày 26 tháng 10 năm 2026.",
            ),
            ("text", "Rất mong các đại biểu tham dự đúng thành phần và thời gian./."),
        ),
        recipients=("Như trên;", "Chủ tịch UBND tỉnh (để báo cáo);", "Chánh Văn phòng;", "Lưu: VT, HC."),
        signer="KT. CHÁNH VĂN PHÒNG|PHÓ CHÁNH VĂN PHÒNG",
        name="Phạm Thị Mẫu",
    ),
    Sample(
        file="quyet_dinh.pdf",
        above="",
        agency="ỦY BAN NHÂN DÂN|TỈNH LIÊN GIANG",
        number="352/QĐ-UBND",
        place_date="Liên Giang, ngày 02 tháng 11 năm 2026",
        title="QUYẾT ĐỊNH",
        subject="Về việc thành lập Tổ công tác liên thông văn bản điện tử",
        body=(
            ("heading", "CHỦ TỊCH ỦY BAN NHÂN DÂN TỈNH LIÊN GIANG"),
            ("basis", "Căn cứ Luật Giao dịch điện tử ngày 22 tháng 6 năm 2023;"),
            (
                "basis",
                "Căn cứ Nghị định số 30/2020/NĐ-CP ngày 05 tháng 3 năm 2020 của Chính phủ về công tác văn thư;",
            ),
            ("basis", "Theo đề nghị của Giám đốc Sở Nội vụ tại Tờ trình số 41/TTr-SNV ngày 29 tháng 10 năm 2026."),
            ("heading", "QUYẾT ĐỊNH:"),
            (
                "text",
                "<b>Điều 1.</b> Thành lập Tổ công tác liên thông văn bản điện tử tỉnh Liên Giang gồm 07 thành viên do "
                "ông Hoàng Văn Giả Định, Phó Giám đốc Sở Nội vụ, làm Tổ trưởng.",
            ),
            (
                "text",
                "<b>Điều 2.</b> Tổ công tác có nhiệm vụ hướng dẫn các cơ quan kết nối trục liên thông, theo dõi văn "
                "bản chậm xác nhận, đối chiếu nhật ký gửi, nhận hằng tháng và báo cáo Chủ tịch Ủy ban nhân dân tỉnh. "
                "Tổ tự giải thể khi hoàn thành nhiệm vụ.",
            ),
            ("text", "<b>Điều 3.</b> Quyết định này có hiệu lực kể từ ngày ký."),
            (
                "text",
                "<b>Điều 4.</b> Chánh Văn phòng Ủy ban nhân dân tỉnh, Giám đốc Sở Nội vụ, thủ trưởng các cơ quan liên "
                "quan và các thành viên Tổ công tác chịu trách nhiệm thi hành Quyết định này./.",
            ),
        ),
        recipients=(
            "Như Điều 4;",
            "Chủ tịch, các Phó Chủ tịch UBND tỉnh;",
            "Cổng Thông tin điện tử tỉnh;",
            "Lưu: VT, NC.",
        ),
        signer="CHỦ TỊCH",
        name="Vũ Thị Ví Dụ",
    ),
    Sample(
        file="thong_bao.pdf",
        above="CƠ QUAN ĐIỀU PHỐI MẪU",
        agency="TRUNG TÂM VẬN HÀNH|TRỤC LIÊN THÔNG",
        number="15/TB-TTVH",
        place_date="Hà Nội, ngày 09 tháng 11 năm 2026",
        title="THÔNG BÁO",
        subject="Về lịch bảo trì trục liên thông và thay khóa ký số của các cơ quan",
        body=(
            (
                "text",
                "Trung tâm Vận hành trục liên thông thông báo đến Ủy ban nhân dân các tỉnh, thành phố, các bộ và cơ "
                "quan ngang bộ lịch bảo trì và thay khóa ký số quý IV năm 2026 như sau:",
            ),
            (
                "text",
                "<b>1. Thời gian bảo trì:</b> từ 22 giờ ngày 21 tháng 11 đến 02 giờ ngày 22 tháng 11 năm 2026. Trong "
                "thời gian này văn bản gửi đi được lưu tại cơ quan gửi và tự động chuyển tiếp khi trục hoạt động lại; "
                "không cần gửi lần hai.",
            ),
            (
                "text",
                "<b>2. Thay khóa ký số:</b> mỗi cơ quan đăng ký khóa mới trước ngày 30 tháng 11 năm 2026. Khóa cũ "
                "tiếp tục được chấp nhận thêm 07 ngày kể từ khi khóa mới có hiệu lực; sau thời điểm đó, văn bản ký "
                "bằng khóa cũ bị từ chối và bên gửi nhận được thông báo nêu rõ lý do.",
            ),
            (
                "text",
                "<b>3. Văn bản hỏa tốc:</b> trong thời gian bảo trì, văn bản hỏa tốc được gửi đồng thời bằng phương "
                "thức dự phòng theo phương án của từng cơ quan.",
            ),
            (
                "text",
                "Đề nghị Ủy ban nhân dân các tỉnh, thành phố phổ biến đến các đơn vị thuộc, trực thuộc; mọi vướng mắc "
                "phản ánh về Trung tâm qua trục liên thông để được hướng dẫn./.",
            ),
        ),
        recipients=(
            "UBND các tỉnh, thành phố;",
            "Các bộ, cơ quan ngang bộ;",
            "Cơ quan Điều phối mẫu (để báo cáo);",
            "Lưu: VT, KT.",
        ),
        signer="GIÁM ĐỐC",
        name="Đỗ Văn Tượng Trưng",
    ),
)


def _lines(text: str, style: ParagraphStyle) -> list[Paragraph]:
    return [Paragraph(line, style) for line in text.split("|") if line]


def _rule(width: float) -> HRFlowable:
    return HRFlowable(width=width, thickness=0.7, color="black", spaceBefore=4, spaceAfter=2)


def _columns(rows: list[list[list[object]]], widths: tuple[float, float]) -> Table:
    return Table(rows, colWidths=widths, style=[*BARE, ("VALIGN", (0, 0), (-1, -1), "TOP")])


def _head(sample: Sample) -> list[object]:
    own_line = sample.agency.split("|")[-1]
    agency = [
        *_lines(sample.above, _style(REGULAR, 12, **CENTRED)),
        *_lines(sample.agency, _style(BOLD, 12, **CENTRED)),
        _rule(0.45 * stringWidth(own_line, BOLD, 12)),
    ]
    country = [
        Paragraph(COUNTRY, _style(BOLD, 12, **CENTRED)),
        Paragraph(MOTTO, _style(BOLD, 13, **CENTRED)),
        _rule(stringWidth(MOTTO, BOLD, 13)),
    ]
    number: list[object] = [Paragraph(f"Số: {sample.number}", _style(REGULAR, 13, **CENTRED))]
    place_date = Paragraph(sample.place_date, _style(ITALIC, 13, **CENTRED))
    title: list[object] = []
    if sample.title:
        title = [
            Paragraph(sample.title, _style(BOLD, 14, **CENTRED)),
            Paragraph(sample.subject, _style(BOLD, 13, **CENTRED)),
            _rule(0.4 * stringWidth(sample.subject, BOLD, 13)),
        ]
    else:
        number += [Spacer(0, 6), *_lines(sample.subject, _style(REGULAR, 12, **CENTRED))]
    if sample.urgency:
        stamp = Paragraph(sample.urgency, _style(BOLD, 13, **CENTRED, textColor=RED))
        box = [*BARE, ("BOX", (0, 0), (-1, -1), 0.9, RED), ("VALIGN", (0, 0), (-1, -1), "MIDDLE")]
        number += [Spacer(0, 6), Table([[stamp]], colWidths=[30 * mm], rowHeights=[8 * mm], style=box)]
    return [
        _columns([[agency, country]], HEAD),
        Spacer(0, 8),
        _columns([[number, [place_date]]], HEAD),
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
        *_lines(sample.signer, _style(BOLD, 13, **CENTRED)),
        Spacer(0, 12 * mm),
        Paragraph(UNSIGNED, _style(ITALIC, 10, **CENTRED, textColor=GREY)),
        Spacer(0, 10 * mm),
        Paragraph(sample.name, _style(BOLD, 13, **CENTRED)),
    ]
    return [Spacer(0, 18), _columns([[recipients, signer]], FOOT)]


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
        leftMargin=LEFT - 6,  # a frame keeps six points to itself on every side
        rightMargin=RIGHT - 6,
        topMargin=TOP - 6,
        bottomMargin=BOTTOM - 6,
        title=f"{SAMPLE}: {sample.subject.replace('|', ' ')}",
        author=sample.agency.replace("|", " "),
        subject=DISCLAIMER,
        creator="Lienthong",
        producer="Lienthong",
        lang="vi-VN",
    )
    body = [Paragraph(text, STYLES[style]) for style, text in sample.body]
    template.build([*_head(sample), *body, *_foot(sample)], onFirstPage=_mark, onLaterPages=_mark)
    if template.page != 1:
        sys.exit(f"{path.name}: the text fills {template.page} pages, one is allowed")
    return path.stat().st_size


def _load_fonts(folder: Path) -> None:
    """Register the fonts, cut down to the letters of the texts and without hints: a third of the size."""
    letters = "".join(sorted(set(repr(SAMPLES) + COUNTRY + MOTTO + SAMPLE + DISCLAIMER + UNSIGNED)))
    with tempfile.TemporaryDirectory() as scratch:
        for name in FONTS:
            cut = Path(scratch) / f"{name}.ttf"
            command = [sys.executable, "-m", "fontTools.subset", folder / f"{name}.ttf", f"--output-file={cut}"]
            if subprocess.run(
                [*command, f"--text={letters}", "--no-hinting", "--drop-tables+=FFTM"], check=False
            ).returncode:
                sys.exit(f"{name} cannot be used; Liberation Serif 2 or newer and fonttools are needed")
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
    _load_fonts(arguments.fonts)
    arguments.into.mkdir(parents=True, exist_ok=True)
    for sample in SAMPLES:
        print(f"{_build(sample, arguments.into):6} bytes  {sample.file}")


if __name__ == "__main__":
    main()
