"""Kinds of channels are told apart at a glance: each has a name, a glyph and a colour of its own, in light and dark."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors import registry

CSS = Path(__file__).parents[2] / "frontend/src/css"
COLOURS = dict(re.findall(r"--hd-ch-(\w+):\s*light-dark\(([^)]+)\)", (CSS / "tokens.css").read_text(encoding="utf-8")))


@pytest.mark.parametrize("what", ["label", "icon"])
def test_no_two_kinds_share_a_name_or_a_glyph(what: str) -> None:
    shown = [getattr(kind, what) for kind in registry.kinds().values()]
    assert sorted(shown) == sorted(set(shown))


@pytest.mark.parametrize("kind", sorted(registry.kinds()))
def test_a_kind_has_a_colour_of_its_own(kind: str) -> None:
    assert kind in COLOURS, "give it one in tokens.css"
    assert f".ch-{kind} {{ color: var(--hd-ch-{kind}); }}" in (CSS / "parts.css").read_text(encoding="utf-8")
    light, dark = (part.strip() for part in COLOURS[kind].split(","))
    others = [tuple(p.strip() for p in value.split(",")) for name, value in COLOURS.items() if name != kind]
    assert all(_apart(light, other[0]) > 40 and _apart(dark, other[1]) > 30 for other in others)


def _apart(one: str, other: str) -> float:
    """Distance of two colours as the eye weighs it ("redmean"), 0 to about 765."""
    (r1, g1, b1), (r2, g2, b2) = (tuple(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in (one, other))
    mean = (r1 + r2) / 2
    weighed = (2 + mean / 256) * (r1 - r2) ** 2 + 4 * (g1 - g2) ** 2 + (2 + (255 - mean) / 256) * (b1 - b2) ** 2
    return float(weighed**0.5)


@pytest.mark.parametrize("kind", sorted(registry.kinds()))
def test_guide_and_document_agree_on_what_was_tried(kind: str) -> None:
    document = (Path(__file__).parents[2] / f"docs/channels/{kind}.md").read_text(encoding="utf-8")
    said = re.search(r"not\s+(?:yet\s+tried\s+)?against\s+the\s+live\s+service", document, re.IGNORECASE) is not None
    assert registry.kind(kind).untried is said
    assert registry.kind(kind).guide, "what to do, step by step"
