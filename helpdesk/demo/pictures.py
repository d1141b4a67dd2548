"""Photos of broken pots, drawn here: the sample carries no pictures of anybody."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw
from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.contract import File
from helpdesk.models import Message, Tag, Ticket, TicketTag
from helpdesk.services import files

# (ground, body, shade) of each glaze
GLAZES = (
    ("#e9dfcf", "#9cbfa9", "#7da68c"),
    ("#e3e2da", "#7f8fa9", "#68788f"),
    ("#efe3d6", "#b96c4e", "#9a5238"),
)
MOST = 24


def cracked(number: int) -> bytes:
    """A teapot with a crack, as PNG."""
    ground, body, shade = GLAZES[number % len(GLAZES)]
    image = Image.new("RGB", (640, 480), ground)
    draw = ImageDraw.Draw(image)
    draw.ellipse((150, 390, 500, 440), fill="#cfc6b6")
    draw.arc((440, 190, 580, 340), -100, 110, fill=shade, width=26)
    draw.polygon([(190, 260), (90, 170), (76, 190), (190, 330)], fill=shade)
    draw.ellipse((170, 150, 480, 420), fill=body)
    draw.pieslice((215, 110, 435, 260), 180, 360, fill=shade)
    draw.ellipse((305, 88, 345, 126), fill=body)
    x, y = 300 + 20 * (number % 3), 150
    path = [(x, y)]
    for step in range(7):
        x += (18, -12, 24, -8, 16, -20, 10)[(step + number) % 7]
        y += 28
        path.append((x, y))
    draw.line(path, fill="#2b2622", width=5, joint="curve")
    draw.line([(px + 2, py) for px, py in path], fill="#f5efe5", width=1)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def attach_some(session: Session) -> int:
    """To the first message of tickets about breakage; how many."""
    first = (
        select(Message)
        .join(Ticket, Ticket.id == Message.ticket_id)
        .join(TicketTag, TicketTag.ticket_id == Ticket.id)
        .join(Tag, Tag.id == TicketTag.tag_id)
        .where(Tag.name == "breakage", Message.direction == "in", Message.kind == "reply")
        .order_by(Message.ticket_id.desc(), Message.id)
    )
    seen: set[int] = set()
    drawn = [cracked(n) for n in range(len(GLAZES))]
    for message in session.scalars(first):
        if message.ticket_id in seen or len(seen) >= MOST:
            continue
        seen.add(message.ticket_id)
        data = drawn[message.ticket_id % len(drawn)]
        name = f"IMG_{2000 + message.id % 7000}.png"
        files.attach(session, message.id, File(name, "image/png", len(data), data), message.created_at)
    return len(seen)
