"""What makes the desk an app of the phone: manifest, icons, service worker, and the page without a connection.

None of it knows anybody: it is the same for everyone, and holds nothing of the desk but its name and colour.
"""

from __future__ import annotations

import hashlib
import io
import json

from flask import Blueprint, Response, jsonify, render_template
from flask_babel import gettext

from helpdesk.errors import NotFound
from helpdesk.extensions import db
from helpdesk.paths import STATIC
from helpdesk.services import settings as desk_settings

bp = Blueprint("installable", __name__)
bp.open = True  # type: ignore[attr-defined]
bp.cookieless = True  # type: ignore[attr-defined]

ICON_SIZES = (192, 512)
# Kept by the service worker: what the pages of agents need, without what only customers or the demo use.
KEPT = ("app.js", "app.css", "icons.svg", "mark.svg", "inter-latin.woff2", "public.css")


@bp.get("/manifest.webmanifest")
def manifest() -> Response:
    name = str(desk_settings.get(db.session(), "brand.name"))
    icons = [
        {"src": f"/app-icon-{size}.png", "sizes": f"{size}x{size}", "type": "image/png", "purpose": purpose}
        for size in ICON_SIZES
        for purpose in ("any", "maskable")
    ]
    response = jsonify(
        name=name,
        short_name=name[:12],
        id="/",
        start_url="/",
        scope="/",
        display="standalone",
        background_color="#f4f6f6",
        theme_color="#f4f6f6",
        icons=icons,
        shortcuts=[
            {"name": gettext("Log a call"), "url": "/new/call"},
            {"name": gettext("New message"), "url": "/new/message"},
        ],
    )
    response.mimetype = "application/manifest+json"
    response.headers["Cache-Control"] = "no-cache"
    return response


@bp.get("/app-icon-<int:size>.png")
def app_icon(size: int) -> Response:
    """Three sheets on the desk's colour; whole inside the circle a phone may cut out."""
    if size not in ICON_SIZES:
        raise NotFound()
    colour = str(desk_settings.get(db.session(), "brand.colour"))
    return Response(_drawn(size, colour), mimetype="image/png", headers={"Cache-Control": "public, max-age=86400"})


def _drawn(size: int, colour: str) -> bytes:
    from PIL import Image, ImageDraw

    big = size * 4
    picture = Image.new("RGB", (big, big), colour)
    draw = ImageDraw.Draw(picture)
    middle, wide, high, stroke = big / 2, big * 0.26, big * 0.13, round(big * 0.035)
    for n, top in enumerate((-0.13, 0.0, 0.13)):
        y = middle + big * top
        if n == 0:
            corners = [(middle, y - high), (middle + wide, y), (middle, y + high), (middle - wide, y)]
            draw.polygon(corners, outline="#ffffff", fill="#ffffff")
        else:
            edge = [(middle - wide, y), (middle, y + high), (middle + wide, y)]
            draw.line(edge, fill="#ffffff", width=stroke, joint="curve")
    out = io.BytesIO()
    picture.resize((size, size), Image.Resampling.LANCZOS).save(out, "PNG", optimize=True)
    return out.getvalue()


@bp.get("/sw.js")
def service_worker() -> Response:
    """Never kept by the browser's own cache, so that a new one takes over at the next page."""
    path = STATIC / "dist" / "manifest.json"
    built: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if "sw.js" not in built:
        raise NotFound()
    files = [f"/static/dist/{built[name]}" for name in KEPT if name in built]
    source = (STATIC / "dist" / built["sw.js"]).read_text()
    version = hashlib.sha256(json.dumps([files, source]).encode()).hexdigest()[:12]
    told = json.dumps({"version": version, "files": files, "offline": "/offline"})
    return Response(f"self.HD={told};\n{source}", mimetype="text/javascript", headers={"Cache-Control": "no-cache"})


@bp.get("/offline")
def offline() -> str:
    return render_template("public/offline.html")
