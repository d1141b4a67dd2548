"""Which parts are the words of a mail and which are files, and the words as text and HTML."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from mimetypes import guess_type

from connectors.email import charsets, html, htmltext, limits, tnef
from connectors.email.attachments import Files, MailFile, disposition, given_name, safe_name
from connectors.email.mime import Part, decode_transfer, uudecode

_META = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{1,40})", re.I)
_DATA_PICTURE = re.compile(
    r"(<img\b[^<>]{0,500}?\bsrc\s*=\s*[\"']?)data:image/(png|jpe?g|gif|webp);base64,([A-Za-z0-9+/=\s%]+)", re.I
)
_UU_BEGIN = re.compile(rb"(?m)^begin [0-7]{3,4} ([^\r\n]{1,200})\r?$")
_UU_END = re.compile(rb"(?m)^end\s*?$")
_TNEF = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})
# Another form of the same words: kept out of the files when the words are there.
_SAME_WORDS = frozenset({"text/x-amp-html", "text/watch-html", "text/enriched", "text/richtext", "text/x-enriched"})


@dataclass
class Segment:
    """One stretch of the words, in plain text, HTML or both."""

    text: str = ""
    html: str = ""

    def __bool__(self) -> bool:
        return bool(self.text.strip() or self.html.strip())


@dataclass
class Body:
    """The words of a mail. `marked` is `text` with the private marks of htmltext when it came from HTML."""

    text: str = ""
    html: str = ""  # sanitised
    marked: str = ""
    html_marked: str = ""  # text of the HTML with marks, only where the HTML knows more about quotes than the text
    files: list[MailFile] = field(default_factory=list)


_QUOTE_HINT = re.compile(
    r"gmail_quote|divRplyFwdMsg|appendonsend|yahoo_quoted|moz-cite|zmail_extra|OLK_SRC|type=[\"']?cite|protonmail_quote"
    r"|border-top:\s?solid #?[0-9A-Za-z]+ 1\.0pt|stopSpelling|mail-editor-reference|outlook_quote",
    re.I,
)


def read(root: Part, defects: list[str]) -> Body:
    files = Files(defects)
    segments = [segment for segment in _collect(root, files, defects) if segment]
    body = Body(files=files.found)
    plain = [s.text for s in segments if s.text.strip()]
    htmls = [s.html for s in segments if s.html.strip()]
    if htmls:
        joined = "\n".join(s.html if s.html.strip() else html.from_text(s.text) for s in segments)
        joined = _take_pictures(joined, files)
        _use_html(body, joined, defects)
    if plain:
        only_html = [htmltext.to_text(s.html) for s in segments if not s.text.strip()]
        if only_html and htmls:
            plain = [s.text if s.text.strip() else htmltext.to_text(s.html) for s in segments]
        body.marked = _limit("\n\n".join(one.strip("\n") for one in plain), defects)
        if htmls and _QUOTE_HINT.search(joined):
            body.html_marked = htmltext.to_text(joined)
    elif htmls:
        body.marked = htmltext.to_text(joined)
    body.text = htmltext.strip_marks(body.marked).strip()
    return body


def _take_pictures(joined: str, files: Files) -> str:
    """Pictures written into the HTML itself become inline files: the page that shows it loads nothing else."""
    if "data:image/" not in joined:
        return joined

    def take(match: re.Match[str]) -> str:
        if len(files.found) >= limits.MAX_FILES:
            return match[0]
        data = decode_transfer(match[3].encode("ascii", "ignore"), b"base64")
        content_id = f"picture-{len(files.found) + 1}@in.the.mail"
        extension = match[2].lower().replace("jpeg", "jpg")
        files.add(f"picture-{len(files.found) + 1}.{extension}", f"image/{match[2].lower()}", data, True, content_id)
        return f"{match[1]}cid:{content_id}"

    return _DATA_PICTURE.sub(take, joined)


def _use_html(body: Body, joined: str, defects: list[str]) -> None:
    if len(joined) > limits.MAX_HTML_CHARS:
        defects.append("html: too large, shown as text; the original is kept")
    elif htmltext.too_deep(joined):
        defects.append("html: nested too deep, shown as text; the original is kept")
    body.html = html.sanitise(joined)


def _limit(text: str, defects: list[str]) -> str:
    if len(text) <= limits.MAX_TEXT_CHARS:
        return text
    defects.append("text: too long, cut; the original is kept")
    return text[: limits.MAX_TEXT_CHARS]


def _collect(part: Part, files: Files, defects: list[str]) -> list[Segment]:
    """Words and files below `part`. Recursion is bounded by limits.MAX_DEPTH."""
    if not part.is_multipart:
        return _leaf(part, files, defects)
    kind = part.content_type.partition("/")[2]
    if kind == "alternative":
        return _alternative(part, files, defects)
    if kind == "related":
        return _related(part, files, defects)
    segments: list[Segment] = []
    for child in part.children:
        segments.extend(_collect(child, files, defects))
    return segments


def _alternative(part: Part, files: Files, defects: list[str]) -> list[Segment]:
    """The same words in several forms: the first text that says something, and the last HTML."""
    text = rich = ""
    for child in part.children:
        if child.content_type in _SAME_WORDS:
            continue
        segments = _collect(child, files, defects)
        texts = [s.text for s in segments if s.text.strip()]
        htmls = [s.html for s in segments if s.html.strip()]
        if texts and not text:
            text = "\n\n".join(texts)
        if htmls:
            rich = "\n".join(s.html if s.html.strip() else html.from_text(s.text) for s in segments)
    return [Segment(text, rich)]


def _related(part: Part, files: Files, defects: list[str]) -> list[Segment]:
    """One document and the pictures it shows."""
    start = part.params.get("start", "").strip("<> ")
    named = (c for c in part.children if start and start in c.get("content-id").decode("latin-1"))
    root = next(named, part.children[0])
    segments = _collect(root, files, defects)
    for child in part.children:
        if child is root:
            continue
        if child.is_multipart or (child.content_type in ("text/html", "text/plain") and not child.get("content-id")):
            segments.extend(_collect(child, files, defects))
        else:
            files.add_part(child, inline=True)
    return segments


def _leaf(part: Part, files: Files, defects: list[str]) -> list[Segment]:
    if part.content_type in _TNEF:
        return _unpack_tnef(part, files, defects)
    if part.unopened:
        files.add("unopened-parts.txt", "text/plain", part.raw)
        return []
    if part.content_type.startswith("multipart/"):  # without any boundary: words, if anything
        return [Segment(text=_text(part, defects))]
    if not _is_words(part, files):
        if part.raw or given_name(part) or part.typed:
            files.add_part(part, inline=part.content_type.startswith("image/") and bool(part.get("content-id")))
        return []
    if part.content_type == "text/html":
        return [Segment(html=_html(part, defects))]
    return [Segment(text=_text(part, defects, files))]


def _is_words(part: Part, files: Files) -> bool:
    if part.content_type not in ("text/plain", "text/html"):
        return part.content_type in _SAME_WORDS and not given_name(part) and part.depth == 0
    kind, params = disposition(part)
    if kind == "attachment" or params.get("filename"):
        return False
    # A bare name= without a disposition: the first such text is the body, as some programs write it.
    return not part.params.get("name") or (not kind and part.depth <= 1 and not files.found)


def _text(part: Part, defects: list[str], files: Files | None = None) -> str:
    data = part.payload()
    if files is not None and b"begin " in data and b"\nend" in data:
        data = _unpack_uu(data, files)
    text, defect = charsets.decode(data, part.params.get("charset", ""))
    if defect:
        defects.append(defect)
    if part.params.get("format", "").lower() == "flowed":
        text = unflow(text, part.params.get("delsp", "").lower() == "yes")
    return text


def _html(part: Part, defects: list[str]) -> str:
    data = part.payload()
    declared = part.params.get("charset", "")
    if not declared:
        meta = _META.search(data[:4096])
        declared = meta[1].decode("ascii") if meta else ""
    text, defect = charsets.decode(data, declared)
    if defect:
        defects.append(defect)
    return text


def unflow(text: str, delete_space: bool = False) -> str:
    """RFC 3676: join the lines that end with a space, never across quote levels nor the signature delimiter."""
    out: list[str] = []
    open_level = -1  # quote level of a line that flows on
    for line in text.split("\n"):
        stripped = line.lstrip(">")
        level = len(line) - len(stripped)
        if stripped.startswith(" "):
            stripped = stripped[1:]
        flows = stripped.endswith(" ") and stripped != "-- "
        content = stripped[:-1] if flows and delete_space else stripped
        if out and level == open_level and stripped != "-- ":
            out[-1] += content
        else:
            out.append((">" * level + " " if level else "") + content)
        open_level = level if flows else -1
    return "\n".join(line.rstrip() if line != "-- " else line for line in out)


def _unpack_uu(data: bytes, files: Files) -> bytes:
    """Files written into the text as old mail programs did."""

    kept, position = [], 0
    for _ in range(50):
        begin = _UU_BEGIN.search(data, position)
        end = _UU_END.search(data, begin.end()) if begin else None
        if not begin or not end:
            break
        block = data[begin.start() : end.end()]
        content = uudecode(block)
        if content:
            name = charsets.decode(begin[1])[0].strip() or "file.bin"
            files.add(safe_name(name), guess_type(name)[0] or "application/octet-stream", content)
            kept.append(data[position : begin.start()])
        else:
            kept.append(data[position : end.end()])
        position = end.end()
    return b"".join(kept) + data[position:]


def _unpack_tnef(part: Part, files: Files, defects: list[str]) -> list[Segment]:
    """Outlook's winmail.dat: its files; the packet itself only when nothing was found in it."""
    packet = tnef.read(part.payload())
    if not packet.files and not packet.body:
        files.add_part(part)
        defects.append("tnef: nothing readable in it")
        return []
    for name, data in packet.files:
        files.add(name, guess_type(name)[0] or "application/octet-stream", data)
    return [Segment(text=packet.body)] if packet.body else []
