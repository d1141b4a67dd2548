"""Charsets of old Vietnamese mail that Python does not know: VISCII (RFC 1456), TCVN3 (TCVN 5712, "ABC" fonts), VPS and
VNI (a letter and its mark as two characters).

Such mail often names another charset, or none: `guess` looks whether it reads as Vietnamese in one of them.
"""

from __future__ import annotations

import codecs
import re
from typing import Any

_VISCII_LOW = {0x02: "Ẳ", 0x05: "Ẵ", 0x06: "Ẫ", 0x14: "Ỷ", 0x19: "Ỹ", 0x1E: "Ỵ"}
_TCVN_LOW = {
    0x01: "Ú",
    0x02: "Ụ",
    0x04: "Ừ",
    0x05: "Ử",
    0x06: "Ữ",
    0x11: "Ứ",
    0x12: "Ự",
    0x13: "Ỳ",
    0x14: "Ỷ",
    0x15: "Ỹ",
    0x16: "Ý",
    0x17: "Ỵ",
}
_VPS_LOW = {
    0x02: "Ạ",
    0x03: "Ậ",
    0x04: "Ặ",
    0x05: "Ẹ",
    0x06: "Ệ",
    0x10: "Ị",
    0x11: "Ọ",
    0x12: "Ộ",
    0x13: "Ợ",
    0x14: "Ụ",
    0x15: "Ự",
    0x19: "Ỵ",
    0x1C: "Ẫ",
    0x1D: "Ữ",
}
_VISCII_HIGH = (
    "ẠẮẰẶẤẦẨẬẼẸẾỀỂỄỆỐỒỔỖỘỢỚỜỞỊỎỌỈỦŨỤỲ"
    "ÕắằặấầẩậẽẹếềểễệốồổỗỠƠộờởịỰỨỪỬơớƯ"
    "ÀÁÂÃẢĂẳẵÈÉÊẺÌÍĨỳĐứÒÓÔạỷừửÙÚỹỵÝỡư"
    "àáâãảăữẫèéêẻìíĩỉđựòóôõỏọụùúũủýợỮ"
)
_TCVN_HIGH = (
    "ÀẢÃÁẠẶẬÈẺẼÉẸỆÌỈĨÍỊÒỎÕÓỌỘỜỞỠỚỢÙỦŨ"
    "\u00a0ĂÂÊÔƠƯĐăâêôơưđẰ\u0300\u0309\u0303\u0301\u0323àảãáạẲằẳẵắẴ"
    "ẮẦẨẪẤỀặầẩẫấậèỂẻẽéẹềểễếệìỉỄẾỒĩíịò"
    "ỔỏõóọồổỗốộờởỡớợùỖủũúụừửữứựỳỷỹýỵỐ"
)
_VPS_HIGH = (
    "ÀẢÃẤẦẨọỗĂếềểệẮẰẲẾ‘’ỀỂỄỐỒỔỖýỷỵỚỜỞ"
    "\u00a0ắằẳẵặỠớÙờởỡŨỨợỪổỬỲỸÍÌộỈĨÓửữÒỎÕự"
    "ầÁÂấẩẫậđẻÉÊẹỉễịỹƯỦồốÔỏơÈừứÚũưÝẺß"
    "àáâãảạăçèéêẽìíîĩẴĐòóôõöƠụùúủüỶẼỳ"
)
# VNI: what stands behind a vowel, as Western text shows it; then the letters it makes of each vowel.
_VNI_TONES = "ùøûõï"
_VNI_MARKED = {
    **{
        vowel: (_VNI_TONES, made)
        for vowel, made in zip("aeouy", ("áàảãạ", "éèẻẽẹ", "óòỏõọ", "úùủũụ", "ýỳỷỹ"), strict=True)
    },
    "ô": (_VNI_TONES, "ớờởỡợ"),
    "ö": (_VNI_TONES, "ứừửữự"),
}
_VNI_HATS = {"a": ("âáàåãäêéèúüë", "âấầẩẫậăắằẳẵặ"), "e": ("âáàåãä", "êếềểễệ"), "o": ("âáàåãä", "ôốồổỗộ")}
_VNI_ALONE = dict(zip("ôöíìæóòîñ", "ơưíìỉĩịỵđ", strict=True))
NAMES = {
    "viscii": "viscii",
    "viscii1.1-1": "viscii",
    "csviscii": "viscii",
    "tcvn": "tcvn3",
    "tcvn3": "tcvn3",
    "tcvn-5712": "tcvn3",
    "tcvn5712-1": "tcvn3",
    "x-viet-tcvn5712": "tcvn3",
    "vscii": "tcvn3",
    "vps": "vps",
    "x-viet-vps": "vps",
    "vni": "vni",
    "x-viet-vni": "vni",
    "vni-win": "vni",
}
# Words with marks that hardly a Vietnamese text is without; none of them arises when another charset is misread.
_COMMON = (
    "và của là không được có người những một tôi các này đã để với bạn chúng chào cảm ơn hàng đơn nhận gửi quý khách chị"
    " mình ạ vẫn chưa rồi tiền địa chỉ điện thoại số từ đến nếu thì như cũng về trân trọng kính thưa ông bà sản phẩm bán"
    " giá đổi trả lại bị vì hỏi giúp đỡ ngày tháng năm việc công sẽ phải nhưng"
)
COMMON = frozenset(_COMMON.split())
_WORD = re.compile(r"[^\W\d_]+")
SAMPLE_BYTES = 16 * 1024


