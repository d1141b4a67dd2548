"""Is it an address, and was another one meant? "lan@gmial.com" is valid, and never arrives."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from connectors.email.identity import normalise

# Where people have their mail, in the world and in Viet Nam.
DOMAINS = (
    "gmail.com", "googlemail.com", "yahoo.com", "yahoo.com.vn", "ymail.com", "hotmail.com", "outlook.com",
    "outlook.com.vn", "live.com", "msn.com", "icloud.com", "me.com", "mac.com", "aol.com", "proton.me",
    "protonmail.com", "zoho.com", "gmx.com", "gmx.de", "mail.ru", "yandex.com", "qq.com", "163.com", "naver.com",
    "vnn.vn", "fpt.vn", "fpt.com.vn", "viettel.com.vn", "vnpt.vn", "hcm.vnn.vn", "hn.vnn.vn",
)  # fmt: skip
# Real ones that only look like a slip of a famous one.
REAL = frozenset({"mail.com", "email.com", "gmx.net", "hotmail.fr", "hotmail.co.uk", "yahoo.fr", "yahoo.co.uk",
                  "yahoo.co.jp", "live.fr", "outlook.fr", "ymail.co", "ail.com", "fpt.com", "vnn.com", "vnpt.com.vn",
                  "viettel.vn", "gmai.co", "zoho.eu", "yandex.ru", "aol.de"})  # fmt: skip
_ENDINGS = {"con": "com", "cmo": "com", "ocm": "com", "vom": "com", "comm": "com", "coom": "com", "cm": "com",
            "c0m": "com", "nte": "net", "ner": "net", "ogr": "org", "om": "com", "vm": "vn", "nv": "vn",
            "com.v": "com.vn", "con.vn": "com.vn", "comvn": "com.vn", "com.nv": "com.vn"}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """`likely`: the address that was probably meant; empty when this one looks right."""

    address: str
    ok: bool
    likely: str = ""


def split(text: str) -> list[str]:
    """The addresses of a field, as typed; names before angle brackets left out."""
    pieces = (piece.strip() for piece in re.split(r"[,;\n]", text))
    return [re.sub(r"^.*<([^<>]*)>$", r"\1", piece) for piece in pieces if piece]


def look(address: str) -> Look:
    """Valid by its form, and whether its domain is a slip of a well-known one."""
    try:
        value = normalise(address)
    except ValueError:
        return Look(address, False, _mended(address))
    local, _, domain = value.rpartition("@")
    meant = likely_domain(domain)
    return Look(address, True, f"{local}@{meant}" if meant else "")


def likely_domain(domain: str) -> str:
    """The domain that was probably meant; empty when this one is known, or like none that is."""
    if domain in DOMAINS or domain in REAL:
        return ""
    for wrong, right in _ENDINGS.items():
        stem = domain.removesuffix(f".{wrong}")
        if stem != domain and f"{stem}.{right}" in DOMAINS:
            return f"{stem}.{right}"
    close = get_close_matches(domain, DOMAINS, n=1, cutoff=0.84)
    if close and abs(len(close[0]) - len(domain)) <= 2 and domain.count(".") <= close[0].count(".") + 1:
        return str(close[0])
    ending = domain.rpartition(".")[2]
    if ending in ("con", "cmo", "ocm", "vom", "comm", "c0m"):
        return f"{domain.rpartition('.')[0]}.com"
    return ""


def _mended(address: str) -> str:
    """What nearly is an address: blanks, a comma for a dot, two at signs, letters with marks."""
    text = re.sub(r"\s+", "", address).replace(",", ".").replace("@@", "@").strip(".")
    text = re.sub(r"\.{2,}", ".", text)
    if text == address:
        return ""
    try:
        value = normalise(text)
    except ValueError:
        return ""
    domain = value.rpartition("@")[2]
    return value.removesuffix(domain) + (likely_domain(domain) or domain)
