"""Every route against every role: what the table does not allow is not there; a route that the table lacks fails."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import pytest
from flask import Flask, g, url_for
from flask.testing import FlaskClient
from sqlalchemy import event, select
from werkzeug.routing import Rule

from helpdesk import access
from helpdesk.app import app_blueprint, create_app, is_open
from helpdesk.config import Database, Limits, Settings
from helpdesk.customers.profile import facts_of
from helpdesk.extensions import db
from helpdesk.inbox import files as inbox_files
from helpdesk.models import Customer
from helpdesk.models.base import Base
from helpdesk.signing import make_secret
from tests.conftest import POSTGRESQL
from tests.factories import Make
from tests.security.table import (
    BODIES,
    DEMO,
    MAY,
    NOTHING_THERE,
    OPEN,
    READS_ONLY,
    SEEN_BUT_NOT_THEIRS,
    SIGNED,
    TABLE,
    VISITOR,
)
from tests.security.world import INSIDE, MATTER, World, build, png

METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")
LAST = ("end", "delete", "forget", "disable", "disconnect", "logout", "password", "off", "revoke", "bulk", "move",
        "archive", "undo", "merge", "person", "sessions")  # fmt: skip


@dataclass(frozen=True)
class Call:
    endpoint: str
    method: str
    url: str

    @property
    def api(self) -> bool:
        return self.endpoint.startswith("api.")


@pytest.fixture(scope="module")
def still(template: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One world for every test that may change nothing (each of them checks that it did not)."""
    data = tmp_path_factory.mktemp("still")
    if POSTGRESQL:
        database = Database(url=template.create_database(template="helpdesk_template"))
    else:
        shutil.copy(template, data / "helpdesk.db")
        database = Database()
    make_secret(data)
    app = create_app(Settings(data=data, database=database, limits=Limits(login_per_minute=1000)), serving=True)
    app.testing = True
    with app.app_context(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(inbox_files, "_fetch", lambda url: png())
        found = build(app, Make(app))
        for who in found.people:
            found.clients[who] = found.make.client(found.people[who])
        yield found
        db.session.remove()
        db.engine.dispose()
        app.extensions["writers"].engine.dispose()


@pytest.fixture
def world(app: Flask, make: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world of its own, for a test that works in it."""
    monkeypatch.setattr(inbox_files, "_fetch", lambda url: png())
    found = build(app, make)
    app.config["WTF_CSRF_ENABLED"] = False
    return found


@pytest.fixture
def calm(still: World) -> World:
    still.app.config["WTF_CSRF_ENABLED"] = False
    return still


def calls(world: World) -> list[Call]:
    """Every route and method with real objects in it; what ends something comes last."""
    found: list[Call] = []
    for rule in world.app.url_map.iter_rules():
        for values in _values(world, rule):
            with world.app.test_request_context():
                url = url_for(rule.endpoint, **values)
            found += [Call(rule.endpoint, m, url) for m in METHODS if m in (rule.methods or ())]
    return sorted(found, key=lambda c: (c.method != "GET", any(w in c.url for w in LAST), c.url))


def _values(world: World, rule: Rule) -> Iterator[dict[str, Any]]:
    own = world.args.get(rule.endpoint, {})
    values = {name: own.get(name, world.args.get(name)) for name in rule.arguments}
    choices = getattr(rule._converters.get("what"), "items", None)
    for what in sorted(choices or {""}):
        given = {**values, "what": what} if choices else dict(values)
        for name, value in given.items():
            given[name] = value[what] if isinstance(value, dict) else value
            assert given[name] is not None, f"the world has no {name} for {rule.endpoint}"
        yield given


def client_of(world: World, who: str) -> FlaskClient:
    agent = world.people.get(who)
    if who in world.clients:
        return world.clients[who]
    return world.make.client(agent) if agent is not None else world.app.test_client()


def ask(world: World, client: FlaskClient, who: str, call: Call) -> Any:
    filled = {k: v.format(**world.args) if isinstance(v, str) else v for k, v in BODIES.get(call.endpoint, {}).items()}
    given: dict[str, Any] = {}
    if call.api:
        given["headers"] = {"Authorization": f"Bearer {world.tokens[who]}"} if who in world.tokens else {}
    for name in list(g):  # tests share one application context; nothing is remembered of the request before
        g.pop(name)
    db.session.remove()
    if call.method != "GET":
        given["json" if call.api else "data"] = filled
    return client.open(call.url, method=call.method, buffered=True, **given)


def refusal(call: Call, who: str, answer: Any) -> str:
    """Empty when the answer is what somebody gets who may not know that the thing is there."""
    status, where = answer.status_code, answer.headers.get("Location", "")
    line = TABLE[call.endpoint]
    if line == VISITOR:
        fits = status == 401
    elif line == DEMO:
        fits = status == 404
    elif who in ("anonymous", "gone"):
        fits = status == 401 if call.api else (status == 302 and where.startswith("/login"))
    elif call.api and who == "reader":  # what it may read is no secret; that it may not write is said
        fits = status in (403, 404)
    else:
        fits = status == 404
    return "" if fits else f"{who} {call.method} {call.endpoint} {call.url}: {status} {where}"


def allowed(call: Call, who: str) -> bool:
    if who == "reader" and call.method != "GET":
        return False
    if (who, call.endpoint) in READS_ONLY and call.method != "GET":
        return False
    return TABLE[call.endpoint] in MAY[who]


def everything() -> dict[str, str]:
    """A print of every table's rows: what changes it, changed something."""
    db.session.rollback()
    found = {}
    for table in Base.metadata.sorted_tables:
        rows = sorted(repr(tuple(r)) for r in db.session.execute(select(table)))
        found[table.name] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    db.session.rollback()
    return found


def test_every_route_is_in_the_table_and_nothing_else(calm: World) -> None:
    routes = {rule.endpoint for rule in calm.app.url_map.iter_rules()}
    assert sorted(routes - TABLE.keys()) == [], "say in tests/security/table.py who may use these"
    assert sorted(TABLE.keys() - routes) == []


def test_only_routes_of_the_table_are_open(calm: World) -> None:
    own_gate = ("api.", "widget_visitor.", "widget_wishes.", "demo.")  # tokens, or a demo: checked below
    opened = {e for e in TABLE if is_open(e) and not e.startswith(own_gate)}
    assert opened <= {e for e, line in TABLE.items() if line == OPEN}


@pytest.mark.parametrize("who", sorted(MAY))
def test_who_may_not_is_told_nothing_and_changes_nothing(calm: World, who: str) -> None:
    client, wrong = client_of(calm, who), []
    before = everything()
    for call in calls(calm):
        if not allowed(call, who) and (who != "reader" or call.api) and call.endpoint not in NOTHING_THERE:
            wrong.append(refusal(call, who, ask(calm, client, who, call)))
    after = everything()
    after["api_tokens"] = before["api_tokens"]  # when a token was last used
    assert "\n".join(w for w in wrong if w) == ""
    assert [t for t in before if before[t] != after[t]] == []


def test_reading_tokens_read_what_their_agent_may(calm: World) -> None:
    client = calm.app.test_client()
    for call in calls(calm):
        if call.api and call.method == "GET" and TABLE[call.endpoint] in (SIGNED, "ticket"):
            url = f"{call.url}?q=parcel" if call.endpoint == "api.search_all" else call.url
            status = ask(calm, client, "reader", Call(call.endpoint, "GET", url)).status_code
            assert status == 200, (url, status)


def test_lists_search_counts_and_files_tell_outsiders_nothing(calm: World) -> None:
    """The same words, wherever something is gathered from many tickets."""
    client = client_of(calm, "outsider")
    number, customer = str(calm.args["number"]), str(calm.args["customer_id"])
    for url in (
        "/?view=solved", "/?view=open", "/inbox/list?view=solved", "/inbox/changes?after=0", "/customers",
        f"/customers?q={MATTER}", f"/search?q={MATTER}", f"/search?q={MATTER}&fragment=1", f"/search?q=%23{number}",
        f"/inbox/palette?q={MATTER}", f"/inbox/palette?q={number}", f"/inbox/changes?after=0&rows={number}",
        f"/new/call?customer={customer}", f"/new/call/match?customer={customer}&number=",
        f"/new/message?who={customer}",
    ):  # fmt: skip
        page = client.get(url, follow_redirects=False)
        assert page.status_code in (200, 404), (url, page.status_code)
        assert INSIDE not in page.text and "lan@mail.example" not in page.text, url
    for path in ("/tickets", "/customers", "/events", f"/search?q={MATTER}", "/survey-responses"):
        told = client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {calm.tokens['outsider']}"})
        assert told.status_code == 200 and INSIDE not in told.text and "lan@mail" not in told.text, path


def test_a_customers_figures_tell_of_no_other_ticket(calm: World) -> None:
    """Somebody who sees one ticket of a customer learns nothing of the ratings of the others."""
    mate = access.viewer_of(calm.people["mate"])
    outsider = access.viewer_of(calm.people["outsider"])
    customer = db.session.get_one(Customer, calm.args["customer_id"])
    assert facts_of(db.session(), mate, customer).rating_count == 1
    hidden = facts_of(db.session(), outsider, customer)
    assert (hidden.rating_count, hidden.ratings, hidden.open_count, hidden.past_count) == (0, [], 0, 0)


def test_a_visitor_sees_no_file_or_rating_of_others(calm: World) -> None:
    client = calm.app.test_client(use_cookies=False)
    mine = {"Authorization": f"Bearer {calm.tokens['visitor']}"}
    key, token = calm.chat.key, calm.args["inbox.file"]["token"]
    assert client.get(f"/widget/{key}/files/{token}", headers=mine).status_code == 404
    body = {"message": str(calm.args["message_id"]), "score": 1}
    assert client.post(f"/widget/{key}/rating", json=body, headers=mine).status_code == 404
    assert client.get(f"/widget/{key}/messages?after=0", headers=mine).json["items"] == []


# --- what holds for every route ------------------------------------------------------------------------------


def test_every_change_needs_a_csrf_token_where_cookies_count(calm: World) -> None:
    client = client_of(calm, "admin")
    calm.app.config["WTF_CSRF_ENABLED"] = True
    before, wrong = everything(), []
    for call in calls(calm):
        blueprint = app_blueprint(call.endpoint)
        if call.method == "GET":
            continue
        cookieless = (
            "api",
            "public",
            "own_requests",
            "help",
            "form",
            "hooks",
            "widget_visitor",
            "widget_wishes",
            "health",
        )
        if call.endpoint.split(".")[0] in cookieless:  # they read no cookie, so nobody's signing in can be borrowed
            assert getattr(blueprint, "cookieless", False), call.endpoint
            continue
        answer = client.open(call.url, method=call.method, data={})
        if answer.status_code != 400:
            wrong.append(f"{call.url}: {answer.status_code}")
    assert "\n".join(wrong) == ""
    assert [t for t, h in everything().items() if h != before[t]] == []


class Looked(HTMLParser):
    """What a page has that a strict policy would refuse, or that a stranger's text made."""

    def __init__(self, nonce: str = "") -> None:
        super().__init__(convert_charrefs=True)
        self.nonce, self.wrong = nonce, []  # type: ignore[var-annotated]
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        inline = tag == "style" or (tag == "script" and "src" not in given)
        data = given.get("type") in ("application/json", "application/ld+json")
        if inline and not data and (not self.nonce or given.get("nonce") != self.nonce):
            self.wrong.append(self.get_starttag_text() or tag)
        for name, value in attrs:
            if name == "style" or name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.wrong.append(f"<{tag} {name}={value!r}>")


# A mail's own HTML, sanitised, in a sandbox that runs nothing: its colours are inline, nothing else is allowed.
FRAMED = {"inbox.original"}
EMBEDDED = {"widget.frame"}  # whoever the channel allows may frame it


def test_every_get_changes_nothing_and_keeps_the_strict_policy(calm: World) -> None:
    client, token = client_of(calm, "admin"), {"Authorization": f"Bearer {calm.tokens['admin']}"}
    anonymous = calm.app.test_client()
    anonymous.get("/api/v1/agents", headers=token)  # the token's last use is noted once in a while
    before, wrong, seen = everything(), [], 0
    with writes(calm.app) as wrote:
        for call in calls(calm):
            if call.method != "GET" or call.endpoint == "static":
                continue
            who = anonymous if TABLE[call.endpoint] == OPEN else client
            answer = who.get(call.url, headers=token if call.api else {}, buffered=True)
            if TABLE[call.endpoint] == OPEN:
                who.head(call.url)
            wrong += [f"{call.url}: {what}" for what in [*wrote, *faults(call, answer)]]
            wrote.clear()
            seen += answer.status_code == 200 and answer.mimetype == "text/html"
    assert "\n".join(wrong) == ""
    assert [t for t, h in everything().items() if h != before[t]] == []
    assert seen > 50


@contextmanager
def writes(app: Flask) -> Iterator[list[str]]:
    """What is sent to the database to change it, meanwhile."""
    wrote: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith(("SELECT", "WITH", "SAVEPOINT", "RELEASE")):
            wrote.append(statement)

    engine = app.extensions["writers"].engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield wrote
    finally:
        event.remove(engine, "before_cursor_execute", note)


def faults(call: Call, answer: Any) -> list[str]:
    """Headers and markup that a strict policy does not allow."""
    policy = answer.headers.get("Content-Security-Policy", "")
    wrong = [] if answer.headers.get("X-Content-Type-Options") == "nosniff" and policy else ["headers"]
    if answer.mimetype != "text/html" or call.endpoint in FRAMED:
        return wrong
    if "unsafe-" in policy or "frame-ancestors" not in policy:
        wrong.append(policy)
    if call.endpoint not in EMBEDDED and "frame-ancestors 'none'" not in policy:
        wrong.append("may be framed")
    looked = Looked(policy.partition("'nonce-")[2].partition("'")[0])
    looked.feed(answer.text)
    return wrong + [what[:200] for what in looked.wrong]


def test_the_frame_of_a_mail_runs_nothing(calm: World) -> None:
    policy = (
        client_of(calm, "admin").get(f"/messages/{calm.args['message_id']}/html").headers["Content-Security-Policy"]
    )
    assert "default-src 'none'" in policy and "sandbox" in policy
    assert "allow-scripts" not in policy and "script-src" not in policy and "frame-ancestors 'self'" in policy


# --- working: last, each in a world of its own ----------------------------------------------------------------


@pytest.mark.parametrize("who", ["outsider", "mate", "lead", "admin"])
def test_who_may_is_let_in(world: World, who: str) -> None:
    """Not what comes of it (an empty form is refused), only that nobody is kept from their work, or met by a 500."""
    wrong = []
    client = client_of(world, who)
    for call in calls(world):
        if TABLE[call.endpoint] == OPEN or not allowed(call, who) or call.endpoint in NOTHING_THERE:
            continue
        answer = ask(world, client, who, call)
        where = answer.headers.get("Location", "")
        refused = answer.status_code in (401, 403, 404, 405) and call.endpoint not in SEEN_BUT_NOT_THEIRS
        if refused or answer.status_code >= 500 or where.startswith("/login"):
            wrong.append(f"{who} {call.method} {call.url}: {answer.status_code} {where}")
        if call.endpoint in ("accounts.change_password", "accounts.end_other_sessions"):
            client = client_of(world, who)
    assert "\n".join(wrong) == ""


@pytest.mark.parametrize("who", ["outsider", "lead", "admin"])
def test_what_is_shared_is_changed_only_by_those_who_answer_for_it(world: World, who: str) -> None:
    client = client_of(world, who)
    macro = client.post(f"/settings/macros/{world.args['shared_macro']}/delete").status_code
    view = client.post(f"/views/{world.args['everybodys_view']}/delete").status_code
    assert (macro, view) == ((404, 404) if who == "outsider" else (303, 303))
