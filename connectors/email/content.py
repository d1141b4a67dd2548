"""What stands in a mail of ours: the words as text and as HTML, what goes below them, and the files."""

from __future__ import annotations

import html as escaping
import re
from datetime import UTC
from email import encoders
from email.mime.base import MIMEBase
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

from connectors.contract import Outbound, OutFile
from connectors.email import charsets

MAX_QUOTE_CHARS = 20_000
_URL = re.compile(r"(https?://[^\s<>\"'()]+[^\s<>\"'().,;:!?])")

STYLE = (
    ":root{color-scheme:light dark;supported-color-schemes:light dark}"
    "body{margin:0;padding:16px;font-family:-apple-system,'Segoe UI',Roboto,Arial,sans-serif;font-size:15px;"
    "line-height:1.55;color:#1f2328;background:#ffffff}"
    "a{color:#0b57d0}blockquote{margin:12px 0;padding-left:12px;border-left:3px solid #c9ced6;color:#57606a}"
    ".button{display:inline-block;padding:10px 18px;border-radius:6px;background:#0b57d0;color:#ffffff;"
    "text-decoration:none;font-weight:600}.small{font-size:13px;color:#57606a}"
    "@media (prefers-color-scheme:dark){body{color:#e6e8eb!important;background:#16181c!important}"
    "a{color:#8ab4f8}.button{background:#8ab4f8!important;color:#16181c!important}.small{color:#a0a6ad}}"
)
WORDS = {
    "en": {
        "rate": "Rate our answer",
        "unsubscribe": "No more mails like this",
        "requests": "See your requests",
        "wrote": "On {at}, {who} wrote:",
    },
    "vi": {
        "rate": "Đánh giá câu trả lời",
        "unsubscribe": "Không nhận thư như thế này nữa",
        "requests": "Xem các yêu cầu của bạn",
        "wrote": "Vào {at}, {who} đã viết:",
    },
}


def body(outbound: Outbound) -> MIMEBase:
    alternative = MIMEMultipart("alternative")
    alternative.attach(_text_part(_text(outbound), "plain"))
    alternative.attach(_text_part(_html(outbound), "html"))
    if not outbound.files:
        return alternative
    mixed = MIMEMultipart("mixed")
    mixed.attach(alternative)
    for file in outbound.files:
        mixed.attach(_file_part(file))
    return mixed


def _text_part(text: str, kind: str) -> MIMEText:
    """Quoted-printable where most of it stays readable, else base64: no line is ever too long for a relay."""
    from email.charset import BASE64, QP, Charset

    charset = Charset("utf-8")
    foreign = sum(not char.isascii() for char in text)
    charset.body_encoding = QP if foreign * 6 < len(text) else BASE64
    part = MIMEText("", kind, "us-ascii")
    del part["Content-Transfer-Encoding"], part["MIME-Version"], part["Content-Type"]
    part.add_header("Content-Type", f"text/{kind}", charset="utf-8")
    part.set_payload(charsets.clean(text), charset)
    del part["MIME-Version"]
    return part


def _file_part(file: OutFile) -> MIMEBase:
    main, _, sub = file.content_type.partition("/")
    name = charsets.one_line(file.filename).replace("/", "_").replace("\\", "_")[:150] or "file"
    data = file.read()
    if main == "message" and sub == "rfc822":
        from email import message_from_bytes

        part: MIMEBase = MIMEMessage(message_from_bytes(data))
    else:
        safe = bool(re.fullmatch(r"[\w.+-]+", main + sub, re.ASCII)) and main not in ("multipart", "message", "")
        part = MIMEBase(main if safe else "application", sub if safe else "octet-stream")
        part.set_payload(data)
        encoders.encode_base64(part)
    del part["MIME-Version"]
    encoded = name if name.isascii() else ("utf-8", "", name)
    part.add_header("Content-Disposition", "attachment", filename=encoded)
    return part


