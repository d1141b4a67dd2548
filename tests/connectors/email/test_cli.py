"""`helpdesk email parse` as scripts use it: one object a mail, whatever is in the file."""

from __future__ import annotations

import json
from pathlib import Path

from connectors.email.cli import parse_files, split_mbox
from tests.connectors.email.mailbox import mail

EXAMPLES = Path(__file__).parents[3] / "connectors" / "email" / "examples"
KEYS = {
    *(
        "file",
        "message_id",
        "in_reply_to",
        "references",
        "from",
        "reply_to",
        "to",
        "cc",
        "subject",
        "date",
        "text",
        "html",
    ),
    *("reply_text", "quoted_text", "attachments", "auto", "auto_reply_allowed", "bounce", "authentication", "defects"),
}


def test_an_object_for_every_file(tmp_path: Path):
    (tmp_path / "noise").write_bytes(bytes(range(256)) * 20)
    (tmp_path / "empty").write_bytes(b"")
    paths = [*sorted(EXAMPLES.glob("*.eml")), tmp_path / "noise", tmp_path / "empty", tmp_path / "missing", tmp_path]
    found = list(parse_files(paths))
    assert [one["file"] for one in found] == [str(path) for path in paths]
    assert all(set(one) == KEYS for one in found)
    assert all(json.loads(json.dumps(one)) == one for one in found)
    assert found[-1]["defects"] and found[-2]["defects"]


def test_what_contract_md_promises():
    found = next(parse_files([EXAMPLES / "reply_gmail_vi.eml"], trusted_hosts=["mx.shop.example"]))
    assert found["from"] == {"name": "Lan Trần", "email": "lan@khach.example"}
    assert found["subject"] == "Re: [#1042] Đơn hàng 20931"
    assert found["date"] == "2026-11-21T01:10:00Z"
    assert found["message_id"] == "CAJ7x0001@mail.khach.example"
    assert found["references"] == ["orig-1@khach.example", "t1042.m88.6f1c2a9b@shop.example"]
    assert found["reply_text"] == "Mình vẫn chưa nhận được hàng ạ. Shop kiểm tra giúp mình với."
    assert "đang được giao" in found["quoted_text"]
    assert found["attachments"][0]["filename"] == "hoá đơn.pdf" and found["attachments"][0]["size_bytes"] == 9
    assert found["authentication"] == {"spf": "pass", "dkim": "pass", "dmarc": "pass"}
    assert found["auto"] == "no" and found["bounce"] is None and found["auto_reply_allowed"]
    bounce = next(parse_files([EXAMPLES / "bounce_unknown_user.eml"]))["bounce"]
    assert bounce["recipients"][0]["status"] == "5.1.1" and bounce["recipients"][0]["permanent"]
    assert bounce["original_message_id"] == "t1042.m88.6f1c2a9b@shop.example"
    full = next(parse_files([EXAMPLES / "bounce_mailbox_full_vi.eml"]))["bounce"]
    assert full["recipients"][0]["email"] == "minh@nhamang.example" and not full["recipients"][0]["permanent"]


def test_our_own_address_is_not_answered(tmp_path: Path):
    path = tmp_path / "own.eml"
    path.write_bytes(mail(1))
    assert next(parse_files([path]))["auto_reply_allowed"]
    assert not next(parse_files([path], own_addresses=["LAN@customer.example"]))["auto_reply_allowed"]


def test_an_mbox_is_its_mails(tmp_path: Path):
    path = tmp_path / "box"
    line = b"From lan@customer.example Sat Nov 21 08:10:00 2026\n"
    bodies = [
        mail(n, body).replace(b"\r\n", b"\n") for n, body in enumerate(["one", ">From here\nFrom there it is", "three"])
    ]
    bodies[1] = bodies[1].replace(b"\nFrom there", b"\n>From there")
    path.write_bytes(b"\n".join(line + body for body in bodies))
    found = list(parse_files([path]))
    assert [one["subject"] for one in found] == ["Question 0", "Question 1", "Question 2"]
    assert "From there it is" in found[1]["text"]
    assert len(list(split_mbox(bodies[0]))) == 1