def _table(low: dict[int, str], high: str) -> str:
    return "".join(low.get(i, chr(i)) for i in range(128)) + high


TABLES = {
    "viscii": _table(_VISCII_LOW, _VISCII_HIGH),
    "tcvn3": _table(_TCVN_LOW, _TCVN_HIGH),
    "vps": _table(_VPS_LOW, _VPS_HIGH),
}
KNOWN = (*TABLES, "vni")


def _vni() -> dict[str, str]:
    """What VNI writes -> the letter."""
    made = dict(_VNI_ALONE)
    for group in (_VNI_MARKED, _VNI_HATS):
        for vowel, (marks, letters) in group.items():
            made |= {vowel + mark: letter for mark, letter in zip(marks, letters, strict=False)}
    lazy = {w[0].upper() + w[1:]: letter.upper() for w, letter in made.items()}  # a capital with a small mark
    return made | lazy | {w.upper(): letter.upper() for w, letter in made.items()}


_VNI = _vni()
_VNI_BACK = {letter: written for written, letter in _VNI.items()}  # the last way to write it
_VNI_WRITTEN = re.compile("|".join(sorted(map(re.escape, _VNI), key=len, reverse=True)))


def _search(name: str) -> codecs.CodecInfo | None:
    if name == "vni":
        return codecs.CodecInfo(_vni_encode, _vni_decode, name=name)
    table = TABLES.get(name)
    if table is None:
        return None

    def decode(data: Any, errors: str = "strict", /) -> tuple[str, int]:
        return codecs.charmap_decode(data, errors, table)

    def encode(text: str, errors: str = "strict", /) -> tuple[bytes, int]:
        return codecs.charmap_encode(text, errors, codecs.charmap_build(table))

    return codecs.CodecInfo(encode, decode, name=name)


def _vni_decode(data: Any, errors: str = "strict", /) -> tuple[str, int]:
    western = bytes(data).decode("cp1252", errors)
    return _VNI_WRITTEN.sub(lambda found: _VNI[found[0]], western), len(data)


def _vni_encode(text: str, errors: str = "strict", /) -> tuple[bytes, int]:
    return "".join(_VNI_BACK.get(letter, letter) for letter in text).encode("cp1252", errors), len(text)


codecs.register(_search)


def guess(data: bytes, declared: str = "") -> str:
    """One of KNOWN when the bytes read as Vietnamese so and not as declared; else empty."""
    sample = data[:SAMPLE_BYTES]
    if sum(byte > 127 for byte in sample) < 4:
        return ""
    scores = {name: _score(sample.decode(name, "replace")) for name in KNOWN}
    best = max(scores, key=lambda name: scores[name])
    rival = max(
        (_score(sample.decode(name, "replace")) for name in {"cp1258", "cp1252", declared or "cp1252"}), default=0.0
    )
    return best if scores[best] >= 0.15 and scores[best] > 2 * rival else ""


def _score(text: str) -> float:
    """The share of words that are common Vietnamese ones with marks; at least two different ones must be there."""
    words = [word.lower() for word in _WORD.findall(text)]
    hits = [word for word in words if word in COMMON and not word.isascii()]
    return len(hits) / len(words) if len(set(hits)) >= 2 else 0.0
