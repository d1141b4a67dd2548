"""What holds for the whole desk: general, brand, hours, promises, surveys, reasons, tags, macros."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask_babel import force_locale
from PIL import Image
from sqlalchemy import select

from connectors.contract import Address
from helpdesk.extensions import db
from helpdesk.models import (
    BusinessHours,
    ContactReason,
    Macro,
    OutboxRow,
    SlaPolicy,
    SlaTarget,
    Tag,
    Team,
    Ticket,
    TicketTag,
)
from helpdesk.services import calendars, desk_defaults, sla_policies, survey_words
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import unit_of_work


@pytest.fixture
def admin(make: Any) -> Any:
    client = make.client(make.agent("admin"))
    with unit_of_work() as work:
        desk_defaults.ensure_defaults(work)
    return client


def _setting(key: str) -> Any:
    db.session.rollback()
    return desk_settings.get(db.session, key)


GENERAL = {
    "locale": "vi", "timezone": "Asia/Ho_Chi_Minh", "public_url": "https://help.doigio.example/", "phone_region": "VN",
    "reopen_days": "7", "undo_seconds": "0", "acknowledge_cap": "1", "shadow_mode": "1",
    "acknowledge_ticket_cap": "1", "acknowledge_desk_cap": "50",
}  # fmt: skip


def test_general(admin: Any) -> None:
    assert (
        admin.post("/settings/general", data={**GENERAL, "instance.kind": "demo", "setup.done": ""}).status_code == 303
    )
    assert (_setting("locale.default"), _setting("public_url")) == ("vi", "https://help.doigio.example")
    assert (_setting("ticket.reopen_days"), _setting("email.undo_seconds"), _setting("shadow_mode")) == (7, 0, True)
    assert (_setting("instance.kind"), _setting("setup.done")) == ("", True)
    wrong = {**GENERAL, "timezone": "Mars", "public_url": "javascript:alert(1)", "reopen_days": "0", "locale": "xx"}
    answer = admin.post("/settings/general", data=wrong)
    assert answer.status_code == 422
    for field in ("timezone", "public_url", "reopen_days", "locale"):
        assert f'id="f-{field}-error"' in answer.text
    assert "javascript:alert(1)" in answer.text  # typed text stays, as text
    assert admin.post("/settings/general", data={**GENERAL, "phone_region": "ZZ"}).status_code == 422
    assert _setting("ticket.reopen_days") == 7


# --- brand ---------------------------------------------------------------------------------------------------


def _png(size: tuple[int, int] = (900, 300), kind: str = "PNG") -> io.BytesIO:
    out = io.BytesIO()
    Image.new("RGB", size, "#0b7268").save(out, kind)
    out.seek(0)
    return out


def test_brand_and_logo(admin: Any, client: Any) -> None:
    form = {"name": "Đồi Gió", "colour": "#aa3300", "reply_name": "brand"}
    upload = {"logo": (_png(), "logo.png")}
    assert admin.post("/settings/brand", data={**form, **upload}).status_code == 303
    token = _setting("brand.logo")
    answer = client.get(f"/settings/brand/logo/{token}")  # customers see it too
    assert answer.status_code == 200 and answer.mimetype == "image/png"
    assert Image.open(io.BytesIO(answer.data)).size == (512, 171)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get(f"/settings/brand/logo/{'0' * 64}").status_code == 404
    admin.post("/settings/brand", data={**form, "remove_logo": "1"})
    assert _setting("brand.logo") == ""
    assert client.get(f"/settings/brand/logo/{token}").status_code == 404


@pytest.mark.parametrize(("data", "name"), [
    (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "logo.svg"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "logo.png"), (b"GIF89a<script>", "logo.gif"), (b"%PDF-1.7", "l.png"),
    (_png().read()[:200], "cut.png"),
])  # fmt: skip
def test_only_pictures_become_the_logo(admin: Any, data: bytes, name: str) -> None:
    form = {"name": "Đồi Gió", "colour": "#aa3300", "reply_name": "brand", "logo": (io.BytesIO(data), name)}
    answer = admin.post("/settings/brand", data=form)
    assert answer.status_code == 422 and 'id="f-logo-error"' in answer.text
    assert _setting("brand.logo") == "" and _setting("brand.name") == "Helpdesk"


def test_a_logo_has_a_size(admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpdesk.services.brand.MAX_LOGO_BYTES", 500)
    form = {"name": "Đồi Gió", "colour": "#aa3300", "reply_name": "brand", "logo": (_png(), "logo.png")}
    assert "larger than" in admin.post("/settings/brand", data=form).text


def test_a_wrong_brand(admin: Any) -> None:
    answer = admin.post("/settings/brand", data={"name": " ", "colour": "red;}", "reply_name": "nobody"})
    assert answer.status_code == 422 and answer.text.count('role="alert"') >= 2


# --- business hours ------------------------------------------------------------------------------------------

HOURS = {
    "name": "Shop", "timezone": "Asia/Ho_Chi_Minh", "mon": "8:00-12:00, 13:30 – 17:30", "tue": "8h-12h; 13h30-17h30",
    "wed": "08:00-12:00 và 13:00-18:00", "thu": "", "fri": "22:00-24:00", "sat": "8.00-11.30", "sun": "",
    "holiday_country": "VN", "holidays": "2027-02-04 Tết\n5/2/2027\n\n", "workdays": "2027-04-30",
}  # fmt: skip


def test_hours_as_people_type_them(admin: Any) -> None:
    assert admin.post("/settings/hours/new", data=HOURS).status_code == 303
    db.session.rollback()
    row = db.session.scalars(select(BusinessHours).where(BusinessHours.name == "Shop")).one()
    assert row.week == {
        "mon": [["08:00", "12:00"], ["13:30", "17:30"]],
        "tue": [["08:00", "12:00"], ["13:30", "17:30"]],
        "wed": [["08:00", "12:00"], ["13:00", "18:00"]],
        "fri": [["22:00", "24:00"]],
        "sat": [["08:00", "11:30"]],
    }
    assert (row.holidays, row.workdays, row.is_default) == (["2027-02-04", "2027-02-05"], ["2027-04-30"], False)
    page = admin.get(f"/settings/hours/{row.id}").text
    assert 'value="08:00-12:00, 13:30-17:30"' in page
    assert calendars.shown(row)["thu"] == ""
    assert "sla_recompute" in db.session.scalars(select(OutboxRow.kind)).all()


def test_wrong_hours_say_where(admin: Any) -> None:
    wrong = {**HOURS, "mon": "8 to 5", "tue": "25:00-26:00", "wed": "08:00-12:00, 11:00-13:00", "holidays": "30/2/2027"}
    answer = admin.post("/settings/hours/new", data={**wrong, "timezone": "x", "holiday_country": "XX", "name": ""})
    assert answer.status_code == 422
    for field in ("mon", "tue", "wed", "holidays", "timezone", "holiday_country", "name"):
        assert f'id="f-{field}-error"' in answer.text, field
    assert 'value="8 to 5"' in answer.text
    closed = {**HOURS, **dict.fromkeys(("mon", "tue", "wed", "fri", "sat"), "")}
    assert admin.post("/settings/hours/new", data=closed).status_code == 422


def test_hours_in_use_stay(admin: Any) -> None:
    admin.post("/settings/hours/new", data=HOURS)
    default, other = db.session.scalars(select(BusinessHours.id).order_by(BusinessHours.id)).all()
    assert "still in use" in admin.post(f"/settings/hours/{default}/delete", follow_redirects=True).text
    admin.post(f"/settings/hours/{other}/default")
    db.session.rollback()
    assert db.session.scalars(select(BusinessHours.id).where(BusinessHours.is_default)).all() == [other]
    admin.post(f"/settings/hours/{default}/delete")
    db.session.rollback()
    assert db.session.scalars(select(BusinessHours.id)).all() == [other]


# --- promises ------------------------------------------------------------------------------------------------


def _policy(*rows: tuple[str, str, str, str], name: str = "VIP") -> dict[str, Any]:
    columns = [[r[n] for r in rows] for n in range(4)]
    return {
        "name": name,
        "business_hours_id": "",
        **dict(zip(("target", "kind", "priority", "time"), columns, strict=True)),
    }


def test_a_policy_with_its_targets(admin: Any) -> None:
    form = _policy(
        ("first_response", "", "", "1 h 30 m"), ("first_response", "widget", "urgent", "5"),
        ("resolution", "", "", "2h"), ("next_response", "", "", ""),
    )  # fmt: skip
    assert admin.post("/settings/sla/new", data=form).status_code == 303
    db.session.rollback()
    policy = db.session.scalars(select(SlaPolicy).where(SlaPolicy.name == "VIP")).one()
    found = {(t.target, t.channel_kind, t.priority): t.minutes for t in policy.targets}
    assert found == {
        ("first_response", "", ""): 90,
        ("first_response", "widget", "urgent"): 5,
        ("resolution", "", ""): 120,
    }
    assert "sla_recompute" in db.session.scalars(select(OutboxRow.kind)).all()
    form = _policy(("first_response", "", "", "1 h"), name="VIP 2")
    assert admin.post(f"/settings/sla/{policy.id}", data=form).status_code == 303
    db.session.rollback()
    targets = db.session.scalars(select(SlaTarget).where(SlaTarget.policy_id == policy.id)).all()
    assert [(t.target, t.minutes) for t in targets] == [("first_response", 60)]


@pytest.mark.parametrize("rows", [
    [("first_response", "", "", "soon")], [("first_response", "", "", "0")], [("first_response", "", "", "-5")],
    [("first_response", "", "", "99999 h")], [("love", "", "", "1 h")], [("first_response", "fax", "", "1 h")],
    [("first_response", "", "extreme", "1 h")], [("resolution", "", "", "1 h"), ("resolution", "", "", "2 h")], [],
])  # fmt: skip
def test_a_wrong_policy(admin: Any, rows: list[tuple[str, str, str, str]]) -> None:
    answer = admin.post("/settings/sla/new", data=_policy(*rows))
    assert answer.status_code == 422
    assert rows == [] or 'id="time-' in answer.text
    assert db.session.scalar(select(SlaPolicy.id).where(SlaPolicy.name == "VIP")) is None


def test_a_supervisor_changes_promises_of_their_teams_only(make: Any, admin: Any) -> None:
    mine, other = make.team("Mine"), make.team("Other")
    client = make.client(make.agent("supervisor", leads=[mine]))
    default = db.session.scalars(select(SlaPolicy.id)).one()
    form = _policy(("first_response", "", "", "1 h"), name="Mine")
    assert client.get(f"/settings/sla/{default}").status_code == 200
    assert client.post(f"/settings/sla/{default}", data=form).status_code == 404
    assert client.post(f"/settings/sla/{default}/default").status_code == 404
    assert client.post(f"/settings/sla/{default}/off").status_code == 404
    assert client.post("/settings/sla/new", data=form).status_code == 303
    db.session.rollback()
    policy = db.session.scalars(select(SlaPolicy).where(SlaPolicy.name == "Mine")).one()
    assert not policy.is_default and db.session.get_one(Team, mine).sla_policy_id == policy.id
    assert client.post(f"/settings/sla/{policy.id}", data={**form, "name": "Mine 2"}).status_code == 303
    with unit_of_work() as work:
        work.session.get_one(Team, other).sla_policy_id = policy.id
    assert client.post(f"/settings/sla/{policy.id}", data=form).status_code == 404  # now it is not theirs alone
    without = make.client(make.agent("supervisor"))
    assert without.get("/settings/sla/new").status_code == 404


def test_one_policy_is_the_desks_own(admin: Any) -> None:
    admin.post("/settings/sla/new", data=_policy(("first_response", "", "", "1 h")))
    first, second = db.session.scalars(select(SlaPolicy.id).order_by(SlaPolicy.id)).all()
    assert "stays on" in admin.post(f"/settings/sla/{first}/off", follow_redirects=True).text
    admin.post(f"/settings/sla/{second}/default")
    admin.post(f"/settings/sla/{first}/off")
    db.session.rollback()
    rows = {p.id: (p.is_default, p.active) for p in db.session.scalars(select(SlaPolicy))}
    assert rows == {first: (False, False), second: (True, True)}


def test_times_read_and_written() -> None:
    assert [sla_policies.minutes_in(t) for t in ("90", "1 h 30 m", "1h30", "2 giờ", "45 phút", "", "h", "1.5 h")] == [
        90, 90, 90, 120, 45, None, None, None,
    ]  # fmt: skip
    assert sla_policies.spelled(90) == "1 h 30 m"


# --- surveys, reasons, tags ----------------------------------------------------------------------------------

SURVEY = {
    "enabled": "1", "delay_minutes": "15", "quiet_from": "20", "quiet_until": "9", "fatigue_days": "30",
    "expire_days": "10", "recovery_max_score": "3", "recovery_hours": "2",
}  # fmt: skip


def test_the_survey_asks_in_the_desks_own_words(admin: Any, make: Any) -> None:
    lan = Address("email", "lan@mail.example", name="Lan")
    ticket = db.session.get_one(Ticket, make.inbound(make.channel(), "A late parcel", sender=lan).ticket_id)
    own = {"question_en": "Was “{subject}” solved well?", "question_vi": "  "}
    assert admin.post("/settings/surveys", data=SURVEY | own).status_code == 303
    assert "Was “{subject}” solved well?" in admin.get("/settings/surveys").text
    db.session.rollback()
    with force_locale("en"):
        assert survey_words.question(db.session(), ticket) == f"Was “{ticket.subject}” solved well?"
    with force_locale("vi"):
        assert survey_words.question(db.session(), ticket).startswith("Bạn thấy")
    for wrong, told in (("Hi {name}?", "{name}"), ("x" * 201, "200")):
        answer = admin.post("/settings/surveys", data=SURVEY | {"question_en": wrong})
        assert answer.status_code == 422 and told in answer.text
    admin.post("/settings/surveys", data=SURVEY | {"question_en": ""})
    db.session.rollback()
    with force_locale("en"):
        assert survey_words.question(db.session(), ticket).startswith("How was our help")


def test_surveys(admin: Any, make: Any) -> None:
    assert admin.post("/settings/surveys", data=SURVEY).status_code == 303
    assert (_setting("survey.csat.delay_minutes"), _setting("survey.recovery_max_score")) == (15, 3)
    admin.post("/settings/surveys", data={k: v for k, v in SURVEY.items() if k != "enabled"})
    assert _setting("survey.csat.enabled") is False
    answer = admin.post("/settings/surveys", data={**SURVEY, "quiet_from": "24", "delay_minutes": "soon"})
    assert answer.status_code == 422 and 'id="f-quiet_from-error"' in answer.text
    assert make.client(make.agent("supervisor")).post("/settings/surveys", data=SURVEY).status_code == 404


def test_reasons(admin: Any) -> None:
    touchpoint = db.session.scalars(select(ContactReason.touchpoint_id)).first()
    form = {"name": "Gift wrap", "name_vi": "Gói quà", "touchpoint_id": str(touchpoint)}
    assert admin.post("/settings/reasons", data=form).status_code == 303
    again = admin.post("/settings/reasons", data=form)
    assert again.status_code == 422 and 'value="Gói quà"' in again.text
    assert admin.post("/settings/reasons", data={**form, "name": "", "touchpoint_id": "99999"}).status_code == 422
    db.session.rollback()
    row = db.session.scalars(select(ContactReason).where(ContactReason.name == "Gift wrap")).one()
    admin.post(f"/settings/reasons/{row.id}", data={**form, "name": "Gifts"})
    admin.post(f"/settings/reasons/{row.id}/archive")
    db.session.rollback()
    row = db.session.get_one(ContactReason, row.id)
    assert row.name == "Gifts" and row.archived_at is not None


def test_tags_are_renamed_merged_and_deleted(admin: Any, make: Any) -> None:
    from connectors.contract import Address

    channel = make.channel("widget")
    tickets = [make.inbound(channel, f"Hello {n}", sender=Address("widget", f"v{n}")).ticket_id for n in range(2)]
    with unit_of_work() as work:
        tags = [Tag(name=n, name_folded=n) for n in ("refund", "hoan tien", "old")]
        work.session.add_all(tags)
        work.session.flush()
        one, two, old = (t.id for t in tags)
        for ticket, tag in ((tickets[0], one), (tickets[0], two), (tickets[1], two), (tickets[1], old)):
            work.session.add(TicketTag(ticket_id=ticket, tag_id=tag))
    admin.post(f"/settings/tags/{two}/rename", data={"name": "Refund"})
    admin.post(f"/settings/tags/{old}/delete")
    assert admin.post(f"/settings/tags/{one}/rename", data={"name": " "}).status_code == 422
    db.session.rollback()
    assert db.session.scalars(select(Tag.name)).all() == ["refund"]
    assert sorted(tuple(r) for r in db.session.execute(select(TicketTag.ticket_id, TicketTag.tag_id))) == sorted(
        (t, one) for t in tickets
    )


# --- macros --------------------------------------------------------------------------------------------------

MACRO = {"name": "Thanks", "text": "Dạ em cảm ơn {{ customer.salutation }}", "scope": "me", "status": "pending",
         "priority": "", "tags": "thanks, "}  # fmt: skip


def test_macros_belong_to_somebody(make: Any) -> None:
    team = make.team("Sales")
    agent, mate, lead = make.agent(teams=[team]), make.agent(teams=[team]), make.agent("supervisor", leads=[team])
    mine, theirs, leads, admin = (make.client(a) for a in (agent, mate, lead, make.agent("admin")))
    assert mine.post("/settings/macros/new", data=MACRO).status_code == 303
    row = db.session.scalars(select(Macro)).one()
    assert (row.owner_id, row.team_id, row.actions) == (agent.id, None, {"status": "pending", "tags": ["thanks"]})
    assert "Thanks" not in theirs.get("/settings/macros").text
    for other in (theirs, leads, admin):
        assert other.post(f"/settings/macros/{row.id}", data=MACRO).status_code == 404
        assert other.post(f"/settings/macros/{row.id}/delete").status_code == 404
    for scope in (f"team:{team}", "all"):
        assert mine.post("/settings/macros/new", data={**MACRO, "scope": scope}).status_code == 422
    assert (
        leads.post("/settings/macros/new", data={**MACRO, "name": "Team's", "scope": f"team:{team}"}).status_code == 303
    )
    assert admin.post("/settings/macros/new", data={**MACRO, "name": "All's", "scope": "all"}).status_code == 303
    page = theirs.get("/settings/macros").text
    assert "Team&#39;s" in page and "All&#39;s" in page
    macro_id = row.id
    mine.post(f"/settings/macros/{macro_id}/delete")
    db.session.rollback()
    assert db.session.get(Macro, macro_id) is None


def test_a_wrong_macro(make: Any) -> None:
    client = make.client(make.agent())
    for wrong in ({"name": ""}, {"text": "{{ config }}"}, {"text": "{{ customer.__class__ }}"}, {"status": "trash"},
                  {"text": "", "status": "", "tags": ""}, {"priority": "extreme"}):  # fmt: skip
        assert client.post("/settings/macros/new", data={**MACRO, **wrong}).status_code == 422, wrong
    assert db.session.scalar(select(Macro.id)) is None
