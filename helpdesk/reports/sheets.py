"""CSV of exactly what is shown, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from werkzeug.wrappers import Response

# A spreadsheet takes what begins so for a formula (and some look past leading blanks).
_RISKY = ("=", "+", "-", "@", "\t", "\r", "|", ";")


def safe(text: str) -> str:
    """The text; with an apostrophe before it when a spreadsheet would reckon with it."""
    text = text.replace("\x00", "")
    return f"'{text}" if text.lstrip(" \u00a0").startswith(_RISKY) or text.startswith(("\t", "\r", "\n")) else text


def as_csv(rows: Iterable[Sequence[str]], filename: str) -> Response:
    """RFC 4180, UTF-8 with a mark so that spreadsheets read Vietnamese right."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    for row in rows:
        writer.writerow([safe(cell) for cell in row])
    answer = Response(b"\xef\xbb\xbf" + out.getvalue().encode(), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return answer
