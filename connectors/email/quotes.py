"""What is new in a mail, and what it quotes. When in doubt the words stay: nothing of the customer's is lost.

Only line-wise work in one pass and patterns without nested repeats: linear in the size of the text, which is capped.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from connectors.email import limits, signatures
from connectors.email.htmltext import ATTRIBUTION, CUT, strip_marks
from connectors.email.quotemarks import (
    FORWARDED,
    ORIGINAL,
    QUOTED,
    REPLY_ABOVE,
    attribution_length,
    header_block,
    may_introduce,
)

_FORWARD_SUBJECT = re.compile(r"^\s*(?:fwd?|tr|wg|i|rv|enc|vs|chuyển tiếp|ct)\s*:", re.I)
_ANSWERS_BELOW = re.compile(
    r"(?:answer|repl|comment|respon|trả lời|phản hồi|góp ý|ghi chú).{0,60}"
    r"(?:inline|in-line|below|in red|in blue|in green|bên dưới|phía dưới|ở dưới|dưới đây|màu đỏ|chữ đỏ|màu xanh)",
    re.I,
)
# First letters, so that the patterns run only where they can fit.
_MARKED = frozenset({CUT, ATTRIBUTION})
_RULES = frozenset("-_*—–=#")
_FORWARD_WORDS = frozenset("BbDdAa")
_REPLY_WORDS = frozenset("PpTt")
_RULE = re.compile(r"^\s*(?:[-_=*]{3,}|[-_=*]{3,} ?[^-_=*]{3,40} ?[-_=*]{3,})\s*$")


@dataclass(frozen=True)
class Split:
    reply: str
    quoted: str = ""


@dataclass(frozen=True)
class _Cut:
    """Where a quote begins. `open_ended`: everything below belongs to it; else only the lines marked ">"."""

    start: int
    body: int
    open_ended: bool


def split_reply(text: str, subject: str = "") -> Split:
    """The new words and the rest. `reply` is never empty when the text is not."""
    if not text.strip():
        return Split("")
    head, tail = _cap(text)
    lines = head.split("\n")
    kept, quoted = _split_lines(lines, bool(_FORWARD_SUBJECT.match(subject)))
    if tail:
        (quoted if quoted and not _text(kept[-1:]) else kept).extend(tail.split("\n"))
    without_signature, below = _trailing_quote(kept[: signatures.cut(kept)])
    reply = _text(without_signature)
    quoted = below + quoted
    if not reply:
        return Split(strip_marks(text).strip("\n"))
    return Split(reply, _text(quoted))


def _cap(text: str) -> tuple[str, str]:
    """The part that is searched for quotes, and the rest."""
    if len(text) <= limits.MAX_QUOTE_CHARS and text.count("\n") <= limits.MAX_QUOTE_LINES:
        return text, ""
    end = text.rfind("\n", 0, limits.MAX_QUOTE_CHARS)
    head = text[: end if end > 0 else limits.MAX_QUOTE_CHARS]
    lines = head.split("\n", limits.MAX_QUOTE_LINES)
    head = "\n".join(lines[: limits.MAX_QUOTE_LINES])
    return head, text[len(head) :].lstrip("\n")


def _text(lines: list[str]) -> str:
    return strip_marks("\n".join(lines)).strip("\n").rstrip() if lines else ""


def _split_lines(lines: list[str], forwarded: bool) -> tuple[list[str], list[str]]:
    cut = _find_cut(lines, forwarded)
    if cut is None:
        return _trailing_quote(lines)
    before = lines[: _above(lines, cut.start)]
    if cut.open_ended:
        # A mail that is nothing but a quote, or answers written into it, is shown whole.
        if not _text(before) or _ANSWERS_BELOW.search("\n".join(before)[-500:]):
            return lines, []
        before, trailing = _trailing_quote(before)
        return before, trailing + lines[len(before) + len(trailing) :]
    return _around_quote(lines, before, cut)


def _find_cut(lines: list[str], forwarded: bool) -> _Cut | None:
    """The first place where the mail stops being the writer's own words."""
    introduces = may_introduce(lines)
    for index, line in enumerate(lines):
        first = line.lstrip(" >")[:1]
        if not first or (first != line[0] and QUOTED.match(line)):
            continue
        if first in _MARKED:
            found = _marked(lines, index, forwarded)
            if found:
                return found if isinstance(found, _Cut) else None
        elif first in _RULES or first in _FORWARD_WORDS:
            if FORWARDED.match(line):
                return None  # a forwarded mail is what the writer has to say
            if first in _RULES and (ORIGINAL.match(line) or REPLY_ABOVE.match(line)):
                return _Cut(index, index + 1, True)
        if first in _REPLY_WORDS and REPLY_ABOVE.match(line):
            return _Cut(index, index + 1, True)
        if not forwarded and ":" in line[:25] and header_block(lines, index):
            return _Cut(index, index + 1, True)
        length = attribution_length(lines, index) if index in introduces else 0
        if length:
            return _Cut(index, index + length, not _quote_follows(lines, index + length))
    return None


