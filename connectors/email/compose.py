"""One outbound message as the bytes of a mail. Never raises for what is in it: what would break a header is removed.

Headers are folded and encoded here and not by the email package, which encodes long ids and cuts words too long.
"""

from __future__ import annotations

import base64
import html as escaping
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email import encoders
from email.mime.base import MIMEBase
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime, make_msgid

from connectors.contract import Address, ChannelConfig, Outbound, OutFile
from connectors.email import charsets
from connectors.email.classify import LOOP_HEADER

MAX_REFERENCES_CHARS = 1_500
MAX_SUBJECT_CHARS = 400
MAX_QUOTE_CHARS = 20_000
_ATOMS = re.compile(r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*$")
_UNSAFE_ID = re.compile(r"[^\x21-\x3b\x3d\x3f-\x7e]")
_URL = re.compile(r"(https?://[^\s<>\"'()]+[^\s<>\"'().,;:!?])")
_REPLY = re.compile(r"^\s*(re|fwd?|tr|aw|sv|trả lời)\s*:\s*", re.I)

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


def compose(outbound: Outbound, config: ChannelConfig) -> bytes:
    """The mail, lines ended by CRLF. A repeat of the same outbound carries the same Message-ID."""
    body = _body(outbound)
    for header in ("MIME-Version",):
        del body[header]
    parts = body.as_bytes(policy=compat32.clone(max_line_length=76, linesep="\r\n"))
    lines = [_fold(name, value) for name, value in _headers(outbound, config) if value]
    return "".join(lines).encode("utf-8") + b"MIME-Version: 1.0\r\n" + parts


# --- headers -------------------------------------------------------------------------------------------------


def _headers(outbound: Outbound, config: ChannelConfig) -> Iterable[tuple[str, str]]:
    address = str(config.get("address"))
    yield "From", mailbox(_from_name(outbound, config), address)
    yield "To", ", ".join(_recipient(one) for one in outbound.to)
    yield "Cc", ", ".join(_recipient(one) for one in outbound.cc)
    if outbound.reply_address:
        yield "Reply-To", mailbox(_from_name(outbound, config), outbound.reply_address)
    yield "Subject", encode(_subject(outbound))
    yield "Date", format_datetime(datetime.now(UTC))
    yield "Message-ID", _ids([outbound.message_id or make_msgid(domain=_domain(address)).strip("<>")])
    yield "In-Reply-To", _ids([outbound.in_reply_to])
    yield "References", _references(outbound)
    if outbound.automatic:
        yield "Auto-Submitted", "auto-replied" if outbound.in_reply_to else "auto-generated"
        yield "X-Auto-Response-Suppress", "All"
        yield "Precedence", "bulk"
        yield LOOP_HEADER.title(), _header_text(address)
    if outbound.unsubscribe_url:
        yield "List-Unsubscribe", f"<{_UNSAFE_ID.sub('', outbound.unsubscribe_url)}>"
        yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"


def _from_name(outbound: Outbound, config: ChannelConfig) -> str:
    """Who writes, honestly: what the desk has chosen, else the person and the channel's name, "Mai (Shop Hoa)"."""
    if outbound.from_name:
        return outbound.from_name
    desk, person = str(config.get("from_name")), outbound.sender_name
    return f"{person} ({desk})" if person and desk and person != desk else person or desk


def _recipient(address: Address) -> str:
    return mailbox(address.name, address.value)


def mailbox(name: str, address: str) -> str:
    """`Name <address>` that cannot break out of its header. A name that looks like an address is left out."""
    address = re.sub(r"[\s<>\",;:()\\\x00-\x1f\x7f]", "", charsets.one_line(address))
    local, at, domain = address.rpartition("@")
    address = f"{local}{at}{ascii_domain(domain)}"
    name = charsets.one_line(name)[:120]
    if not name or "@" in name:
        return address if not name else f"<{address}>"
    if _ATOMS.match(name):
        return f"{name} <{address}>"
    if name.isascii():
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    return f"{encode(name)} <{address}>"


def ascii_domain(domain: str) -> str:
    """An internationalised domain as DNS knows it; as it stands when it cannot be encoded."""
    if domain.isascii():
        return domain
    import idna

    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError:
        return domain


def _subject(outbound: Outbound) -> str:
    """As given, with the ticket's number behind "Re:" unless it is there."""
    subject = charsets.one_line(outbound.subject)[:MAX_SUBJECT_CHARS]
    tag = f"[#{outbound.ticket_number}]"
    if outbound.ticket_number is None or tag in subject:
        return subject
    match = _REPLY.match(subject)
    start = match.end() if match else 0
    return f"{subject[:start]}{tag} {subject[start:]}".strip()


def encode(text: str) -> str:
    """RFC 2047 words of at most 75 characters, never cut inside a character; plain ASCII stays."""
    text = charsets.one_line(text)
    if text.isascii() and "=?" not in text:
        return text
    words, piece = [], b""
    for char in text:
        data = char.encode("utf-8")
        if len(piece) + len(data) > 45:  # 60 letters of base64
            words.append(piece)
            piece = b""
        piece += data
    words.append(piece)
    return " ".join(f"=?utf-8?B?{base64.b64encode(word).decode()}?=" for word in words)


def _header_text(text: str) -> str:
    return charsets.one_line(text).encode("ascii", "replace").decode()


def _ids(ids: Iterable[str]) -> str:
    cleaned = [_UNSAFE_ID.sub("", one)[:900] for one in ids]
    return " ".join(f"<{one}>" for one in cleaned if one)


def _references(outbound: Outbound) -> str:
    """The first and as many of the newest as relays pass on."""
    ids = [one for one in dict.fromkeys([*outbound.references, outbound.in_reply_to]) if one]
    if not ids:
        return ""
    kept, size = [], len(ids[0])
    for one in reversed(ids[1:]):
        size += len(one) + 3
        if size > MAX_REFERENCES_CHARS:
            break
        kept.append(one)
    return _ids([ids[0], *reversed(kept)])


def _fold(name: str, value: str) -> str:
    """One header in lines of at most 78 characters where it can be broken at a space."""
    lines, line = [], f"{name}:"
    for word in value.split(" "):
        if len(line) + 1 + len(word) > 78 and line.strip() and not line.endswith(":"):
            lines.append(line)
            line = ""
        line += f" {word}"
    lines.append(line)
    return "\r\n".join(lines) + "\r\n"


def _domain(address: str) -> str:
    return ascii_domain(address.rpartition("@")[2]) or "localhost"


# --- content -------------------------------------------------------------------------------------------------


def _body(outbound: Outbound) -> MIMEBase:
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
