"""Files, originals and sources: only for who sees the ticket, never able to act in our page."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from connectors.contract import Address, File
from helpdesk.extensions import db
from helpdesk.models import Attachment, Inbound, Message, Ticket
from helpdesk.unit_of_work import unit_of_work

pytestmark = pytest.mark.processes

LAN = Address("widget", "v-lan", name="Nguyễn Lan Anh")


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 3), "teal").save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def client(make: Any) -> Any:
    return make.client(make.agent("agent"))


def token_of(name: str) -> str:
    db.session.rollback()
    found: str = db.session.query(Attachment.token).filter(Attachment.filename == name).scalar()
    return found


def test_pictures_show_and_everything_else_downloads(make: Any, channel: Any, client: Any) -> None:
    files = (
        File("ấm trà.png", "image/png", data=picture()),
        File("evil.html", "text/html", data=b"<script>alert(1)</script>"),
        File("fake.png", "image/png", data=b"<svg onload=alert(1)>"),
        File("drawing.svg", "image/svg+xml", data=b"<svg onload=alert(1)/>"),
    )
    make.inbound(channel, "See these", sender=LAN, files=files)
    shown = client.get(f"/files/{token_of('ấm trà.png')}", buffered=True)
    assert (shown.status_code, shown.mimetype, shown.data) == (200, "image/png", picture())
    assert shown.headers["Content-Disposition"].startswith("inline")
    for name in ("evil.html", "fake.png", "drawing.svg"):
        found = client.get(f"/files/{token_of(name)}", buffered=True)
        assert found.mimetype == "application/octet-stream"
        assert found.headers["Content-Disposition"].startswith("attachment")
    for response in (shown, found):
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Security-Policy"].startswith("sandbox")
    page = client.get("/tickets/1001").get_data(as_text=True)
    assert page.count("<img src=") == 1 and "evil.html" in page


def test_files_follow_the_ticket(make: Any, channel: Any, client: Any) -> None:
    make.inbound(channel, "See", sender=LAN, files=(File("a.png", "image/png", data=picture()),))
    token = token_of("a.png")
    assert client.get(f"/files/{token}", buffered=True).status_code == 200
    team = make.team()
    with unit_of_work() as work:
        work.session.query(Ticket).one().set_team(team)
    assert client.get(f"/files/{token}", buffered=True).status_code == 404
    assert client.get("/files/made-up", buffered=True).status_code == 404


def test_uploads_are_the_uploaders_until_sent(make: Any, channel: Any, client: Any) -> None:
    make.inbound(channel, "Please send it", sender=LAN)
    other = make.client(make.agent("admin"))
    told = client.post("/uploads", data={"file": (io.BytesIO(b"1 2 3"), "../../giá\u202e.txt")}).get_json()
    assert told["filename"] == "giá.txt" and told["size_bytes"] == 5
    assert other.get(f"/files/{told['token']}", buffered=True).status_code == 404
    stolen = other.post(
        "/tickets/1001/reply", data={"text": "x", "attachment": told["token"]}, headers={"Accept": "application/json"}
    )
    assert stolen.status_code == 422
    client.post("/tickets/1001/reply", data={"text": "Here", "attachment": told["token"]})
    assert other.get(f"/files/{told['token']}", buffered=True).data == b"1 2 3"
    assert client.post(f"/uploads/{told['token']}/delete").status_code == 404  # it is in a message now
    spare = client.post("/uploads", data={"file": (io.BytesIO(b"4"), "spare.txt")}).get_json()
    assert other.post(f"/uploads/{spare['token']}/delete").status_code == 404
    assert client.post(f"/uploads/{spare['token']}/delete").get_json() == {"ok": True}
    assert client.post("/uploads", data={}).status_code == 422


def test_too_large_is_said(make: Any, client: Any, app: Any) -> None:
    settings = app.extensions["settings"]
    app.extensions["settings"] = replace(settings, limits=replace(settings.limits, max_upload_mb=0))
    data = {"file": (io.BytesIO(b"0"), "big.bin")}
    response = client.post("/uploads", data=data, headers={"Accept": "application/json"})
    assert response.status_code == 413 and "MB at most" in response.get_json()["detail"]


def test_the_original_is_alone_in_a_sandbox_and_loads_nothing_from_the_net(
    make: Any, channel: Any, client: Any
) -> None:
    inline = File("logo.png", "image/png", data=picture(), inline=True, content_id="logo@x")
    make.inbound(channel, "Hello", sender=LAN, files=(inline,))
    html = (
        '<p style="color:red">Hello</p><img src="cid:logo@x"><img data-src="https://tracker.example/a.png?x=1&amp;y=2">'
    )
    with unit_of_work() as work:
        message = work.session.query(Message).one()
        message.html = html
        number = message.id
    found = client.get(f"/messages/{number}/html")
    page, policy = found.get_data(as_text=True), found.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "img-src 'self'" in policy and "frame-ancestors 'self'" in policy
    assert (
        "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox" in policy
        and "allow-scripts" not in policy
    )
    assert f'src="/files/{token_of("logo.png")}"' in page
    assert ' src="http' not in page
    asked = client.get(f"/messages/{number}/html?images=1").get_data(as_text=True)
    assert f'src="/messages/{number}/pictures/0"' in asked and ' src="http' not in asked
    assert client.get(f"/messages/{number}/pictures/7").status_code == 404


def test_remote_pictures_come_through_us_and_not_from_inside(make: Any, channel: Any, client: Any, app: Any) -> None:
    """The test's network admits 127.0.0.0/8; another private address is refused, and only pictures are passed on."""
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from threading import Thread

    class Far(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = picture() if self.path.startswith("/real") else b"<script>alert(1)</script>"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Far)
    Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    make.inbound(channel, "Hello", sender=LAN)
    urls = [f"{base}/real.png?a=1&amp;b=2", f"{base}/fake.png", "http://10.1.2.3/inside.png", "http://[nonsense"]
    with unit_of_work() as work:
        message = work.session.query(Message).one()
        message.html = "".join(f'<img data-src="{u}">' for u in urls)
        number = message.id
    try:
        assert client.get(f"/messages/{number}/pictures/0").data == picture()
        assert [client.get(f"/messages/{number}/pictures/{n}").status_code for n in (1, 2, 3)] == [404, 404, 404]
    finally:
        server.shutdown()
        server.server_close()


def test_the_source_is_the_bytes_as_they_came(make: Any, channel: Any, client: Any) -> None:
    make.inbound(channel, "Hello", sender=LAN)
    with unit_of_work() as work:
        raw = Inbound(
            channel_id=channel.id, external_id="raw-1", body=b"From: a\r\n\r\n\xff", content_type="message/rfc822"
        )
        work.session.add(raw)
        work.session.flush()
        message = work.session.query(Message).one()
        message.inbound_id = raw.id
        number = message.id
    found = client.get(f"/messages/{number}/source")
    assert found.data == b"From: a\r\n\r\n\xff"
    assert found.headers["Content-Disposition"] == f'attachment; filename="message-{number}.eml"'