def _marked(lines: list[str], index: int, forwarded: bool) -> _Cut | bool:
    """A place that the HTML marked: where to cut, True when a forwarded mail begins there, False for nothing."""
    if lines[index] == CUT:
        return False if forwarded or _forward_follows(lines, index + 1) else _Cut(index, index + 1, True)
    end = index + 1
    while end < len(lines) and lines[end].startswith(ATTRIBUTION):
        end += 1
    if any(FORWARDED.match(one.strip(ATTRIBUTION)) for one in lines[index:end]):
        return True
    return _Cut(index, end, False) if _quote_follows(lines, end) else False


def _forward_follows(lines: list[str], index: int) -> bool:
    return any(FORWARDED.match(line) for line in lines[index : index + 4])


def _quote_follows(lines: list[str], index: int) -> bool:
    for line in lines[index : index + 6]:
        if line.strip() and line != CUT:
            return bool(QUOTED.match(line))
    return False


def _above(lines: list[str], index: int) -> int:
    """Leave out blank lines and a drawn rule right above the quote."""
    end = index
    while end and not lines[end - 1].strip(" " + CUT):
        end -= 1
    if end and _RULE.match(lines[end - 1]):
        return end - 1
    return end


def _around_quote(lines: list[str], before: list[str], cut: _Cut) -> tuple[list[str], list[str]]:
    """A quote marked ">" line by line: the words below it, or between its lines, are the writer's."""
    end = _block_end(lines, cut.body)
    after = lines[end:]
    after = after[: signatures.cut(after)]
    quoted = lines[cut.start : end]
    if not _text(after):
        kept, trailing = _trailing_quote(before)
        return kept, trailing + quoted
    if any(QUOTED.match(line) for line in after):
        rest, trailing = _trailing_quote(after)
        if any(QUOTED.match(line) for line in rest):  # answers between the lines need the lines they answer
            return before + [""] + lines[cut.body : end] + rest, trailing
        after, quoted = rest, quoted + trailing
    more, below = _split_lines(after, False)
    return (before + [""] + more) if _text(before) else more, quoted + below


def _block_end(lines: list[str], index: int) -> int:
    """After the last line of the quoted block; a long quoted line that was wrapped without ">" belongs to it."""
    end = index
    for at in range(index, len(lines)):
        line = lines[at]
        if QUOTED.match(line):
            end = at + 1
        elif line.strip(" " + CUT):
            wrapped = at > index and QUOTED.match(lines[at - 1]) and len(lines[at - 1]) >= 60
            if not (wrapped and at + 1 < len(lines) and QUOTED.match(lines[at + 1])):
                break
    return end


def _trailing_quote(lines: list[str]) -> tuple[list[str], list[str]]:
    """Quoted lines at the very end go; those with the writer's words below them stay."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    start = end
    while start and (QUOTED.match(lines[start - 1]) or not lines[start - 1].strip()):
        start -= 1
    if start == end or not any(QUOTED.match(line) for line in lines[start:end]):
        return lines, []
    if not _text(lines[:start]):
        return lines, []
    return lines[:start], lines[start:]
