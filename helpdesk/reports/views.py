"""Reports for supervisors: figures, the lists behind them, and CSV of exactly what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, g, render_template, request, url_for
from werkzeug.wrappers import Response

from helpdesk.errors import NotFound
from helpdesk.extensions import db
from helpdesk.models import Response as Rating
from helpdesk.models import SlaClock
from helpdesk.reports import charts, pages, periods, sheets
from helpdesk.reports import items as lists
from helpdesk.reports.measures import MEASURES, Measure
from helpdesk.reports.tables import duration, names, number
from helpdesk.services.survey_words import REASONS, SCALE
from helpdesk.words import STATUS_WORDS

bp = Blueprint("reports", __name__, url_prefix="/reports")


@bp.before_request
def _for_supervisors() -> None:
    """For the others these pages do not exist."""
    if not g.viewer.may("reports"):
        raise NotFound


@bp.get("/")
def index() -> Any:
    page = _page("overview")
    low, low_count = lists.low_comments(db.session(), page.asked.wanted)
    return _show(
        "overview",
        page,
        kpis=pages.kpis(page),
        line=charts.in_time(page.now, page.before),
        bars=charts.bars({n: page.now.total.counts[f"score{n}"] for n in range(1, 6)}),
        heat=charts.heat(page.now),
        low=low,
        low_count=low_count,
    )


@bp.get("/sla")
def sla() -> Any:
    page = _page("sla")
    lines = {short: charts.in_time(page.now, page.before, short) for short in ("first", "resolution")}
    return _show("sla", page, page_lines=lines)


@bp.get("/csat")
def csat() -> Any:
    page = _page("csat")
    measure = MEASURES["ratings"]
    said, more = lists.page(db.session(), measure, page.asked.wanted, limit=20, comments=True)
    bars = charts.bars({n: page.now.total.counts[f"score{n}"] for n in range(1, 6)})
    return _show("csat", page, bars=bars, said=said, more=more is not None)


@bp.get("/agents")
def agents() -> Any:
    return _show("agents", _page("agents"))


@bp.get("/<tab>.csv")
def export(tab: str) -> Response:
    """One table of a tab, cell by cell as the page shows it."""
    if tab not in pages.TABS:
        raise NotFound()
    page = _page(tab)
    table = page.tables.get(request.args.get("table", next(iter(page.tables))))
    if table is None:
        raise NotFound()
    period = page.asked.period
    return sheets.as_csv(table.texts(), f"{tab}-{table.name}-{period.first}-{period.last}.csv")


@bp.get("/list/<measure>")
def items(measure: str) -> Any:
    found, asked, hour, comments = _list(measure)
    zone, after = asked.period.timezone, _cursor(request.args.get("after", ""))
    rows, more = lists.page(db.session(), found, asked.wanted, after=after, hour=hour, zone=zone, comments=comments)
    carried = {k: v for k, v in request.args.items() if k not in ("after", "period")} | asked.period.query()
    return render_template(
        "reports/list.html",
        measure=found,
        table=_columns(found),
        rows=rows,
        cells=[_cells(found, row) for row in rows],
        total=number(lists.count(db.session(), found, asked.wanted, hour=hour, zone=zone, comments=comments)),
        comments=comments,
        period=pages.period_label(asked.period) if found.by_time or found.name == "failed" else "",
        next_url=url_for("reports.items", measure=measure, **carried, after=_spell(more)) if more else "",
        csv_url=url_for("reports.list_csv", measure=measure, **carried),
        back_url=url_for("reports.index", **asked.period.query()),
        narrowed=_narrowed(asked),
    )


@bp.get("/list/<measure>.csv")
def list_csv(measure: str) -> Response:
    found, asked, hour, comments = _list(measure)
    zone = asked.period.timezone
    rows, _more = lists.page(db.session(), found, asked.wanted, limit=None, hour=hour, zone=zone, comments=comments)
    texts = [_columns(found), *([text for text, _kind in _cells(found, row)] for row in rows)]
    return sheets.as_csv(texts, f"{measure}-{asked.period.first}-{asked.period.last}.csv")


# --- parts ---------------------------------------------------------------------------------------------------


def _page(tab: str) -> pages.Page:
    return pages.build(db.session(), pages.ask(db.session(), g.viewer, request.args), tab)


def _show(tab: str, page: pages.Page, **values: Any) -> str:
    query = {k: v for k, v in page.asked.query.items() if v is not None}
    return render_template(
        f"reports/{tab}.html",
        tab=tab,
        page=page,
        tables=page.tables,
        total=page.now.total,
        query=query,
        period=page.asked.period,
        presets=periods.PRESETS,
        label=pages.period_label(page.asked.period),
        short=pages.short_label(page.asked.period),
        before=pages.short_label(page.asked.period.previous()),
        scale=SCALE,
        **_choices(page.asked),
        **values,
    )


def _choices(asked: pages.Asked) -> dict[str, Any]:
    known, teams = names(db.session()), asked.wanted.teams
    return {
        "names": known,
        "team_choices": {k: v for k, v in known.teams.items() if teams is None or k in teams},
        "wanted": asked.wanted,
    }


def _list(name: str) -> tuple[Measure, pages.Asked, tuple[int, int] | None, bool]:
    asked = pages.ask(db.session(), g.viewer, request.args)
    measure = MEASURES.get(name)
    if measure is None:
        raise NotFound()
    weekday, hour = request.args.get("weekday", ""), request.args.get("hour", "")
    at = (int(weekday), int(hour)) if weekday.isdecimal() and hour.isdecimal() and name == "tickets" else None
    return measure, asked, at, measure.item is Rating and bool(request.args.get("comments"))


def _narrowed(asked: pages.Asked) -> list[str]:
    known, wanted = names(db.session()), asked.wanted
    found = [known.teams.get(wanted.team, "")] if wanted.team is not None else []
    found += [known.channels.get(wanted.channel, ("", ""))[0]] if wanted.channel is not None else []
    found += [known.agents.get(wanted.agent, "")] if wanted.agent is not None else []
    return [*found, str(REASONS[wanted.reason])] if wanted.reason else found


def _columns(measure: Measure) -> list[str]:
    from flask_babel import gettext as _

    head = [_("Ticket"), _("Subject"), _("Customer"), _("Channel"), _("Team"), _("Agent")]
    if measure.item is SlaClock:
        head += [_("Promise"), _("Time")]
    elif measure.item is Rating:
        head += [_("Score"), _("What was wrong"), _("Comment")]
    else:
        head.append(_("Status"))
    return [*head, _("Date")]


def _cells(measure: Measure, row: lists.Item) -> list[tuple[str, str]]:
    """(text, what it is): drawn and exported alike."""
    from flask_babel import format_datetime
    from flask_babel import gettext as _

    cells = [
        (f"#{row.number}", "ticket"),
        (row.subject, ""),
        (row.customer, ""),
        (row.channel, "channel"),
        (row.team, ""),
        (row.agent, ""),
    ]
    if measure.item is SlaClock:
        cells.append((_("kept") if row.clock == "met" else _("late"), "good" if row.clock == "met" else "bad"))
        cells.append((duration(row.used_s) if row.used_s is not None else "–", "number"))
    elif measure.item is Rating:
        cells.append((str(row.score), "score"))
        cells.append((", ".join(str(REASONS[c]) for c in row.reasons if c in REASONS), ""))
        cells.append((row.comment, ""))
    else:
        cells.append((str(STATUS_WORDS.get(row.status, row.status)), ""))
    return [*cells, (str(format_datetime(row.at, _("d MMM y, HH:mm"))) if row.at else "", "")]


def _spell(cursor: tuple[datetime, int]) -> str:
    return f"{cursor[0].isoformat()}~{cursor[1]}"


def _cursor(text: str) -> tuple[datetime, int] | None:
    """What cannot be read starts from the top."""
    at, _sep, id_ = text.partition("~")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (moment.astimezone(UTC), int(id_)) if moment.tzinfo and id_.isdecimal() else None


def csv_url(tab: str, table: str, query: Mapping[str, Any]) -> str:
    return url_for("reports.export", tab=tab, table=table, **query)


bp.add_app_template_global(csv_url, "report_csv_url")
bp.add_app_template_global(REASONS, "SURVEY_REASONS")
