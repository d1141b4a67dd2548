"""The business's looks: name, colour, logo."""

from __future__ import annotations

import io
import warnings

from flask import current_app
from flask_babel import gettext as _
from PIL import Image, UnidentifiedImageError

from helpdesk.errors import Invalid
from helpdesk.services import settings as desk_settings
from helpdesk.storage import Storage
from helpdesk.unit_of_work import UnitOfWork

MAX_LOGO_BYTES = 2 * 1024 * 1024
MAX_SIDE_PX = 512
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")


def read_logo(data: bytes) -> bytes:
    """The picture drawn anew as PNG (no script, no metadata, at most 512 px a side). Raises Invalid."""
    if len(data) > MAX_LOGO_BYTES:
        raise Invalid(fields={"logo": _("The picture is larger than 2 MB.")})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data), formats=_FORMATS)
            picture.load()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError, Warning):
        raise Invalid(fields={"logo": _("This is not a PNG, JPEG, GIF or WebP picture.")}) from None
    picture.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX))
    out = io.BytesIO()
    picture.convert("RGBA").save(out, "PNG", optimize=True)
    return out.getvalue()


def set_logo(work: UnitOfWork, png: bytes | None) -> None:
    """Stored before the transaction refers to it; None takes it away."""
    desk_settings.put(work, "brand.logo", _storage().put(png) if png is not None else "")


def logo(token: str) -> bytes | None:
    """The stored picture, if `token` is the one in use."""
    if not token or len(token) != 64:
        return None
    try:
        return _storage().read(token)
    except FileNotFoundError:
        return None


def _storage() -> Storage:
    storage: Storage = current_app.extensions["storage"]
    return storage
