"""The shop "Đồi Gió": who works there, its teams, what it sells, what its customers are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

BRAND = "Đồi Gió"
COLOUR = "#7c3a2d"
DOMAIN = "doigio.example"
ADDRESS = f"hello@{DOMAIN}"
HOTLINE = "+842473001868"
BOT_NAME = "Đồi Gió"
BOT_USERNAME = "doigio_shop_bot"
TIMEZONE = "Asia/Ho_Chi_Minh"

_DAY = [["08:00", "12:00"], ["13:00", "18:00"]]
WEEK = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat"), _DAY) | {"sun": [["09:00", "12:00"]]}


@dataclass(frozen=True)
class Person:
    """Somebody who works there. `told`: their password is given out as the login of their role."""

    key: str
    name: str
    role: str
    locale: str
    teams: tuple[str, ...]
    leads: tuple[str, ...] = ()
    told: bool = False
    signature: str = ""

    @property
    def email(self) -> str:
        return f"{self.key}@{DOMAIN}"


TEAMS = ("Orders", "Care", "Wholesale")
PEOPLE = (
    Person("ha", "Lê Thu Hà", "admin", "en", ("Care",), told=True, signature="Lê Thu Hà · Đồi Gió"),
    Person("minh", "Hoàng Minh", "supervisor", "en", TEAMS, TEAMS, told=True, signature="Minh · Đồi Gió"),
    Person("linh", "Trần Linh", "agent", "en", ("Orders", "Care"), told=True, signature="Linh · Đồi Gió"),
    Person("phuc", "Quách Phúc", "agent", "vi", ("Orders",), signature="Phúc · Đồi Gió"),
    Person("mai", "Đặng Mai", "agent", "vi", ("Care", "Orders"), signature="Mai · Đồi Gió"),
    Person("sophie", "Sophie Martin", "agent", "en", ("Care", "Wholesale"), signature="Sophie · Đồi Gió"),
)

# (English, Vietnamese, price in đồng)
ITEMS = (
    ("celadon teapot", "ấm men ngọc", 1_250_000),
    ("celadon tea set", "bộ ấm men ngọc", 2_450_000),
    ("slate ramen bowl", "tô mì men đá", 320_000),
    ("fig vase", "bình dáng quả sung", 680_000),
    ("morning cup", "tách buổi sáng", 190_000),
    ("clay pot", "nồi đất", 420_000),
    ("set of four plates", "bộ bốn đĩa", 890_000),
    ("incense holder", "lư hương nhỏ", 260_000),
    ("rice bowl", "bát cơm", 120_000),
    ("fruit bowl", "thố trái cây", 540_000),
)
CITIES = {
    "en": ("Singapore", "Hội An", "Đà Nẵng", "Melbourne", "Lyon", "Hà Nội", "Sài Gòn", "Kuala Lumpur"),
    "vi": ("Côn Đảo", "Hội An", "Đà Nẵng", "Cần Thơ", "Hải Phòng", "Đà Lạt", "Huế", "Buôn Ma Thuột"),
}
DAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
    "vi": ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy"),
}

# (family and middle name, given name, salutation)
VIETNAMESE = (
    ("Nguyễn Lan", "Anh", "chị"), ("Phạm Đức", "Thắng", "anh"), ("Bùi", "Khánh", "anh"), ("Vũ Hải", "Yến", "chị"),
    ("Đỗ Thu", "Trang", "chị"), ("Trần Quốc", "Bảo", "anh"), ("Lê Minh", "Châu", "chị"), ("Phan Thanh", "Tùng", "anh"),
    ("Ngô Bích", "Ngọc", "chị"), ("Đặng Gia", "Huy", "anh"), ("Hồ Thuỳ", "Dương", "chị"), ("Trịnh Xuân", "Sơn", "anh"),
    ("Đinh Thị", "Hoa", "cô"), ("Lý Kim", "Phượng", "chị"), ("Mai Văn", "Lộc", "anh"), ("Tạ Quỳnh", "Như", "chị"),
    ("Cao Anh", "Dũng", "anh"), ("Dương Mỹ", "Linh", "chị"), ("Võ Hoàng", "Nam", "anh"), ("Hà Tuyết", "Mai", "chị"),
    ("Nguyễn Hữu", "Phước", "chú"), ("Trần Thị Kim", "Oanh", "chị"), ("Lương Đình", "Khôi", "anh"),
    ("Phùng Khánh", "Vy", "chị"), ("Châu Ngọc", "Hân", "chị"), ("Đoàn Trung", "Kiên", "anh"), ("Lâm Bảo", "Trân", "chị"),
    ("Nguyễn Thanh", "Hằng", "chị"), ("Huỳnh Nhật", "Minh", "anh"), ("Trương Cẩm", "Tú", "chị"), ("Vương Tấn", "Phát", "anh"),
    ("Quách Diệu", "Thảo", "chị"), ("Phạm Ngọc", "Ánh", "chị"), ("Lê Công", "Vinh", "anh"), ("Tô Hồng", "Nhung", "chị"),
    ("Nguyễn Đăng", "Quang", "anh"), ("Bạch Tường", "Vi", "chị"), ("Ông Văn", "Tài", "chú"), ("Đào Phương", "Uyên", "chị"),
    ("La Chí", "Hiếu", "anh"), ("Thái Mộng", "Tuyền", "chị"), ("Kiều Đức", "Long", "anh"), ("Nguyễn Hạnh", "Dung", "chị"),
    ("Trần Nhã", "Phương", "chị"), ("Hoàng Gia", "Bảo", "anh"), ("Phạm Thị", "Lành", "bác"), ("Chu Hải", "Đăng", "anh"),
    ("Vũ Thục", "Quyên", "chị"), ("Lê Trọng", "Nghĩa", "anh"), ("Nguyễn Ngân", "Hà", "chị"),
)  # fmt: skip
FOREIGN = (
    ("Emma", "Whitfield"), ("Julia", "Okafor"), ("Daniel", "Meyer"), ("Sarah", "Lindqvist"), ("Thomas", "Baker"),
    ("Hana", "Sato"), ("Marco", "Ricci"), ("Aisha", "Rahman"), ("Claire", "Dubois"), ("Peter", "Novak"),
    ("Grace", "Tan"), ("Oliver", "Hughes"), ("Mei", "Chen"), ("Lucas", "Silva"), ("Anna", "Kowalska"),
    ("James", "Walker"), ("Priya", "Nair"), ("Noah", "Jensen"), ("Sofia", "Alvarez"), ("Ben", "Cohen"),
    ("Laura", "Moretti"), ("David", "Kim"), ("Ella", "Johansson"), ("Ryan", "Murphy"), ("Nadia", "Haddad"),
    ("Victor", "Lambert"), ("Joanna", "Price"), ("Felix", "Wagner"), ("Amelia", "Stone"), ("Samuel", "Osei"),
)  # fmt: skip

MACROS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "Xin ảnh hàng vỡ",
        "Dạ em chào {{customer.salutation}} {{customer.given_name}} ạ. {{customer.salutation}} gửi giúp em một tấm ảnh "
        "chỗ vỡ và mã đơn, em đổi ngay cho mình ạ.\n{{agent.name}}",
        {"tags": ["breakage"]},
    ),
    (
        "Ask for a photo of the damage",
        "Hello {{customer.given_name}}, I am sorry it did not arrive whole. Could you send one photo of the damage? "
        "I will send a new one today.\n{{agent.name}}",
        {"tags": ["breakage"]},
    ),
    ("Courier says tomorrow", "Your parcel is with the courier and comes tomorrow. They call half an hour before.", {}),
    ("Cảm ơn và đóng phiếu", "Dạ em cảm ơn {{customer.salutation}} {{customer.given_name}} ạ. Cần gì cứ nhắn em nhé.", {"status": "solved"}),
    ("Tell the warehouse", "", {"tags": ["warehouse"], "priority": "high"}),
)  # fmt: skip
VIEWS = (
    ("Late deliveries", {"tag": "delivery"}),
    ("Refunds", {"tag": "refund"}),
    ("Wholesale quotes", {"tag": "wholesale"}),
)
