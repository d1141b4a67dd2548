"""Reports: every number is what the rows say, leads to those rows, and is exported as shown."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import date
from statistics import median
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import current_app
from sqlalchemy import select, text

from helpdesk.access import viewer_of
from helpdesk.extensions import db
from helpdesk.models import Agent, Response, SlaClock, Ticket
from helpdesk.reports import charts, pages, periods
from helpdesk.reports.measures import MEASURES
from helpdesk.reports.queries import REPORTS, report
from helpdesk.reports.sheets import safe

TABS = ("", "sla", "csat", "agents")
LINK = re.compile(r'<a href="(/reports/list/[^"]+)">([^<]*)</a>')
TICKETS = re.compile(r'<td class=""><a href="/tickets/(\d+)">#')
NOVEMBER = {"from": "2026-11-01", "to": "2026-11-21"}


@pytest.fixture
def boss(shop: Any) -> Any:
    return shop.make.client(shop.admin)


def figures_of(shop: Any, agent: Agent | None = None, **args: str) -> pages.Page:
    with current_app.test_request_context():
        asked = pages.ask(db.session(), viewer_of(agent or shop.admin), NOVEMBER | args)
        return pages.build(db.session(), asked, "overview")


def behind(client: Any, address: str) -> list[int]:
    """Ticket numbers of a whole list, page after page."""
    found: list[int] = []
    while address:
        answer = client.get(address)
        assert answer.status_code == 200, address
        found += [int(n) for n in TICKETS.findall(answer.text)]
        more = re.search(r'href="([^"]+)" rel="next"', answer.text)
        address = html.unescape(more[1]) if more else ""
    return found


# --- the numbers ---------------------------------------------------------------------------------------------


def test_totals_are_what_the_rows_say(shop):
    page = figures_of(shop)
    total = page.now.total
    start, end = page.asked.period.start, page.asked.period.end
    rows = [t for t in db.session.scalars(select(Ticket)) if start <= t.created_at < end and t.shelf != "spam"]
    assert total.counts["tickets"] == len(rows) == 9
    ids = {t.id for t in rows}
    first = [c for c in db.session.scalars(select(SlaClock)) if c.target == "first_response" and c.ticket_id in ids]
    assert total.counts["first_met"] == sum(c.state == "met" for c in first) == 5
    assert total.counts["first_late"] == sum(c.state == "breached" for c in first) == 4
    times = [c.used_s for c in first if c.stopped_at]
    assert (total.median("first"), total.p90("first")) == (round(median(times)), sorted(times)[-1])
    scores = [r.score for r in db.session.scalars(select(Response)) if start <= r.created_at < end]
    assert sorted(scores) == [1, 3, 4, 5]
    assert (total.csat, total.average) == (50.0, 13 / 4)
    assert dict(total.reasons) == {"slow": 1, "price": 1, "attitude": 1}
    assert page.before.total.counts["tickets"] == 1


def test_every_breakdown_adds_up_to_the_total(shop):
    page = figures_of(shop)
    for group in (page.now.teams, page.now.channels, page.now.agents):
        for name in ("tickets", "first_decided", "first_met", "ratings", "solved", "late_now"):
            assert sum(t.counts[name] for t in group.values()) == page.now.total.counts[name], name
    for name in ("tickets", "first_decided", "resolution_met", "ratings"):
        assert sum(t.counts[name] for t in page.now.days.values()) == page.now.total.counts[name], name
    assert sum(page.now.hours.values()) == page.now.total.counts["tickets"]
    assert page.now.days[date(2026, 11, 2)].counts["tickets"] == 2


def test_ratings_stay_with_who_was_credited(shop):
    before = figures_of(shop).now.agents[shop.linh.agent_id].counts["ratings"]
    from helpdesk.unit_of_work import unit_of_work

    with unit_of_work() as work:
        for ticket in work.session.scalars(select(Ticket)):
            ticket.assignee_id = shop.minh.agent_id
    found = figures_of(shop)
    assert found.now.agents[shop.linh.agent_id].counts["ratings"] == before == 3
    assert found.now.agents[shop.linh.agent_id].counts["tickets"] == 0


# --- every number leads to its rows --------------------------------------------------------------------------


def test_counts_equal_the_lists_behind_them(shop, boss):
    links: set[tuple[str, str]] = set()
    for tab in TABS:
        page = boss.get(f"/reports/{tab}", query_string=NOVEMBER).text
        links |= {(html.unescape(href), words) for href, words in LINK.findall(page)}
    assert len(links) > 100
    for address, words in sorted(links):
        rows = behind(boss, address)
        assert rows, address
        if words.isdecimal():
            assert len(rows) == int(words), address
        elif words.endswith("%") and "_decided" in address:
            kept = behind(boss, address.replace("_decided", "_met"))
            assert round(100 * len(kept) / len(rows)) == round(float(words.rstrip("%"))), address


def test_a_tile_leads_to_its_rows(shop, boss):
    page = boss.get("/reports/", query_string=NOVEMBER).text
    tiles = re.findall(r'<a class="hd-kpi" href="([^"]+)"', page)
    assert len(tiles) == 5
    assert len(behind(boss, html.unescape(tiles[4]))) == 9


def test_a_list_goes_on_by_keyset_and_repeats_nothing(shop, boss, monkeypatch):
    from helpdesk.reports import items

    monkeypatch.setattr(items.page, "__kwdefaults__", items.page.__kwdefaults__ | {"limit": 4})
    found = behind(boss, "/reports/list/tickets?from=2026-11-01&to=2026-11-21")
    assert len(found) == len(set(found)) == 9
    assert found == sorted(found, reverse=True)
    assert boss.get("/reports/list/tickets?after=rubbish").status_code == 200


def test_narrowed_lists_say_by_what(shop, boss):
    address = f"/reports/list/low?from=2026-11-01&to=2026-11-21&reason=slow&team={shop.orders}"
    page = boss.get(address).text
    assert "Orders" in page and "Slow" in page
    assert len(behind(boss, address)) == 1
    assert boss.get("/reports/list/nonsense").status_code == 404


# --- who sees what -------------------------------------------------------------------------------------------


def test_agents_have_no_reports(shop):
    client = shop.make.client(db.session.get_one(Agent, shop.linh.agent_id))
    for address in ("", "sla", "overview.csv", "list/tickets", "list/low.csv"):
        assert client.get(f"/reports/{address}").status_code == 404


def test_a_supervisor_sees_the_figures_of_their_teams_and_of_no_team(shop):
    client = shop.make.client(shop.lead)
    page = client.get("/reports/", query_string=NOVEMBER).text
    assert "Orders" in page and "Returns" not in page and "máy móc" not in page
    assert figures_of(shop, shop.lead).now.total.counts["tickets"] == 7
    for address in (f"/reports/?team={shop.returns}", f"/reports/list/tickets?team={shop.returns}"):
        assert client.get(address).status_code == 404
    assert "number 6" not in client.get("/reports/list/tickets.csv", query_string=NOVEMBER).text


# --- CSV -----------------------------------------------------------------------------------------------------


def test_csv_is_exactly_what_is_shown(shop, boss):
    for tab in pages.TABS:
        check_tables(boss, tab)
        assert boss.get(f"/reports/{tab}.csv?table=nonsense").status_code == 404


def check_tables(boss: Any, tab: str) -> None:
    page = boss.get(f"/reports/{'' if tab == 'overview' else tab}", query_string=NOVEMBER).text
    names = set(re.findall(rf"/reports/{tab}\.csv\?[^\"]*table=(\w+)", html.unescape(page)))
    assert names
    shown = re.sub(r"<[^>]+>", "|", html.unescape(page))
    for name in names:
        answer = boss.get(f"/reports/{tab}.csv", query_string=NOVEMBER | {"table": name})
        assert answer.headers["Content-Type"].startswith("text/csv")
        assert answer.data.startswith(b"\xef\xbb\xbf")
        rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
        assert len(rows) > 1, name
        for row in rows:
            for cell in row:
                assert cell.lstrip("'") in shown, (name, cell)


def test_csv_cannot_make_a_spreadsheet_reckon(shop, boss):
    answer = boss.get("/reports/list/ratings.csv?from=2026-10-01&to=2026-11-21")
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert len(rows) == 1 + 6
    cells = [cell for row in rows for cell in row]
    assert "'=HYPERLINK(1)" in cells
    assert not [c for c in cells if c.startswith(("=", "+", "-", "@", "\t"))]
    for risky in ("=1", "+1", "-1", "@x", "\tx", "\rx", " =1", "|x", ";x"):
        assert safe(risky).startswith("'")
    assert safe("1–21 Nov") == "1–21 Nov"


# --- periods, charts, API ------------------------------------------------------------------------------------


def test_periods_and_what_they_are_compared_with():
    today = date(2026, 11, 21)

    def read(**args: str) -> Any:
        p = periods.read(args, "Asia/Ho_Chi_Minh", today)
        return p.first.isoformat(), p.last.isoformat(), *(d.isoformat() for d in p.before)

    assert read() == ("2026-11-01", "2026-11-21", "2026-10-01", "2026-10-21")
    assert read(period="7d") == ("2026-11-15", "2026-11-21", "2026-11-08", "2026-11-14")
    assert read(period="last_month") == ("2026-10-01", "2026-10-31", "2026-09-01", "2026-09-30")
    turned = read(**{"from": "2026-11-10", "to": "2026-11-03"})
    assert turned == ("2026-11-03", "2026-11-10", "2026-10-26", "2026-11-02")
    assert read(**{"from": "nonsense", "to": "2026-99-99"})[0] == "2026-11-01"
    march = periods.read({}, "UTC", date(2026, 3, 31))
    assert march.before == (date(2026, 2, 1), date(2026, 2, 28))
    year = periods.read({"from": "2026-01-01", "to": "2026-12-31"}, "UTC", today)
    assert len(year.buckets()) == 53
    assert year.start.isoformat() == "2026-01-01T00:00:00+00:00"


def test_charts_show_gaps_and_name_the_lowest_and_the_newest(shop):
    page = figures_of(shop)
    line = charts.in_time(page.now, page.before)
    assert line.any
    assert line.now.count("M") > 1  # days on which nothing was decided
    assert {m.label for m in line.marks} >= {"0%"}
    widths = [b.width for b in charts.bars({5: 2, 4: 1, 3: 0, 2: 0, 1: 1})]
    assert widths == [252.0, 126.0, 0.0, 0.0, 126.0]
    assert sum(s.count for row in charts.heat(page.now) for s in row) == 9


def test_the_api_gets_the_same_figures_as_data(shop):
    page = figures_of(shop)
    data = {name: report(db.session(), name, page.asked.wanted, page.asked.period) for name in REPORTS}
    assert {n: (d["name"], d["from"], d["to"]) for n, d in data.items()} == {
        n: (n, "2026-11-01", "2026-11-21") for n in REPORTS
    }
    assert data["csat"]["total"]["csat_percent"] == 50.0
    assert data["csat"]["by_team"][str(shop.orders)]["answers"] == 3
    assert data["sla"]["total"]["first_response"]["attainment_percent"] == 55.6
    assert (data["volume"]["total"]["tickets"], data["volume"]["before"]["tickets"]) == (9, 1)
    with pytest.raises(KeyError):
        report(db.session(), "nonsense", page.asked.wanted, page.asked.period)


@pytest.mark.parametrize("locale", ["en", "vi"])
def test_pages_without_any_data_and_without_inline_styles(make, locale):
    client = make.client(make.agent("admin", locale=locale))
    for tab in TABS:
        answer = client.get(f"/reports/{tab}")
        assert answer.status_code == 200
        main = answer.text.split('id="main"', 1)[1]
        assert " style=" not in main and "<script" not in main.split("</main>")[0]


def test_pages_ask_the_same_few_questions_however_many_tickets(shop, boss):
    from sqlalchemy import event

    asked: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *a: asked.append(a[2]))
    boss.get("/reports/", query_string=NOVEMBER)
    assert len([s for s in asked if s.lstrip().upper().startswith("SELECT")]) < 40


@pytest.mark.only("sqlite")
def test_periods_are_found_by_index(shop):
    wanted = figures_of(shop).asked.wanted
    expected = {"tickets": "created", "first_decided": "started", "ratings": "created", "solved": "solved"}
    for name, index in expected.items():
        measure = MEASURES[name]
        statement = measure.rows(wanted, measure.item.id)
        sql = str(statement.compile(db.engine, compile_kwargs={"literal_binds": True}))
        plan = " ".join(str(row[3]) for row in db.session.execute(text(f"EXPLAIN QUERY PLAN {sql}")))
        assert "SCAN" not in plan and index in plan, (name, plan)


def test_links_carry_the_filters_on(shop, boss):
    page = boss.get("/reports/sla", query_string=NOVEMBER | {"channel": str(shop.second.id)}).text
    for address, _words in LINK.findall(page):
        assert parse_qs(urlsplit(html.unescape(address)).query)["channel"] == [str(shop.second.id)]
