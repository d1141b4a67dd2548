"""Calls a phone system tells of: on the right screens while they go on, one entry when they end, called back when missed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select, update

from helpdesk import realtime
from helpdesk.extensions import db
from helpdesk.models import Agent, Channel, FollowUpTask, Inbound, LiveCall, Message, OutboxRow, Ticket, now
from helpdesk.services import channels
from helpdesk.unit_of_work import unit_of_work
from tests.connectors.kits import phone_signature
from tests.servers.receiver import Receiver

pytestmark = pytest.mark.processes

SECRET = "phone-canary-1"
LAN = "0912345678"


@pytest.fixture
def line(make: Any) -> Any:
    return make.channel(
        "phone", name="Hotline", config={"number": "+842473082686", "provider": "generic", "webhook_secret": SECRET}
    )


@pytest.fixture
def tell(client: Any, line: Any, drain: Any) -> Any:
    def told(event: str, call_id: str = "c1", **more: Any) -> None:
        body = json.dumps({"event": event, "callId": call_id, "from": LAN, "to": "02473082686", **more}).encode()
        answer = client.post(f"/hooks/{line.key}", data=body, headers=phone_signature(body),
                             content_type="application/json")  # fmt: skip
        assert answer.status_code == 200
        drain()
        db.session.rollback()

    return told


@pytest.fixture
def agent(make: Any) -> Any:
    return make.agent("agent", extension="101", locale="en")


def cards(make: Any, agent: Any) -> str:
    db.session.rollback()
    page = make.client(agent).get("/calls/live")
    assert page.status_code == 200
    return page.get_data(as_text=True).strip()


def test_a_call_that_rings_is_on_the_screen_with_the_customer(make: Any, tell: Any, agent: Any, line: Any) -> None:
    customer = make.customer("Nguyễn Lan", phone="+84912345678", notes="Prefers mornings")
    make.inbound(line, "About order 7", sender=_who())
    tell("newCall")
    shown = cards(make, agent)
    assert "Nguyễn Lan" in shown and "Prefers mornings" in shown and f"/customers/{customer.id}" in shown
    assert "#1001" in shown and "Incoming call" in shown and "Log call" in shown


def _who() -> Any:
    from connectors.contract import Address

    return Address("phone", "+84912345678")


def test_the_doorbell_rings_for_the_lines_team_and_says_nothing_of_the_caller(
    make: Any, tell: Any, line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[Any] = []
    monkeypatch.setattr(
        realtime, "emit", lambda event, payload, rooms, **_k: rung.append((event, payload, list(rooms)))
    )
    team = make.team()
    with unit_of_work() as work:
        work.session.merge(line).team_id = team
    tell("newCall")
    calls = [r for r in rung if r[0] == "call"]
    assert calls and calls[0][1].keys() == {"call", "state"} and f"team:{team}" in calls[0][2]


def test_who_answers_has_it_and_the_others_card_goes(make: Any, tell: Any, agent: Any) -> None:
    other = make.agent("agent", extension="102")
    tell("newCall")
    assert cards(make, agent) and cards(make, other)
    tell("answer", answeringNumber="101")
    assert "On the phone" in cards(make, agent) and cards(make, other) == ""


def test_another_teams_line_does_not_ring_here(make: Any, tell: Any, line: Any) -> None:
    theirs, mine = make.team(), make.team()
    with unit_of_work() as work:
        work.session.merge(line).team_id = theirs
    tell("newCall")
    assert cards(make, make.agent("agent", teams=[mine])) == ""
    assert cards(make, make.agent("agent", teams=[theirs])) != ""


def test_a_customer_of_another_team_is_not_named(make: Any, tell: Any, agent: Any) -> None:
    chat = make.channel("phone", team_id=make.team())
    make.inbound(chat, "secret", sender=_who())
    with unit_of_work() as work:
        work.session.scalars(select(Message)).one()
        ticket = work.session.scalars(select(Ticket)).one()
        ticket.customer.name = "Bí Mật"
    tell("newCall")
    shown = cards(make, agent)
    assert "Bí Mật" not in shown and "another team" in shown


def test_a_note_written_while_they_talk_is_the_one_entry(make: Any, tell: Any, agent: Any) -> None:
    make.customer("Lan", phone="+84912345678")
    tell("newCall")
    live = db.session.query(LiveCall).one().id
    browser = make.client(agent)
    taken = browser.post(f"/calls/live/{live}/take")
    assert taken.status_code == 303
    form = browser.get(taken.location)
    assert "+84 912 345 678" in form.text and "data-began=" in form.text
    saved = browser.post("/new/call", data={"live": live, "number": LAN, "direction": "in", "outcome": "answered",
                                            "notes": "Wants to change the size", "duration_s": "1:00"})  # fmt: skip
    assert saved.status_code == 303
    tell(
        "hangup", cause="normalClearing", answeringNumber="101", duration=184, recordingUrl="https://pbx.example/r.mp3"
    )
    message = db.session.query(Message).one()
    assert message.text == "Wants to change the size" and message.agent_id == agent.id
    assert (message.call["duration_s"], message.call["outcome"]) == (184, "answered")
    assert cards(make, agent) == ""


def test_a_note_written_after_the_end_joins_the_entry(make: Any, tell: Any, agent: Any) -> None:
    tell("newCall")
    tell("answer", answeringNumber="101")
    tell("hangup", cause="normalClearing", answeringNumber="101", duration=60)
    assert "Call ended" in cards(make, agent)
    ticket = db.session.query(Ticket).one()
    assert not ticket.needs_reply and ticket.assignee_id == agent.id
    live = db.session.query(LiveCall).one().id
    make.client(agent).post("/new/call", data={"live": live, "number": LAN, "direction": "in", "outcome": "answered",
                                               "notes": "All clear now", "then": "solve"})  # fmt: skip
    db.session.rollback()
    message = db.session.query(Message).one()
    assert (message.text, message.call["duration_s"], message.agent_id) == ("All clear now", 60, agent.id)
    assert db.session.query(Ticket).one().status == "solved" and cards(make, agent) == ""


def test_a_missed_call_is_a_ticket_with_one_task_to_call_back(make: Any, tell: Any, agent: Any) -> None:
    tell("newCall")
    tell("hangup", cause="noAnswer")
    tell("newCall", "c2")
    tell("hangup", "c2", cause="cancel")
    ticket = db.session.query(Ticket).one()
    (task,) = db.session.query(FollowUpTask).all()
    assert ticket.needs_reply and (task.kind, task.ticket_id, task.reason) == ("callback", ticket.id, "A missed call.")
    assert task.note and task.due_at > task.created_at and cards(make, agent) == ""


def test_a_phone_system_that_only_opens_addresses_reports_a_missed_call(client: Any, line: Any, drain: Any) -> None:
    with unit_of_work() as work:
        channels.update(work, work.session.get_one(Channel, line.id), {"address_secret": "address-canary-0123456789"})
    event = {"event": "hangup", "callId": "c1", "from": LAN, "to": "02473082686", "cause": "noAnswer"}
    asked = {**event, "token": "address-canary-0123456789"}
    assert client.get(f"/hooks/{line.key}", query_string=event).status_code == 401
    assert client.get(f"/hooks/{line.key}", query_string=asked, headers={"Sec-Fetch-Site": "none"}).status_code == 403
    assert client.head(f"/hooks/{line.key}", query_string=asked).status_code == 401
    assert db.session.query(Inbound).count() == 0
    for _ in range(2):
        assert client.get(f"/hooks/{line.key}", query_string=asked).status_code == 200
    drain()
    db.session.rollback()
    assert db.session.query(Message).one().call["outcome"] == "missed"
    assert db.session.query(FollowUpTask).one().kind == "callback"


@pytest.mark.parametrize("order", [("newCall", "answer", "hangup"), ("hangup", "answer", "newCall"), ("hangup",) * 3])
def test_news_in_any_order_end_in_the_same_place(tell: Any, agent: Any, order: tuple[str, ...]) -> None:
    for event in order:
        tell(event, answeringNumber="101", cause="normalClearing", duration=30)
    assert db.session.query(LiveCall).one().state == "ended"
    assert db.session.query(Message).count() == 1


def test_a_recording_that_comes_later_is_heard_by_whoever_may_open_the_ticket(make: Any, tell: Any, line: Any) -> None:
    team = make.team()
    with unit_of_work() as work:
        work.session.merge(line).team_id = team
    tell("hangup", cause="normalClearing", answeringNumber="9", duration=30)
    tell("recording", recordingUrl="https://pbx.example/r.mp3")
    message = db.session.query(Message).one()
    mine, stranger = make.agent("agent", teams=[team]), make.agent("agent", teams=[make.team()])
    heard = make.client(mine).get(f"/calls/{message.id}/recording")
    assert (heard.status_code, heard.location) == (302, "https://pbx.example/r.mp3")
    assert heard.headers["Referrer-Policy"] == "no-referrer"
    assert make.client(stranger).get(f"/calls/{message.id}/recording").status_code == 404
    page = make.client(mine).get("/tickets/1001").get_data(as_text=True)
    assert f"/calls/{message.id}/recording" in page and "pbx.example" not in page


@pytest.fixture
def pbx() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


def keeps(line: Any, places: str) -> None:
    with unit_of_work() as work:
        channel = work.session.get_one(Channel, line.id)
        channel.settings = {**channel.settings, "recordings_from": places}


@pytest.mark.parametrize("order", [("hangup", "recording"), ("recording", "hangup"), ("hangup", "hangup", "recording")])
def test_a_recording_of_an_admitted_place_is_kept_with_the_ticket(
    make: Any, tell: Any, line: Any, pbx: Receiver, order: tuple[str, ...]
) -> None:
    keeps(line, f"recordings.pbx.example\n{pbx.url}")
    pbx.answers = [(200, b"ID3 their voice")]
    for event in order:
        tell(
            event,
            cause="normalClearing",
            answeringNumber="9",
            duration=30,
            recordingUrl=f"{pbx.url}/r/7.mp3?key=canary",
        )
    message = db.session.query(Message).one()
    (kept,) = message.attachments
    assert (kept.filename, kept.content_type, kept.size_bytes) == ("recording.mp3", "audio/mpeg", 15)
    assert len(pbx.came) == 1
    page = make.client(make.agent("admin", locale="en")).get("/tickets/1001").get_data(as_text=True)
    assert f'<audio controls preload="none" src="/files/{kept.token}"' in page
    assert "/recording" not in page and "canary" not in page
    with make.client(make.agent("admin")).get(f"/files/{kept.token}") as heard:
        assert (heard.mimetype, heard.data) == ("audio/mpeg", b"ID3 their voice")
        assert heard.headers["Content-Disposition"].startswith("attachment")
    stranger, team = make.agent("agent", teams=[make.team()]), make.team()
    with unit_of_work() as work:
        work.session.scalars(select(Ticket)).one().visible_team_id = team
    assert make.client(stranger).get(f"/files/{kept.token}").status_code == 404


def test_a_recording_that_is_not_ready_is_asked_for_again(tell: Any, line: Any, drain: Any, pbx: Receiver) -> None:
    keeps(line, pbx.url)
    pbx.answers = [(404, b""), (200, b"ID3")]
    tell("hangup", cause="normalClearing", answeringNumber="9", duration=30, recordingUrl=f"{pbx.url}/r.wav")
    assert db.session.query(Message).one().attachments == []
    with unit_of_work() as work:
        work.session.execute(update(OutboxRow).values(run_at=now()))
    drain("reactions")
    db.session.rollback()
    assert [a.content_type for a in db.session.query(Message).one().attachments] == ["audio/wav"]


@pytest.mark.parametrize(
    ("login", "sent"),
    [
        ({"recordings_user": "desk", "recordings_password": "canary"}, {"authorization": "Basic ZGVzazpjYW5hcnk="}),
        ({"recordings_secret_header": "X-Api-Key: canary"}, {"x-api-key": "canary"}),
    ],
)
def test_a_recording_behind_a_login_is_fetched_with_it(
    make: Any, tell: Any, line: Any, pbx: Receiver, login: dict[str, str], sent: dict[str, str]
) -> None:
    with unit_of_work(actor="system") as work:
        channels.update(
            work,
            work.session.get_one(Channel, line.id),
            {"recordings_from": pbx.url, **login, "webhook_secret": SECRET},
        )
    pbx.answers = [(200, b"ID3")]
    tell("hangup", cause="normalClearing", answeringNumber="9", duration=30, recordingUrl=f"{pbx.url}/r.mp3")
    (got,) = pbx.came
    assert sent.items() <= got.headers.items()
    (kept,) = db.session.query(Message).one().attachments
    assert kept.size_bytes == 3
    page = make.client(make.agent("admin", locale="en")).get("/tickets/1001").get_data(as_text=True)
    assert "canary" not in page


@pytest.mark.parametrize(("status", "says"), [(302, "no longer"), (401, "asks for a login")])
def test_a_login_goes_to_nobody_else_and_a_refused_one_is_said(
    tell: Any, line: Any, pbx: Receiver, status: int, says: str
) -> None:
    login = {"recordings_user": "desk", "recordings_password": "canary"}
    with unit_of_work(actor="system") as work:
        channels.update(
            work,
            work.session.get_one(Channel, line.id),
            {"recordings_from": pbx.url, **login, "webhook_secret": SECRET},
        )
    pbx.answers = [(status, b"")] * 3
    tell("hangup", cause="normalClearing", answeringNumber="9", duration=30, recordingUrl=f"{pbx.url}/r.mp3")
    assert [post.path for post in pbx.came] == ["/r.mp3"], "a redirect is not followed"
    problems = [a.problem for a in db.session.query(Message).one().attachments]
    # What a redirect hides may still come: it is asked for again, like one that is not ready.
    assert problems == [] if status == 302 else says in problems[0]


@pytest.mark.parametrize("url", ["https://elsewhere.example/r.mp3", "http://10.0.0.1/r.mp3", "http://localhost/r.mp3"])
def test_a_recording_of_another_place_is_never_fetched(make: Any, tell: Any, line: Any, url: str) -> None:
    keeps(line, "recordings.pbx.example\nhttp://127.0.0.1:9")
    tell("hangup", cause="normalClearing", answeringNumber="9", duration=30, recordingUrl=url)
    message = db.session.query(Message).one()
    assert message.attachments == []
    page = make.client(make.agent("admin", locale="en")).get("/tickets/1001").get_data(as_text=True)
    assert (f"/calls/{message.id}/recording" in page) is url.startswith("https://")


def test_a_call_can_be_taken_by_one_and_not_by_strangers(make: Any, tell: Any, line: Any, agent: Any) -> None:
    tell("newCall")
    live = db.session.query(LiveCall).one().id
    assert make.client(agent).post(f"/calls/live/{live}/take").status_code == 303
    other = make.agent("agent")
    assert make.client(other).post(f"/calls/live/{live}/take").status_code == 404
    db.session.rollback()
    assert db.session.query(LiveCall).one().agent_id == agent.id


def test_one_sets_ones_extension(make: Any, agent: Any) -> None:
    browser = make.client(agent)
    form = {"name": "A", "locale": "en", "timezone": "Asia/Ho_Chi_Minh", "theme": "auto", "extension": " 205 ",
            "after_send": "stay", "undo_seconds": ""}  # fmt: skip
    assert browser.post("/me", data=form).status_code == 303
    db.session.rollback()
    assert db.session.get_one(Agent, agent.id).extension == "205"
