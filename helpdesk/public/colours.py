"""The shop's one colour, made readable: on light and on dark, each with the text colour that stands on it."""

from __future__ import annotations

import colorsys
import re

DARK_GROUND = (0x17, 0x1A, 0x1B)
WHITE = (255, 255, 255)
INK = (0x14, 0x12, 0x12)
Rgb = tuple[int, int, int]


def pair(colour: str, fallback: str = "#0b7268") -> dict[str, str]:
    """{"light", "on_light", "dark", "on_dark"} as #rrggbb; text reaches 4.5:1, the colour 3:1 on the dark ground."""
    brand = _parse(colour) or _parse(fallback) or INK
    dark = brand
    hue, light, saturation = colorsys.rgb_to_hls(*(c / 255 for c in brand))
    while _contrast(dark, DARK_GROUND) < 4.5 and light < 1:
        light = min(1.0, light + 0.03)
        red, green, blue = colorsys.hls_to_rgb(hue, light, saturation)
        dark = round(red * 255), round(green * 255), round(blue * 255)
    return {"light": _hex(brand), "on_light": _hex(_on(brand)), "dark": _hex(dark), "on_dark": _hex(_on(dark))}


def _parse(text: str) -> Rgb | None:
    found = re.fullmatch(r"#?([0-9a-fA-F]{6}|[0-9a-fA-F]{3})", text.strip())
    if found is None:
        return None
    digits = found[1] if len(found[1]) == 6 else "".join(c * 2 for c in found[1])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def _hex(rgb: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def _on(ground: Rgb) -> Rgb:
    return WHITE if _contrast(WHITE, ground) >= _contrast(INK, ground) else INK


def _luminance(rgb: Rgb) -> float:
    parts = [c / 255 for c in rgb]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _contrast(a: Rgb, b: Rgb) -> float:
    high, low = sorted((_luminance(a), _luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)