def _text(outbound: Outbound) -> str:
    words = WORDS.get(outbound.locale[:2], WORDS["en"])
    pieces = [charsets.clean(outbound.text).strip()]
    pieces += [f"{link.filename} ({_size(link.size_bytes)}): {link.url}" for link in outbound.links]
    if outbound.survey and outbound.survey.url not in outbound.text:
        pieces.append(f"{outbound.survey.question}\n{outbound.survey.url}")
    if outbound.unsubscribe_url and outbound.unsubscribe_url not in outbound.text:
        pieces.append(f"{words['unsubscribe']}: {outbound.unsubscribe_url}")
    if outbound.requests_url:
        pieces.append(f"{words['requests']}: {outbound.requests_url}")
    if outbound.quote is not None:
        quoted = charsets.clean(outbound.quote.text).strip()[:MAX_QUOTE_CHARS]
        pieces.append(_intro(outbound, words) + "\n" + "\n".join(f"> {line}".rstrip() for line in quoted.split("\n")))
    return "\n\n".join(piece for piece in pieces if piece) + "\n"


def _html(outbound: Outbound) -> str:
    words = WORDS.get(outbound.locale[:2], WORDS["en"])
    pieces = [outbound.html.strip() or paragraphs(outbound.text)]
    for link in outbound.links:
        url, name = escaping.escape(link.url), escaping.escape(charsets.one_line(link.filename))
        pieces.append(f'<p><a href="{url}">{name}</a> ({_size(link.size_bytes)})</p>')
    if outbound.survey and not _holds(pieces[0], outbound.survey.url):
        question = escaping.escape(charsets.one_line(outbound.survey.question))
        url = escaping.escape(outbound.survey.url)
        pieces.append(f'<p>{question}</p><p><a class="button" href="{url}">{words["rate"]}</a></p>')
    if outbound.unsubscribe_url and not _holds(pieces[0], outbound.unsubscribe_url):
        url = escaping.escape(outbound.unsubscribe_url)
        pieces.append(f'<p class="small"><a href="{url}">{words["unsubscribe"]}</a></p>')
    if outbound.requests_url:
        url = escaping.escape(outbound.requests_url)
        pieces.append(f'<p class="small"><a href="{url}">{words["requests"]}</a></p>')
    if outbound.quote is not None:
        quoted = paragraphs(outbound.quote.text[:MAX_QUOTE_CHARS])
        intro = escaping.escape(_intro(outbound, words))
        pieces.append(f'<div class="gmail_quote"><p>{intro}</p><blockquote type="cite">{quoted}</blockquote></div>')
    return (
        f'<!DOCTYPE html><html lang="{escaping.escape(outbound.locale[:10])}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<style>{STYLE}</style></head><body>{''.join(pieces)}</body></html>\n"
    )


def _intro(outbound: Outbound, words: dict[str, str]) -> str:
    """ "On 20/11/2026 09:12 Lan wrote:", as our own reader knows it again. The time is UTC, as the sender's is unknown."""
    quote = outbound.quote
    if quote is None:
        return ""
    at = quote.said_at.astimezone(UTC)
    day = at.strftime("%d/%m/%Y %H:%M UTC") if outbound.locale[:2] == "vi" else at.strftime("%Y-%m-%d %H:%M UTC")
    return words["wrote"].format(at=day, who=charsets.one_line(quote.author)[:100])


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1_048_576:.1f} MB"


def _holds(html: str, url: str) -> bool:
    """Does the HTML already link there? Then a second link would only puzzle."""
    return f'href="{escaping.escape(url)}' in html or f'href="{url}' in html


def paragraphs(text: str) -> str:
    """Plain text as paragraphs with its links to click; nothing in it is taken for markup."""
    blocks = re.split(r"\n{2,}", charsets.clean(text).strip())
    return "".join(f"<p>{_linked(block).replace(chr(10), '<br>')}</p>" for block in blocks if block.strip())


def _linked(text: str) -> str:
    out, position = [], 0
    for match in _URL.finditer(text):
        url = escaping.escape(match[1])
        out.append(escaping.escape(text[position : match.start()]) + f'<a href="{url}">{url}</a>')
        position = match.end()
    return "".join(out) + escaping.escape(text[position:])
