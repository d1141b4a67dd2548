"""`import` and `export`: what people bring along comes in once, and everything can be taken along."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from connectors.contract import Address, File
from helpdesk.config import Settings
from helpdesk.extensions import db
from helpdesk.models import Customer, Identity, Invitation, Message, OutboxRow, SlaClock, Ticket
from tests.cli.conftest import Command
from tests.cli.test_backup import inside

CSV = """Name;Email;Phone;Organization;Notes;VIP
Nguyễn Lan Anh;Lan@mail.example;0912 345 678;Đồ Gỗ;Thích gốm;x
Minh;minh@mail.example;;;;
;;;;;
Nobody;not an address;;;;
"""


def count(model: Any) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_customers_come_in_once(desk: Command, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(CSV, encoding="utf-8-sig")
    told = desk("import", "customers", "people.csv", "--dry-run", "--json", code=1).json
    assert (told["made"], [line for line, _why in told["problems"]]) == (2, [5])
    with inside(settings):
        assert count(Customer) == 0
    said = desk("import", "customers", "people.csv", code=1)
    assert "2 made, 0 completed, 0 known" in said.out and "Line 5 is left out: email:" in said.err
    assert "0 made, 0 completed, 2 known" in desk("import", "customers", "people.csv", code=1).out
    with inside(settings):
        lan = db.session.scalars(select(Customer).where(Customer.vip)).one()
        assert (lan.name, lan.notes, lan.organization_id is not None) == ("Nguyễn Lan Anh", "Thích gốm", True)
        assert {(i.kind, i.value) for i in lan.identities} == {("email", "lan@mail.example"), ("phone", "+84912345678")}


def test_who_is_known_is_completed_and_never_overwritten(desk: Command, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("name,email\nLan,lan@mail.example\nMinh,minh@mail.example\n")
    desk("import", "customers", "one.csv")
    two = "name,email,phone,salutation\nSomebody else,lan@mail.example,0912345678,chị\nX,lan@mail.example; minh@mail.example,,\n"
    (tmp_path / "two.csv").write_text(two)
    said = desk("import", "customers", "two.csv", code=1)
    assert "0 made, 1 completed" in said.out and "Line 3" in said.err and "merge" in said.err
    with inside(settings):
        lan = db.session.scalars(select(Customer).join(Identity).where(Identity.kind == "phone")).one()
        assert (lan.name, lan.salutation) == ("Lan", "chị") and count(Customer) == 2


@pytest.mark.parametrize(("content", "told"), [(b"a,b\n1,2\n", "none of the columns"), (b"name\n\xff\n", "not UTF-8")])
def test_a_wrong_file_is_one_sentence(desk: Command, tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "wrong.csv").write_bytes(content)
    assert told in desk("import", "customers", "wrong.csv", code=1).err


MAIL = """From: Lan <lan@mail.example>
To: hello@doigio.example
Subject: {subject}
Message-ID: <{id}@mail.example>{more}
Date: Mon, 6 Oct 2025 10:00:00 +0700

Is it still there?
"""


def test_old_mail_is_history(
    desk: Command, settings: Settings, tmp_path: Path, drain: Callable[..., int], make: Any
) -> None:
    channel = make.channel("email", name="Mail", config={"address": "hello@doigio.example"})
    (tmp_path / "old" / "deep").mkdir(parents=True)
    (tmp_path / "old" / "deep" / "1.eml").write_text(MAIL.format(subject="A vase", id="one", more=""))
    answer = MAIL.format(subject="Re: A vase", id="two", more="\nIn-Reply-To: <one@mail.example>")
    other = MAIL.format(subject="A cup", id="three", more="")
    line = "From lan@mail.example Mon Oct  6 10:00:00 2025\n"
    (tmp_path / "old.mbox").write_text(f"{line}{answer}\n{line}{other}\n")
    said = desk("import", "mail", "old", "old.mbox", "--channel", "Mail")
    assert "3 mails stored, 0 known" in said.out
    assert "0 mails stored, 3 known" in desk("import", "mail", "old", "old.mbox", "--channel", str(channel.id)).out
    drain()
    db.session.rollback()
    found = {t.subject: t for t in db.session.scalars(select(Ticket))}
    assert {s: t.message_count for s, t in found.items()} == {"A vase": 2, "A cup": 1}
    assert all(t.history and t.created_at.year == 2025 for t in found.values())
    waiting = db.session.scalar(select(func.count()).where(OutboxRow.drain == "deliveries")) or 0
    assert (count(SlaClock), count(Invitation), waiting) == (0, 0, 0)


def test_mail_goes_into_a_mailbox_only(desk: Command, tmp_path: Path, make: Any) -> None:
    make.channel("phone", name="Hotline")
    (tmp_path / "1.eml").write_text(MAIL.format(subject="A vase", id="one", more=""))
    assert "kind phone" in desk("import", "mail", "1.eml", "--channel", "Hotline", code=1).err
    assert "no channel" in desk("import", "mail", "1.eml", "--channel", "Nowhere", code=1).err


def test_everything_can_be_taken_along(desk: Command, tmp_path: Path, make: Any) -> None:
    lan = Address("widget", "v-lan", name="Lan")
    picture = File("vase.png", "image/png", data=b"\x89PNG\r\n\x1a\n not really")
    make.inbound(make.channel("widget", name="Chat"), "Does this one exist?", sender=lan, files=(picture,))
    counts = desk("export", "all.zip", "--json").json
    assert (counts["customers"], counts["tickets"], counts["messages"], counts["files"]) == (1, 1, 1, 1)
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        parts = [name for name in counts if name not in ("files", "missing")]
        lines = {name: [json.loads(x) for x in archive.read(f"{name}.jsonl").splitlines()] for name in parts}
        message = lines["messages"][0]
        assert message["text"] == "Does this one exist?" and lines["tickets"][0]["number"] == message["ticket"]
        assert archive.read(message["attachments"][0]["url"]) == picture.data
    assert counts["events"] == len(lines["events"]) > 0 and counts["events"] == len({e["seq"] for e in lines["events"]})
    assert (tmp_path / "all.zip").stat().st_mode & 0o077 == 0
    assert "overwrites nothing" in desk("export", "all.zip", code=1).err
    assert count(Message) == 1
