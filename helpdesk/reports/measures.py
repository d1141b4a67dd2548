"""What each number means, and the rows it counts. Screen, list, CSV and API all read the same row here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, Select, exists, select

from helpdesk.models import Delivery, Invitation, Response, SlaClock, Ticket
from helpdesk.services.invitations import ASKED


@dataclass(frozen=True)
class Filter:
    """`start` ≤ time < `end`. `teams`: the only ones whose figures may be seen (0: no team; None: all).
    team, channel, agent: ids, narrower still (0: without one). reason: a code given with a low rating."""

    start: datetime
    end: datetime
    now: datetime
    teams: tuple[int, ...] | None = None
    team: int | None = None
    channel: int | None = None
    agent: int | None = None
    reason: str = ""

    def within(self, start: datetime, end: datetime) -> Filter:
        return replace(self, start=start, end=end)


@dataclass(frozen=True)
class Measure:
    """`item` is what is counted, `at` its time, `agent` who it belongs to. `by_time`: the period narrows it."""

    name: str
    title: Any
    definition: Any
    item: Any
    at: Any
    only: Callable[[Filter], list[ColumnElement[bool]]] = field(default=lambda _filter: [])
    # (a column as a plain default would become a descriptor of this class)
    team: Any = field(default_factory=lambda: Ticket.visible_team_id)
    agent: Any = field(default_factory=lambda: Ticket.assignee_id)
    by_time: bool = True

    def where(self, wanted: Filter) -> list[ColumnElement[bool]]:
        """Every condition, access included. Joins to Ticket are the caller's (`rows`)."""
        parts = [Ticket.shelf.not_in(("spam", "trash", "merged")), Ticket.history.is_(False), *self.only(wanted)]
        if self.by_time:
            parts += [self.at >= wanted.start, self.at < wanted.end]
        if wanted.teams is not None:
            parts.append(Ticket.visible_team_id.in_(wanted.teams))
        if wanted.team is not None:
            parts.append(_is(self.team, wanted.team))
        if wanted.channel is not None:
            parts.append(_is(Ticket.origin_channel_id, wanted.channel))
        if wanted.agent is not None:
            parts.append(_is(self.agent, wanted.agent))
        if wanted.reason and self.item is Response:
            parts.append(("," + Response.reason_code + ",").contains(f",{wanted.reason},", autoescape=True))
        return parts

    def rows(self, wanted: Filter, *columns: Any) -> Select[Any]:
        statement = select(*columns).select_from(self.item)
        if self.item is not Ticket:
            statement = statement.join(Ticket, Ticket.id == self.item.ticket_id)
        return statement.where(*self.where(wanted))


def _is(column: Any, value: int) -> ColumnElement[bool]:
    """0 stands for none; the ticket's own team column holds 0 itself."""
    if value == 0 and column is not Ticket.visible_team_id:
        return column.is_(None)  # type: ignore[no-any-return]
    return column == value  # type: ignore[no-any-return]


def _clock(target: str, *states: str, stopped: bool = False) -> Callable[[Filter], list[ColumnElement[bool]]]:
    def only(_filter: Filter) -> list[ColumnElement[bool]]:
        parts: list[ColumnElement[bool]] = [SlaClock.target == target, SlaClock.state.in_(states)]
        return [*parts, SlaClock.stopped_at.is_not(None)] if stopped else parts

    return only


def _scores(*scores: int) -> Callable[[Filter], list[ColumnElement[bool]]]:
    return lambda _filter: [Response.survey_kind == "csat", Response.score.in_(scores)]


def _late_now(wanted: Filter) -> list[ColumnElement[bool]]:
    return [Ticket.shelf == "open", Ticket.sla_due_at < wanted.now]


def _failed(wanted: Filter) -> list[ColumnElement[bool]]:
    return [
        exists().where(
            Delivery.ticket_id == Ticket.id,
            Delivery.state.in_(("failed", "unknown")),
            Delivery.queued_at >= wanted.start,
            Delivery.queued_at < wanted.end,
        )
    ]


