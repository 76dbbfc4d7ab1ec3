"""Builds the five PDF documents of the demonstration, the same bytes each time.

Run by hand where `reportlab` and the Noto Serif fonts (SIL Open Font Licence) are installed:

    python tests/build_documents.py FONT_FOLDER services/lienthong/demo/documents

The texts are made up; every page says that it is a sample.
"""

import sys
from pathlib import Path
from typing import NamedTuple

from reportlab import rl_config
from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph


class Page(NamedTuple):
    """One document of one page."""

    file: str
    agency: tuple[str, str]
    number: str
    place: str
    title: str
    subject: str
    addressed: str
    body: tuple[str, ...]
    recipients: tuple[str, ...]
    signer: tuple[str, str, str]


PAGES = (
    Page(
        "cong_van.pdf", ("VĂN PHÒNG CHÍNH PHỦ", ""), "Số: 101/VPCP-KSTT", "Hà Nội, ngày 12 tháng 10 năm 2026", "",
        "V/v gửi, nhận văn bản điện tử trên trục liên thông",
        "Kính gửi: Ủy ban nhân dân thành phố Hà Nội.",
        (
            "Để bảo đảm văn bản điện tử được gửi, nhận đầy đủ và đúng thời hạn, Văn phòng Chính phủ đề nghị Quý cơ quan:",
            "1. Gửi văn bản ngay trong ngày ký, chậm nhất là buổi sáng của ngày làm việc tiếp theo.",
            "2. Xác nhận đã đến và đã tiếp nhận trên hệ thống ngay khi nhận được văn bản.",
            "3. Phản hồi kịp thời trạng thái xử lý; nếu từ chối tiếp nhận thì nêu rõ lý do.",
            "Trân trọng cảm ơn sự phối hợp của Quý cơ quan./.",
        ),
        ("Như trên;", "Lưu: VT, KSTT."), ("KT. BỘ TRƯỞNG, CHỦ NHIỆM", "PHÓ CHỦ NHIỆM", "Nguyễn Văn Mẫu"),
    ),
    Page(
        "cong_dien.pdf", ("VĂN PHÒNG CHÍNH PHỦ", ""), "Số: 07/CĐ-VPCP", "Hà Nội, ngày 14 tháng 10 năm 2026",
        "CÔNG ĐIỆN", "Về việc chủ động ứng phó với bão số 9 (HỎA TỐC)",
        "VĂN PHÒNG CHÍNH PHỦ điện: Ủy ban nhân dân các tỉnh, thành phố ven biển.",
        (
            "Bão số 9 đang di chuyển nhanh theo hướng Tây Tây Bắc, dự báo gây gió mạnh và mưa rất to. Yêu cầu:",
            "1. Kêu gọi tàu thuyền vào nơi tránh trú an toàn trước 18 giờ hôm nay.",
            "2. Sẵn sàng sơ tán người dân ở vùng trũng thấp, ven sông, ven biển.",
            "3. Trực ban 24/24 giờ và báo cáo về Văn phòng Chính phủ sau mỗi 06 giờ./.",
        ),
        ("Như trên;", "Lưu: VT, NN."), ("TL. BỘ TRƯỞNG, CHỦ NHIỆM", "VỤ TRƯỞNG", "Trần Thị Ví Dụ"),
    ),
    Page(
        "giay_moi.pdf", ("ỦY BAN NHÂN DÂN", "TỈNH LẠNG SƠN"), "Số: 58/GM-UBND", "Lạng Sơn, ngày 15 tháng 10 năm 2026",
        "GIẤY MỜI", "Họp triển khai kết nối trục liên thông văn bản",
        "Kính gửi: Các sở, ban, ngành của tỉnh.",
        (
            "Ủy ban nhân dân tỉnh trân trọng kính mời Quý cơ quan cử đại diện dự họp:",
            "1. Thời gian: 08 giờ 00 phút, ngày 20 tháng 10 năm 2026 (thứ Ba).",
            "2. Địa điểm: Phòng họp số 2, trụ sở Ủy ban nhân dân tỉnh.",
            "3. Nội dung: kế hoạch kết nối, phân công đầu mối và lịch chạy thử.",
            "Đề nghị các đại biểu đến dự đúng thành phần và thời gian nêu trên./.",
        ),
        ("Như trên;", "Lưu: VT, KSTTHC."), ("TL. CHỦ TỊCH", "CHÁNH VĂN PHÒNG", "Lê Thị Thử Nghiệm"),
    ),
    Page(
        "quyet_dinh.pdf", ("BỘ NỘI VỤ", ""), "Số: 233/QĐ-BNV", "Hà Nội, ngày 16 tháng 10 năm 2026",
        "QUYẾT ĐỊNH", "Ban hành Quy chế quản lý văn bản điện tử (mẫu)",
        "BỘ TRƯỞNG BỘ NỘI VỤ",
        (
            "Căn cứ các quy định hiện hành về công tác văn thư và theo đề nghị của Chánh Văn phòng Bộ,",
            "Điều 1. Ban hành kèm theo Quyết định này Quy chế quản lý văn bản điện tử của Bộ.",
            "Điều 2. Quyết định này có hiệu lực thi hành kể từ ngày ký.",
            "Điều 3. Chánh Văn phòng Bộ và thủ trưởng các đơn vị chịu trách nhiệm thi hành Quyết định này./.",
        ),
        ("Như Điều 3;", "Lưu: VT, VP."), ("KT. BỘ TRƯỞNG", "THỨ TRƯỞNG", "Phạm Văn Minh Họa"),
    ),
    Page(
        "thong_bao.pdf", ("BỘ TÀI CHÍNH", ""), "Số: 412/TB-BTC", "Hà Nội, ngày 19 tháng 10 năm 2026",
        "THÔNG BÁO", "Về thời hạn gửi báo cáo quý III năm 2026",
        "Kính gửi: Ủy ban nhân dân các tỉnh, thành phố trực thuộc Trung ương.",
        (
            "Bộ Tài chính thông báo thời hạn và hình thức gửi báo cáo quý III năm 2026 như sau:",
            "1. Thời hạn: trước 17 giờ 00 phút ngày 30 tháng 10 năm 2026.",
            "2. Hình thức: văn bản điện tử có ký số, gửi qua trục liên thông.",
            "3. Các địa phương gửi chậm được nêu trong báo cáo tổng hợp./.",
        ),
        ("Như trên;", "Lưu: VT, NSNN."), ("TL. BỘ TRƯỞNG", "CHÁNH VĂN PHÒNG", "Đỗ Thị Tham Khảo"),
    ),
)  # fmt: skip


