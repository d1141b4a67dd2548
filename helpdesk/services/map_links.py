"""A point on the map as people paste it: two numbers, or a link of a map."""

from __future__ import annotations

import re
from urllib.parse import unquote

_NUMBER = r"(-?\d{1,3}(?:\.\d+)?)"
_PAIR = rf"{_NUMBER}\s*[,;]\s*{_NUMBER}"
# The most exact first: Google's own mark for the place stands behind the middle of the picture.
_LINKS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"!3d{_NUMBER}!4d{_NUMBER}",
        rf"[?&]mlat={_NUMBER}&mlon={_NUMBER}",
        rf"[?&](?:q|query|ll|sll|daddr|destination|center|coordinate)=(?:loc:)?\s*{_PAIR}",
        rf"/(?:place|search|dir)/{_PAIR}",
        rf"^geo:{_PAIR}",
        rf"@{_PAIR}",
        rf"#map=\d+(?:\.\d+)?/{_NUMBER}/{_NUMBER}",
    )
)


def coordinates(written: str) -> tuple[float, float] | None:
    """Latitude and longitude; None where there are none in it (a shortened link, an address)."""
    text = unquote(written.strip().replace("+", " ")) if "/" in written or ":" in written else written.strip()
    found = next((m for m in (p.search(text) for p in _LINKS) if m), None) or re.fullmatch(rf"\(?{_PAIR}\)?", text)
    if found is None:
        return None
    latitude, longitude = float(found[1]), float(found[2])
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None
