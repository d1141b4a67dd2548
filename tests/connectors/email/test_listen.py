"""The mailbox on a real Dovecot, behind a line that can be made bad."""

from __future__ import annotations

import threading

import pytest

from connectors.contract import PermanentFailure, TemporaryFailure
from connectors.email import listen, pinned
from connectors.email.connector import Email
from tests.connectors.email.mailbox import config, listening, mail, mailbox
from tests.servers.dovecot import Dovecot
from tests.servers.machine import PATIENCE_S
from tests.servers.proxy import Proxy

pytestmark = [pytest.mark.dovecot, pytest.mark.processes]


@pytest.fixture
def idling(monkeypatch) -> threading.Event:
    """Set once a listener waits in IDLE."""
    began, ticked = threading.Event(), listen._ticked
    monkeypatch.setattr(listen, "_ticked", lambda *given: (began.set(), ticked(*given))[1])
    return began


@pytest.fixture
def looks_often(monkeypatch) -> None:
    monkeypatch.setattr(listen, "SEARCH_EVERY_S", 0.2)


def subjects(raws) -> list[str]:
    return [
        line.split(b": ")[1].decode() for raw in raws for line in raw.body.split(b"\r\n") if line[:8] == b"Subject:"
    ]


def test_everything_comes_once_and_nothing_is_marked(dovecot: Dovecot, looks_often):
    uids = [dovecot.deliver(mail(n)) for n in range(120)]
    with listening(mailbox(dovecot.port)) as found:
        raws = found.wait(120)
    assert subjects(raws) == [f"Question {n}" for n in range(120)]
    assert len(found.unique()) == 120
    assert all(raw.history and raw.body == dovecot.mails()[uids[0]] for raw in raws[:1])
    assert "\\Seen" not in dovecot.flags(uids[0])
    with listening(mailbox(dovecot.port), found.cursor) as again:
        again.looked()
    assert again.raws == []


def test_a_mail_that_arrives_while_idling_is_told_by_the_server(dovecot: Dovecot, idling, monkeypatch):
    monkeypatch.setattr(listen, "SEARCH_EVERY_S", 1000.0)  # it does not look by itself
    with listening(mailbox(dovecot.port, import_from="now")) as found:
        assert idling.wait(PATIENCE_S)
        dovecot.deliver(mail("live"))
        raws = found.wait(1)
        assert not raws[0].history
        dovecot.deliver(mail("live 2"))
        assert subjects(found.wait(2)) == ["Question live", "Question live 2"]


def test_import_from_now_leaves_what_was_there(dovecot: Dovecot):
    dovecot.deliver(mail("old"))
    with listening(mailbox(dovecot.port, import_from="now")) as found:
        found.settled()
        dovecot.deliver(mail("new"))
        assert subjects(found.wait(1)) == ["Question new"]


def test_import_from_days_takes_the_last_ones_as_history(dovecot: Dovecot):
    with dovecot.session() as imap:
        imap.append("INBOX", "", '"01-Jan-2020 08:00:00 +0000"', mail("long ago"))
    dovecot.deliver(mail("yesterday"))
    with listening(mailbox(dovecot.port, import_from="days=7")) as found:
        raws = found.wait(1)
        assert raws[0].history
        dovecot.deliver(mail("new"))
        raws = found.wait(2)
    assert subjects(raws) == ["Question yesterday", "Question new"]
    assert [raw.history for raw in raws] == [True, False]


def test_mail_of_an_outage_is_fetched_whatever_its_date_and_flags(dovecot: Dovecot):
    with listening(mailbox(dovecot.port, import_from="now")) as found:
        found.settled()
    with dovecot.session() as imap:  # read by somebody in webmail meanwhile, and dated years ago
        imap.append("INBOX", "(\\Seen)", '"01-Jan-2020 08:00:00 +0000"', mail("seen and old"))
    with listening(mailbox(dovecot.port, import_from="now"), found.cursor) as again:
        raws = again.wait(1)
    assert subjects(raws) == ["Question seen and old"] and not raws[0].history


def test_a_renumbered_folder_is_read_again_without_new_mails(dovecot: Dovecot):
    with listening(mailbox(dovecot.port)) as found:
        for number in range(7):
            dovecot.deliver(mail(number))
        found.wait(7)
    before = found.cursor["uidvalidity"]
    dovecot.deliver(mail("while away"))
    assert dovecot.change_uidvalidity() != before
    with listening(mailbox(dovecot.port), found.cursor) as again:
        raws = again.wait(8)
        assert again.cursor["uidvalidity"] != before
    assert len(found.unique() | again.unique()) == 8, "the same mails have the same ids"
    assert not raws[-1].history, "what came meanwhile is no history"


def test_a_renumbered_folder_does_not_bring_what_import_from_now_left_out(dovecot: Dovecot, looks_often):
    with dovecot.session() as imap:
        old = mail("long ago").replace(b"Sat, 21 Nov 2026", b"Wed, 01 Jan 2020")
        imap.append("INBOX", "", '"01-Jan-2020 08:00:00 +0000"', old)
    with listening(mailbox(dovecot.port, import_from="now")) as found:
        found.settled()
    dovecot.deliver(mail("while away"))
    dovecot.change_uidvalidity()
    with listening(mailbox(dovecot.port, import_from="now"), found.cursor) as again:
        again.wait(1)
        again.looked()
    assert subjects(again.raws) == ["Question while away"]