def build(page: Page, folder: Path) -> None:
    """Draw one page."""
    canvas = Canvas(str(folder / page.file), pagesize=A4, pageCompression=1)
    canvas.setTitle(page.subject)
    canvas.setAuthor("Văn bản mẫu")
    width, height = A4
    left, right, top = 30 * mm, width - 15 * mm, height - 20 * mm
    _head(canvas, page, top)
    y = top - 34 * mm
    if page.title:
        canvas.setFont("Bold", 14)
        canvas.drawCentredString((left + right) / 2, y, page.title)
        y -= 7 * mm
        canvas.drawCentredString((left + right) / 2, y, page.subject)
        y -= 12 * mm
    centred = ParagraphStyle("addressed", fontName="Regular", fontSize=14, leading=20, alignment=TA_CENTER)
    justified = ParagraphStyle(
        "body", fontName="Regular", fontSize=13.5, leading=20, alignment=TA_JUSTIFY, firstLineIndent=10 * mm, spaceAfter=6
    )
    for text, style in ((page.addressed, centred), *((text, justified) for text in page.body)):
        paragraph = Paragraph(text, style)
        _, needed = paragraph.wrap(right - left, height)
        y -= needed + 3 * mm
        paragraph.drawOn(canvas, left, y)
    _foot(canvas, page, y - 14 * mm)
    canvas.saveState()
    canvas.setFillGray(0.85)
    canvas.setFont("Bold", 40)
    canvas.translate(width / 2, 45 * mm)
    canvas.drawCentredString(0, 0, "VĂN BẢN MẪU")
    canvas.restoreState()
    canvas.save()


def _head(canvas: Canvas, page: Page, top: float) -> None:
    near, far = 62 * mm, 145 * mm
    lines = [line for line in page.agency if line]
    for number, line in enumerate(lines):
        canvas.setFont("Bold", 11)
        canvas.drawCentredString(near, top - number * 5.5 * mm, line)
    below = top - (len(lines) - 1) * 5.5 * mm - 2 * mm
    canvas.line(near - 12 * mm, below, near + 12 * mm, below)
    canvas.setFont("Bold", 10)
    canvas.drawCentredString(far, top, "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM")
    canvas.setFont("Bold", 12.5)
    canvas.drawCentredString(far, top - 5.5 * mm, "Độc lập - Tự do - Hạnh phúc")
    canvas.line(far - 28 * mm, top - 7.5 * mm, far + 28 * mm, top - 7.5 * mm)
    canvas.setFont("Regular", 12.5)
    canvas.drawCentredString(near, top - 14 * mm, page.number)
    canvas.setFont("Italic", 12.5)
    canvas.drawCentredString(far, top - 14 * mm, page.place)
    if not page.title:
        canvas.setFont("Regular", 11)
        canvas.drawCentredString(near, top - 20 * mm, page.subject.replace(" trên trục liên thông", ""))
        canvas.drawCentredString(near, top - 25 * mm, "trên trục liên thông")


def _foot(canvas: Canvas, page: Page, y: float) -> None:
    canvas.setFont("BoldItalic", 11.5)
    canvas.drawString(30 * mm, y, "Nơi nhận:")
    canvas.setFont("Regular", 10.5)
    for number, line in enumerate(page.recipients, 1):
        canvas.drawString(30 * mm, y - number * 5 * mm, f"- {line}")
    canvas.setFont("Bold", 12.5)
    canvas.drawCentredString(148 * mm, y, page.signer[0])
    canvas.drawCentredString(148 * mm, y - 6 * mm, page.signer[1])
    canvas.drawCentredString(148 * mm, y - 34 * mm, page.signer[2])


def main() -> None:
    """Build all pages."""
    fonts, folder = Path(sys.argv[1]), Path(sys.argv[2])
    rl_config.invariant = 1
    for face in ("Regular", "Bold", "Italic", "BoldItalic"):
        pdfmetrics.registerFont(TTFont(face, str(fonts / f"NotoSerif-{face}.ttf")))
    folder.mkdir(parents=True, exist_ok=True)
    for page in PAGES:
        build(page, folder)


if __name__ == "__main__":
    main()
