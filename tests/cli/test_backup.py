"""Backup and restore: everything comes back, nothing old is sent again, wrong files and keys are refused."""

from __future__ import annotations

import io
import json
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from connectors.contract import Address, File, InboundMessage
from helpdesk.app import create_app
from helpdesk.config import Database, Settings
from helpdesk.extensions import db
from helpdesk.models import AgentSession, Attachment, Channel, Delivery, Message, OutboxRow, Ticket
from helpdesk.services import channels, files, intake, outbox, people, replies, sessions
from helpdesk.unit_of_work import unit_of_work
from tests.cli.conftest import Command
from tests.conftest import POSTGRESQL, missing

SECRET = "123456:canary-of-the-bot"


@contextmanager
def inside(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()
        app.extensions["writers"].engine.dispose()


@pytest.fixture
def kept(desk: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A desk with one conversation: a file came in, an answer waits to be sent."""
    monkeypatch.setenv("BOT", SECRET)
    desk("channel", "add", "telegram", "--name", "Bot", "--set", "token=env:BOT")
    with inside(settings):
        picture = (File("note.txt", "text/plain", 4, b"note"),)
        files.keep(picture)
        with unit_of_work() as work:
            channel = work.session.scalars(select(Channel)).one()
            scope = channels.connector_of(channel).identity_scope
            sender = Address("telegram", "7000", scope=scope, name="Lan")
            thing = InboundMessage(
                external_id="1", sender=sender, text="chào bạn", reply_text="chào bạn", files=picture
            )
            ticket_id = intake.receive(work, channel, thing).ticket_id
        with unit_of_work() as work:
            replies.automatic(work, work.session.get_one(Ticket, ticket_id), "we are here")
            sessions.start(work, people.by_email(work.session, "an@desk.example"))  # type: ignore[arg-type]
    return settings


def elsewhere(settings: Settings, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An empty place to restore into, on the same kind of database."""
    data = settings.data.parent / "restored"
    monkeypatch.setenv("HELPDESK_DATA", str(data))
    database = Database()
    if POSTGRESQL:
        database = Database(url=request.getfixturevalue("template").create_database())
        monkeypatch.setenv("HELPDESK_DATABASE_URL", database.url)
    return Settings(data=data, database=database)


def test_a_desk_comes_back_whole(
    kept: Settings, desk: Command, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "1 files" in desk("backup", "desk.tar").out
    assert stat.S_IMODE(Path("desk.tar").stat().st_mode) == 0o600
    new = elsewhere(kept, request, monkeypatch)
    told = desk("restore", "desk.tar", "--key", str(kept.data / "secret.key")).out
    assert "1 messages" in told and "held back" in told
    with inside(new):
        assert db.session.scalars(select(Message.text).where(Message.direction == "in")).all() == ["chào bạn"]
        attachment = db.session.scalars(select(Attachment)).one()
        assert files.storage().read(attachment.sha256) == b"note"
        channel = db.session.scalars(select(Channel)).one()
        assert channels.secrets_of(channel)["token"] == SECRET


def test_nothing_old_leaves_by_itself(
    kept: Settings, desk: Command, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F40: what was waiting may have been sent since; a person decides."""
    desk("backup", "desk.tar", "--with-key")
    new = elsewhere(kept, request, monkeypatch)
    desk("restore", "desk.tar")
    with inside(new):
        delivery = db.session.scalars(select(Delivery)).one()
        assert delivery.state == "unknown" and "Restored from the backup" in delivery.error
        assert db.session.scalars(select(OutboxRow.state).where(OutboxRow.drain == "deliveries")).all() == ["failed"]
        assert "deliveries" not in outbox.due(db.session())
        assert all(s.revoked_at for s in db.session.scalars(select(AgentSession)))


def test_the_key_is_checked_before_anything_is_written(
    kept: Settings, desk: Command, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk("backup", "desk.tar")
    new = elsewhere(kept, request, monkeypatch).data
    assert "--key" in desk("restore", "desk.tar", "--data", str(new), code=1).err
    wrong = tmp_path / "wrong.key"
    wrong.write_text("x" * 64 + "\n")
    assert "not the one" in desk("restore", "desk.tar", "--data", str(new), "--key", str(wrong), code=1).err
    assert [p.name for p in new.iterdir()] == ["run"]


def test_a_folder_with_something_in_it_is_refused(kept: Settings, desk: Command) -> None:
    desk("backup", "desk.tar", "--with-key")
    before = sorted(p.name for p in kept.data.iterdir())
    assert "not empty" in desk("restore", "desk.tar", code=1).err
    assert sorted(p.name for p in kept.data.iterdir()) == before


def test_a_backup_overwrites_nothing(kept: Settings, desk: Command) -> None:
    Path("desk.tar").write_text("precious")
    assert "overwrites nothing" in desk("backup", "desk.tar", code=1).err
    assert Path("desk.tar").read_text() == "precious"


@pytest.mark.only("sqlite")  # the database is a file of the folder
@pytest.mark.parametrize(
    "harm", ["not a tar", "a stranger's tar", "a damaged file", "a damaged database", "a wrong path"]
)
def test_a_damaged_backup_leaves_the_folder_empty(kept: Settings, desk: Command, tmp_path: Path, harm: str) -> None:
    desk("backup", "good.tar", "--with-key")
    spoil(Path("good.tar"), Path("bad.tar"), harm)
    new = tmp_path / "new"
    code = 0 if harm == "a wrong path" else 1
    told = desk("restore", "bad.tar", "--data", str(new), code=code)
    if code:
        assert told.err.startswith("helpdesk: ")
        assert not (new / "helpdesk.db").exists() and not (new / "files").exists()
    assert not (tmp_path / "escaped").exists()


def spoil(good: Path, bad: Path, harm: str) -> None:
    if harm == "not a tar":
        bad.write_bytes(b"nothing of the kind" * 100)
        return
    with tarfile.open(good) as source, tarfile.open(bad, "w") as target:
        for member in source:
            data = source.extractfile(member).read()  # type: ignore[union-attr]
            if harm == "a stranger's tar" and member.name == "manifest.json":
                continue
            if harm == "a damaged file" and member.name.startswith("files/"):
                data = b"x" * len(data)
            if harm == "a damaged database" and member.name == "database":
                data = data[:2000] + os.urandom(len(data) - 2000)
            member.size = len(data)
            target.addfile(member, io.BytesIO(data))
        if harm == "a wrong path":
            info = tarfile.TarInfo("../escaped")
            info.size = 1
            target.addfile(info, io.BytesIO(b"x"))


def test_a_newer_format_says_so(
    kept: Settings, desk: Command, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = elsewhere(kept, request, monkeypatch).data
    with tarfile.open("new.tar", "w") as tar:
        data: Any = json.dumps({"format": 99}).encode()
        info = tarfile.TarInfo("manifest.json")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    assert "newer version" in desk("restore", "new.tar", "--data", str(new), code=1).err


def test_it_can_be_saved_while_somebody_writes(kept: Settings, desk: Command) -> None:
    if POSTGRESQL and not shutil.which("pg_dump"):
        missing("pg_dump is not on PATH")
    with inside(kept), unit_of_work() as work:
        work.session.execute(select(Ticket))
        desk_says = desk("backup", "desk.tar").out
    assert "desk.tar" in desk_says
