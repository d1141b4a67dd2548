"""What strangers, customers and colleagues may try: markup, formulas, addresses, numbers and headers made to hurt.

Signing in and out, sockets and the parsing of hostile mail have their own attacks beside their own tests.
"""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import pytest
from sqlalchemy import select

from connectors.email.html import sanitise
from helpdesk import access
from helpdesk.extensions import db
from helpdesk.models import Channel, Customer, Delivery, Identity, Organization, OutboxRow, Team, Ticket
from helpdesk.public import widget
from helpdesk.services import deliveries, mailer, replies
from helpdesk.services import settings as desk_settings
from helpdesk.services.replies import Written
from helpdesk.unit_of_work import unit_of_work
from tests.public.test_widget import Visitor
from tests.security.table import OPEN, TABLE
from tests.security.test_matrix import Call, Looked, calls, client_of
from tests.security.world import CANARY, World, build

WORDS = '"><img src=x onerror=window.__pwned=1></script><script>pwned()</script>{{7777*7777}}'
SUM = "60481729"
SECRETS = (f"{CANARY}-smtp", f"{CANARY}-imap", "7100000042:canary-of-a-bot-token-AAAAAAAAAAAA")


@pytest.fixture
def hostile(app: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    """A desk where everything that anybody may name is named to hurt."""
    monkeypatch.setattr(widget, "_loader_source", lambda: "")
    world = build(app, make, WORDS)
    make.channel("telegram", name=WORDS[:100], config={"token": SECRETS[2]})
    with unit_of_work() as work:
        for name in ("brand.name",):
            desk_settings.put(work, name, WORDS[:80])
        for channel in work.session.scalars(select(Channel)):
            channel.name, channel.last_error, channel.signature = WORDS[:100], WORDS, WORDS
        organization = Organization(name=WORDS, name_folded=WORDS.lower())
        work.session.add(organization)
        work.session.flush()
        for customer in work.session.scalars(select(Customer)):
            customer.organization_id, customer.notes = organization.id, WORDS
            customer.name, customer.salutation, customer.given_name = WORDS, WORDS[:40], WORDS
        for identity in work.session.scalars(select(Identity)):
            identity.name, identity.username = WORDS, WORDS[:100]
        for team in work.session.scalars(select(Team)):
            team.name = f"{WORDS} {team.id}"
        for agent in world.people.values():
            work.session.merge(agent).name = WORDS
    db.session.rollback()
    return world


def test_no_page_takes_anybodys_text_for_markup_or_tells_a_secret(hostile: World) -> None:
    client, anonymous = client_of(hostile, "admin"), hostile.app.test_client()
    hidden, token = [*SECRETS, *hostile.tokens.values()], {"Authorization": f"Bearer {hostile.tokens['admin']}"}
    pages, shown, wrong = 0, 0, []
    more = ["/?view=solved", "/search?q=img", "/customers?q=img", "/inbox/palette?q=img", "/reports/list/ratings",
            f"/tickets/{hostile.args['number']}?{WORDS}", f"/login?next={WORDS}", f"/nowhere/{WORDS}"]  # fmt: skip
    for call in [*calls(hostile), *(Call("inbox.home", "GET", url) for url in more)]:
        if call.method != "GET" or call.endpoint == "static":
            continue
        who = anonymous if TABLE[call.endpoint] == OPEN and "login" not in call.url else client
        answer = who.get(call.url, buffered=True, headers=token if call.api else {})
        wrong += [f"{call.url} tells {secret}" for secret in hidden if secret.encode() in answer.data]
        if answer.mimetype != "text/html":
            continue
        pages += 1
        shown += "pwned" in answer.text
        looked = Looked()
        looked.feed(answer.text)
        made = [t for t, a in looked.tags if "onerror" in a or a.get("src") == "x"]
        if made or "<script>pwned" in answer.text or SUM in answer.text:
            wrong.append(f"{call.url}: {made}")
    assert "\n".join(wrong) == ""
    assert pages > 55 and shown > 25


def test_fragments_and_scripts_take_it_for_text_too(hostile: World) -> None:
    client, number = client_of(hostile, "admin"), hostile.args["number"]
    for url in (f"/tickets/{number}", "/inbox/list?view=solved", f"/customers/{hostile.args['customer_id']}"):
        answer = client.get(url, headers={"HX-Request": "true"})
        looked = Looked()
        looked.feed(answer.text)
        assert answer.status_code == 200 and "pwned" in answer.text
        assert not [t for t, a in looked.tags if "onerror" in a or a.get("src") == "x"], url
    script = client.get(f"/widget/{hostile.chat.key}.js").text
    assert "pwned" in script and "</script" not in script and "<img" not in script
    changes = client.get("/inbox/changes?after=0")
    assert changes.mimetype == "application/json" and changes.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("evil", [
    "<script>x()</script>", '<img src="x" onerror="x()">', '<a href="javascript:x()">a</a>', "<svg onload=x()>",
    '<iframe src="https://evil.example"></iframe>', '<form action="https://evil.example"><input name=p></form>',
    '<meta http-equiv="refresh" content="0;url=//evil">', '<base href="//evil">', '<object data="x"></object>',
    '<p style="position:fixed;background:url(https://evil.example/x)">x</p>', '<a href="data:text/html,x">a</a>',
    '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=x()&gt;">',
])  # fmt: skip
def test_mail_is_sanitised(evil: str) -> None:
    looked = Looked()
    looked.feed(str(sanitise(evil)))
    bad = {"script", "iframe", "svg", "form", "input", "meta", "base", "object", "style", "math"}
    assert not [t for t, _ in looked.tags if t in bad]
    for _tag, given in looked.tags:
        assert not [n for n in given if n.startswith("on")]
        assert "url(" not in (given.get("style") or "") and "fixed" not in (given.get("style") or "")
        assert not (given.get("href") or "").startswith(("javascript:", "data:")) and not given.get("src")


def test_spreadsheets_reckon_with_nothing(hostile: World) -> None:
    with unit_of_work() as work:
        work.session.scalars(select(Ticket)).first().subject = '=HYPERLINK("https://evil.example","x")'
    answer = client_of(hostile, "admin").get("/reports/list/tickets.csv")
    assert answer.status_code == 200 and "HYPERLINK" in answer.text
    assert not [c for line in answer.text.splitlines() for c in line.split(",") if c.strip('"').startswith("=")]


# --- what must not get out -----------------------------------------------------------------------------------


def test_notes_never_leave_the_desk(app: Any, make: Any) -> None:
    world = build(app, make)
    visitor = Visitor(app, world.chat)
    visitor.begin(name="Lan")
    visitor.say("Hello")
    with unit_of_work() as work:
        viewer = access.viewer_of(work.session.merge(world.people["admin"]))
        for ticket in work.session.scalars(select(Ticket)).all():
            replies.note(work, viewer, ticket, Written(text=f"{CANARY}-note", html=f"<p>{CANARY}-note</p>"))
            replies.reply(work, viewer, ticket, Written(text="Here you are"))
    told = json.dumps(visitor.messages())
    assert "Here you are" in told and CANARY not in told
    sent = [deliveries.compose(db.session(), i)[1] for i in db.session.scalars(select(Delivery.id))]
    assert len(sent) >= 2 and CANARY not in repr(sent)
    for page in (f"/s/{world.args['token']}", f"/u/{world.args['token']}", f"/widget/{world.chat.key}/config"):
        assert CANARY not in app.test_client().get(page).text


def test_secrets_are_in_no_log_and_on_no_page_of_a_channel(hostile: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = client_of(hostile, "admin")
    for channel_id in db.session.scalars(select(Channel.id)).all():
        assert client.post(f"/settings/channels/{channel_id}/test", data={"name": "x"}).status_code < 500
        assert not [s for s in SECRETS if s in client.get(f"/settings/channels/{channel_id}").text]
    assert not [s for s in SECRETS if s in caplog.text]


def test_mailed_links_never_name_the_host_of_the_request(app: Any, make: Any, drain: Any) -> None:
    world = build(app, make)
    app.config["WTF_CSRF_ENABLED"] = False
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    answer = app.test_client().post("/forgot", data={"email": world.people["mate"].email}, headers=evil)
    assert answer.status_code == 303
    drain("reactions")
    db.session.rollback()
    rows = [r for r in db.session.scalars(select(OutboxRow)) if r.kind == "system_mail"]
    mails = [app.extensions["keyring"].open(mailer.PURPOSE, r.payload["sealed"]) for r in rows]
    assert mails and all("https://desk.example/reset/" in m and "evil.example" not in m for m in mails)


def test_a_missing_slash_leads_to_where_the_browser_is(app: Any, make: Any) -> None:
    """Neither to a host somebody claims, nor from https to http behind a proxy that is not told of."""
    answer = app.test_client().get("/reports?period=7d", headers={"Host": "evil.example"})
    assert answer.status_code == 308 and answer.headers["Location"] == "/reports/?period=7d"
    assert "evil.example" not in answer.text


@pytest.mark.parametrize("where", [
    "https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "/%09/evil.example", "\t//evil",
    "javascript:x()", "http:evil.example", "/\t/evil.example", "///evil.example",
])  # fmt: skip
def test_signing_in_leads_nowhere_else(app: Any, make: Any, where: str) -> None:
    client = make.client(make.agent("agent"))
    location = client.get("/login", query_string={"next": where}).headers["Location"]
    assert location.startswith("/") and not location.startswith(("//", "/\\", "/\t"))


# --- strange input -------------------------------------------------------------------------------------------

STRANGE = ("\x00", "x" * 10_000, "9" * 30, "²", "-'\"%_\\;\u202e[]")
ASKED = {
    "/": "view open",
    "/tickets/{number}": "view before",
    "/inbox/list": "view sort cursor open status priority assignee team channel tag sla reason since q",
    "/inbox/changes": "after rows open view", "/inbox/palette": "q",
    "/search": "q cursor fragment", "/customers": "q cursor", "/customers/{customer_id}": "show before",
    "/customers/{customer_id}/merge": "with q", "/new/call": "number customer ticket direction",
    "/new/call/match": "number customer ticket", "/new/message": "who customer", "/new/message/who": "who customer",
    "/tickets/{number}/earlier": "before", "/tickets/{number}/suggest": "q for",
    "/reports/": "from to period team channel agent", "/reports/sla.csv": "table team from",
    "/reports/list/tickets": "after weekday hour team", "/s/{token}": "score lang", "/login": "next",
}  # fmt: skip
API = {
    "/tickets": "cursor limit view status assignee team channel customer tag q updated_since", "/search": "q cursor",
    "/customers": "cursor q identity", "/events": "after", "/survey-responses": "cursor ticket customer",
    "/reports/sla": "from to team agent", "/customers/{customer_id}/timeline": "cursor show",
    "/tickets/{number}/messages": "cursor", "/tickets/{number}/events": "after",
}  # fmt: skip


def tried(client: Any, method: str, url: str, **given: Any) -> str:
    """Empty when it was answered; what broke otherwise."""
    db.session.remove()
    try:
        status = client.open(url, method=method, buffered=True, **given).status_code
    except Exception as error:  # a test client lets through what a server would answer with 500
        return f"{method} {url} {str(given)[:90]}: {type(error).__name__} {str(error)[:90]}"
    return "" if status < 500 else f"{method} {url} {str(given)[:90]}: {status}"


def test_no_query_breaks_a_list(app: Any, make: Any) -> None:
    world = build(app, make)
    client, token = client_of(world, "admin"), {"Authorization": f"Bearer {world.tokens['admin']}"}
    huge = base64.urlsafe_b64encode(b"[1000000000000000000000000000000]").decode().rstrip("=")
    wrong = []
    for asked, prefix, headers in ((ASKED, "", {}), (API, "/api/v1", token)):
        for path, names in asked.items():
            url = prefix + path.format(**world.args)
            for name in names.split():
                for value in (*STRANGE, *([huge] if name == "cursor" else [])):
                    wrong.append(tried(client, "GET", url, query_string={name: value}, headers=headers))
    assert "\n".join(filter(None, wrong)) == ""


def test_no_number_in_an_address_and_no_form_breaks_a_page(app: Any, make: Any) -> None:
    world = build(app, make)
    client = client_of(world, "admin")
    fields = ("status", "priority", "assignee", "team", "reason", "subject", "add", "until", "move", "seq", "number",
              "via", "attachment", "seen_seq", "text", "html", "cc", "kind", "name", "with", "customer", "ticket", "who",
              "way", "channel", "do", "query", "score", "comment", "scope", "business_hours_id", "members", "value",
              "duration_s", "shared", "started_at", "follow_up_at", "follow_up_agent", "preferred_channel_id", "time")  # fmt: skip
    wrong = []
    for call in calls(world):
        if call.method == "GET" and not call.api:
            digits = "".join("9" * 30 if p.isdigit() else p for p in call.url.replace("/", " / ").split(" "))
            wrong.append(tried(client, "GET", digits) if digits != call.url else "")
        if call.method == "POST" and TABLE[call.endpoint] not in (OPEN, "visitor") and not call.api:
            for value in ("9" * 30, "²"):
                form = dict.fromkeys(fields, value) | dict.fromkeys(
                    ("text", "html", "name", "comment", "subject"), "\x00"
                )
                wrong.append(tried(client, "POST", call.url, data=form))
                client = client_of(world, "admin") if "sessions" in call.url else client
    for value in ("²", "9" * 30):
        wrong.append(tried(client, "POST", "/tickets/bulk", data={"do": "solve", "number": value}))
    assert "\n".join(filter(None, wrong)) == ""


def test_no_visitor_breaks_the_chat(app: Any, make: Any) -> None:
    world = build(app, make)
    visitor = Visitor(app, world.chat)
    visitor.begin(name="Lan\x00", page="\x00" * 10)
    wrong = []
    bodies: list[Any] = [{"message": v, "score": 1} for v in ("9" * 20, "²", "\x00", None, [], {})]
    bodies += [[], None, "x", 7, {"text": "\x00", "client_msg_id": "\x00"}, {"text": {"a": 1}}, {"about": []}]
    bodies += [{"user": {"id": "\x00", "hash": "x"}}, {"text": "a", "client_msg_id": "b", "attachments": ["\x00"]}]
    headers = {"Authorization": f"Bearer {visitor.token}"}
    for path in ("messages", "read", "rating", "identify", "session"):
        for body in bodies:
            url = f"/widget/{world.chat.key}/{path}"
            wrong.append(tried(app.test_client(), "POST", url, json=body, headers=headers))
    for value in STRANGE:
        url = f"/widget/{world.chat.key}/messages"
        wrong.append(tried(app.test_client(), "GET", url, query_string={"after": value}, headers=headers))
        wrong.append(
            tried(app.test_client(), "POST", f"/s/{world.args['token']}", data={"score": value, "comment": value})
        )
    assert "\n".join(filter(None, wrong)) == ""
