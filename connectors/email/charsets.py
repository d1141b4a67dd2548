"""Bytes to text, whatever the mail claims about them. The text is always storable: no NUL, no lone surrogate."""

from __future__ import annotations

import codecs
import re
import unicodedata

from connectors.email import vietnamese_codecs

# Names seen in real mail that Python does not know, and narrow sets that senders use for their wider sisters.
ALIASES = {
    "": "utf-8",
    "ascii": "utf-8",
    "us-ascii": "utf-8",
    "ansi_x3.4-1968": "utf-8",
    "utf8": "utf-8",
    "utf-8mb4": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "unicode-1-1-utf-7": "utf-7",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "gb_2312-80": "gb18030",
    "ks_c_5601-1987": "cp949",
    "ksc5601": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "ms_kanji": "cp932",
    "iso-2022-jp": "iso-2022-jp-ext",
    "big5": "big5hkscs",
    "windows-874": "cp874",
    "tis-620": "cp874",
    "x-windows-1258": "cp1258",
    "windows-1258": "cp1258",
    "macintosh": "mac-roman",
    "x-mac-roman": "mac-roman",
    **vietnamese_codecs.NAMES,
}
SINGLE_BYTE = re.compile(r"^((?:cp|windows-)125\d|cp874|iso-?8859-?\d+|koi8-[ru]|mac-roman)$")
UNKNOWN = frozenset({"unknown", "x-unknown", "unknown-8bit", "default", "x-user-defined", "binary", "8bit", "7bit"})
# Bytes-to-bytes codecs and codecs with side effects must never be reached by a name from outside.
UNSAFE = frozenset(
    {"idna", "punycode", "raw_unicode_escape", "unicode_escape", "undefined", "mbcs", "oem", "hex", "rot13", "rot_13"}
)
GUESS_SAMPLE_BYTES = 16 * 1024

_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff]")
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SPACES = re.compile(r"\s+")


def clean(text: str) -> str:
    """Drop NUL and other controls, replace lone surrogates, compose letters; line ends become \\n."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\f" in text:
        text = text.replace("\f", "\n")
    if _CONTROL.search(text):
        text = _CONTROL.sub(lambda m: "\ufffd" if "\ud800" <= m[0] <= "\udfff" else "", text)
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def one_line(text: str) -> str:
    """A header value as one safe line: no line ends, no controls, no direction overrides, composed characters."""
    text = _SPACES.sub(" ", clean(text)).strip()
    return text if text.isascii() else _BIDI.sub("", text)


def codec_of(charset: str) -> str:
    """Python's codec for a charset name as mails write it; empty when unknown."""
    name = charset.strip().strip("\"'").lower().split("*")[0]
    if name in UNKNOWN:
        return ""
    name = ALIASES.get(name, name)
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return ""
    if info.name in UNSAFE or not info._is_text_encoding:
        return ""
    return name


def decode(data: bytes, charset: str = "") -> tuple[str, str]:
    """Text and a defect ("" when all went well): the declared charset if it can be right, else the likely one."""
    if data.isascii() and not _stateful(charset):
        return clean(data.decode("ascii")), ""
    codec = codec_of(charset)
    if codec and (codec == "utf-8" or not SINGLE_BYTE.match(codec)):
        text = _strict(data, codec)
        if text is not None:
            return text, ""
        if charset and data.count(b"\x00") * 4 < len(data):
            text = clean(data.decode(codec, "replace"))
            if text.count("\ufffd") * 20 < len(text):
                return text, f"charset: invalid bytes in {charset}"
    elif codec:
        as_utf8 = _strict(data, "utf-8")
        if as_utf8 is not None:  # eight-bit text is hardly ever valid UTF-8 by chance
            return as_utf8, f"charset: {charset} declared, utf-8 found"
        old = vietnamese_codecs.guess(data, codec)
        if old:
            return clean(data.decode(old, "replace")), f"charset: {charset} declared, {old} found"
        text = _strict(data, codec)
        if text is None:
            text = clean(data.decode(codec, "replace"))
        return text, ""
    return guess(data), f"charset: {charset or 'none'} declared, guessed"


def _stateful(charset: str) -> bool:
    lowered = charset.lower()
    return lowered.startswith(("iso-2022", "utf-7", "utf-16", "utf-32", "unicode-1-1", "hz"))


def _strict(data: bytes, codec: str) -> str | None:
    try:
        text = data.decode(codec)
    except (UnicodeError, LookupError, ValueError):
        return None
    if text[:1] == "\ufeff":
        text = text[1:]
    return clean(text)


def guess(data: bytes) -> str:
    """The likeliest text for bytes of unknown charset."""
    for bom, codec in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(bom):
            text = _strict(data, codec)
            if text is not None:
                return text
    text = _strict(data, "utf-8")
    if text is not None:
        return text
    found = vietnamese_codecs.guess(data) or _normalizer(data[:GUESS_SAMPLE_BYTES])
    if found:
        text = _strict(data, found)
        if text is not None:
            return text
    return clean(data.decode("cp1252", "replace"))


def _normalizer(sample: bytes) -> str:
    if len(sample) < 32:  # too little to tell one eight-bit charset from another
        return ""
    from charset_normalizer import from_bytes  # takes 60 ms to import and is seldom needed

    best = from_bytes(sample, steps=5, chunk_size=512).best()
    return codec_of(best.encoding) if best else ""