def test_another_folder_is_another_beginning(dovecot: Dovecot):
    """Two folders made in one second have the same UIDVALIDITY: its number alone does not tell them apart."""
    for number in range(3):
        dovecot.deliver(mail(number))
    dovecot.deliver(mail("left alone"), "Support")
    with listening(mailbox(dovecot.port, import_from="now")) as found:
        found.settled()
    cursor = {**found.cursor, "uidvalidity": dovecot.uidvalidity("Support"), "last_uid": 99}
    with listening(mailbox(dovecot.port, import_from="now", imap_folder="Support"), cursor) as other:
        other.settled()
        assert other.cursor["last_uid"] == 1
        dovecot.deliver(mail("new there"), "Support")
        assert subjects(other.wait(1)) == ["Question new there"]


def test_the_same_mail_twice_has_one_id_and_two_mails_with_one_message_id_have_two(dovecot: Dovecot):
    dovecot.deliver(mail("a", message_id=None))
    dovecot.deliver(b"Received: from elsewhere\r\nX-Spam: no\r\n" + mail("a", message_id=None))
    dovecot.deliver(mail("b", "first", message_id="same@x"))
    dovecot.deliver(mail("b", "second", message_id="same@x"))
    with listening(mailbox(dovecot.port)) as found:
        found.wait(4)
    assert len(found.unique()) == 3


def test_of_a_mail_that_is_too_large_the_headers_come(dovecot: Dovecot):
    dovecot.deliver(mail("large", "x" * 80_000))
    dovecot.deliver(mail("small"))
    email = mailbox(dovecot.port, max_message_bytes=50_000)
    with listening(email) as found:
        large, small = found.wait(2)
    assert int(large.meta["too_large"]) > 80_000 and len(large.body) < 1000
    assert b"xxxx" not in large.body and small.meta.get("too_large") is None


def test_a_line_cut_inside_a_mail_stores_nothing_of_it(dovecot: Dovecot):
    bodies = {number: f"{number} " + "Xin chào " * 20_000 for number in range(3)}
    for number, body in bodies.items():
        dovecot.deliver(mail(number, body))
    with Proxy(dovecot.port) as line:
        line.cut_after(300_000)
        with listening(mailbox(line.port)) as found, pytest.raises(TemporaryFailure):
            found.wait(3)
        line.passing()
        with listening(mailbox(line.port), found.cursor) as again:
            again.wait(3 - len(found.raws))
    whole = {number: len(mail(number, body)) for number, body in bodies.items()}
    assert sorted(len(raw.body) for raw in found.raws + again.raws) == sorted(whole.values())


def test_a_line_cut_while_idling_is_noticed(dovecot: Dovecot, idling):
    with Proxy(dovecot.port) as line, listening(mailbox(line.port)) as found:
        found.settled()
        assert idling.wait(PATIENCE_S)
        line.cut()
        with pytest.raises(TemporaryFailure):
            found.wait(1)


def test_a_server_that_hangs_is_left_in_time(dovecot: Dovecot, monkeypatch):
    monkeypatch.setattr(pinned.ImapSession.__init__, "__defaults__", (2.0,))
    with Proxy(dovecot.port) as line:
        line.blackhole()
        with pytest.raises(TemporaryFailure, match="did not answer"):
            next(mailbox(line.port).listen({}, threading.Event()))


def test_a_wrong_password_is_permanent_and_says_so(dovecot: Dovecot):
    email = mailbox(dovecot.port)
    email.config.settings["imap_password"] = "canary-9"  # type: ignore[index]
    with pytest.raises(PermanentFailure, match="refused the login") as failure:
        next(email.listen({}, threading.Event()))
    assert "canary-9" not in str(failure.value)


def test_a_password_with_vietnamese_letters_is_refused_in_words(dovecot: Dovecot):
    email = mailbox(dovecot.port)
    email.config.settings["imap_password"] = "mật khẩu"  # type: ignore[index]
    with pytest.raises(PermanentFailure, match="refused the login"):
        next(email.listen({}, threading.Event()))


def test_a_folder_that_is_not_there_is_named(dovecot: Dovecot):
    with pytest.raises(PermanentFailure, match="Thư đến"):
        next(mailbox(dovecot.port, imap_folder="Thư đến").listen({}, threading.Event()))


def test_a_folder_with_a_vietnamese_name(dovecot: Dovecot):
    with dovecot.session() as imap:
        imap.create('"H&ANQ- tr&AOM-"')
        imap.append('"H&ANQ- tr&AOM-"', "", "", mail("in a folder"))
    with listening(mailbox(dovecot.port, imap_folder="HÔ trã")) as found:
        assert subjects(found.wait(1)) == ["Question in a folder"]


def test_killed_between_fetch_and_commit_nothing_is_lost_or_doubled(dovecot: Dovecot):
    """The generator is dropped at any batch, as a kill between fetch and commit does; the cursor is the last stored."""
    for number in range(130):
        dovecot.deliver(mail(number))
    stored: dict[str, int] = {}
    cursor: dict = {}
    for attempt in range(40):
        stop = threading.Event()
        for count, batch in enumerate(mailbox(dovecot.port).listen(cursor, stop)):
            if count >= 2 and attempt % 2 == 0:
                break  # fetched, not stored
            for raw in batch.raws:
                stored[raw.external_id] = stored.get(raw.external_id, 0) + 1
            cursor = dict(batch.cursor)
            if count >= 2 or len(stored) == 130:
                break
        if len(stored) == 130:
            break
    assert len(stored) == 130 and set(stored.values()) == {1}


def test_without_a_mailbox_there_is_nothing_to_listen_to():
    assert list(Email(config()).listen({"a": 1}, threading.Event())) == []