TARGETS = {"first": "first_response", "next": "next_response", "resolution": "resolution"}
_PROMISED = {
    "first": (
        _l("First reply in time"),
        _l("Of the tickets begun in the period with a decided first reply: those a person answered in time."),
        _l("First reply"),
        _l("Business time from a customer's first message to a person's first answer; tickets begun in the period."),
    ),
    "next": (
        _l("Next reply in time"),
        _l("Of the later turns of customers in the period that are decided: those answered within the promise."),
        _l("Next reply"),
        _l("Business time from a customer's later message to the answer of a person, for turns begun in the period."),
    ),
    "resolution": (
        _l("Solved in time"),
        _l("Of the tickets begun in the period with a decided solution: those solved in time, pauses left out."),
        _l("Time to solve"),
        _l("Business time from a ticket's beginning until it was solved, less the waiting for the customer."),
    ),
}

MEASURES: dict[str, Measure] = {}


def _add(*measures: Measure) -> None:
    MEASURES.update({m.name: m for m in measures})


_add(
    Measure(
        "tickets",
        _l("Tickets"),
        _l("Tickets begun in the period; spam, trash, merged and imported ones left out."),
        Ticket,
        Ticket.created_at,
    ),
    Measure(
        "solved",
        _l("Solved"),
        _l("Tickets solved in the period and still solved, by who solved them."),
        Ticket,
        Ticket.solved_at,
        agent=Ticket.solved_by_id,
    ),
    Measure(
        "late_now",
        _l("Late now"),
        _l("Open tickets that are past a promise at this moment, whatever the period."),
        Ticket,
        Ticket.sla_due_at,
        _late_now,
        by_time=False,
    ),
    Measure(
        "failed",
        _l("Failed"),
        _l("Tickets with a message of ours of this period that did not arrive, or may not have."),
        Ticket,
        Ticket.last_activity_at,
        _failed,
        by_time=False,
    ),
)
for _short, (_title, _definition, _time_title, _time_definition) in _PROMISED.items():
    _target = TARGETS[_short]
    _clocks = (SlaClock, SlaClock.started_at)
    _add(
        Measure(f"{_short}_decided", _title, _definition, *_clocks, _clock(_target, "met", "breached")),
        Measure(f"{_short}_met", _title, _definition, *_clocks, _clock(_target, "met")),
        Measure(f"{_short}_late", _title, _definition, *_clocks, _clock(_target, "breached")),
        Measure(
            f"{_short}_times",
            _time_title,
            _time_definition,
            *_clocks,
            _clock(_target, "met", "breached", stopped=True),
        ),
    )
_RATED = {
    "ratings": (
        _l("Ratings"),
        _l("Answers given in the period, by the agent and team credited when it was solved."),
        (1, 2, 3, 4, 5),
    ),
    "good": (_l("CSAT"), _l("Ratings of 4 or 5, of all ratings given in the period."), (4, 5)),
    "low": (_l("Low ratings"), _l("Ratings of 3 or less given in the period."), (1, 2, 3)),
    **{f"score{n}": (_l("Ratings"), _l("Answers of this score given in the period."), (n,)) for n in range(1, 6)},
}
for _name, (_title, _definition, _which) in _RATED.items():
    _add(
        Measure(
            _name,
            _title,
            _definition,
            Response,
            Response.created_at,
            _scores(*_which),
            team=Response.team_id,
            agent=Response.agent_id,
        )
    )
_add(
    Measure(
        "asked",
        _l("Asked"),
        _l("Surveys that reached a customer in the period."),
        Invitation,
        Invitation.sent_at,
        lambda _filter: [Invitation.state.in_(ASKED)],
        team=Invitation.team_id,
        agent=Invitation.agent_id,
    ),
    Measure(
        "asked_answered",
        _l("Answer rate"),
        _l("Of the surveys that reached a customer in the period: those that were answered since."),
        Invitation,
        Invitation.sent_at,
        lambda _filter: [Invitation.state == "answered"],
        team=Invitation.team_id,
        agent=Invitation.agent_id,
    ),
)
