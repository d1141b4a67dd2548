"""One customer: who they are, how they are reached, what happened; editing, blocking, adding an address."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import abort, flash, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from connectors import registry
from helpdesk import access
from helpdesk.access import Viewer
from helpdesk.customers import timeline
from helpdesk.customers.blueprint import bp, label_of, me, number_from
from helpdesk.errors import Conflict, Invalid
from helpdesk.extensions import db
from helpdesk.forms import LANGUAGES, Problems, attempt, typed, zones
from helpdesk.models import Channel, Customer, FollowUpTask, Identity, Organization, Reach, Response, Ticket
from helpdesk.models.ticket import UNSOLVED
from helpdesk.services import channels, customers, merging, preferred, surveys
from helpdesk.unit_of_work import unit_of_work
from helpdesk.whys import why

TICKETS = 12


@dataclass
class Known:
    """One address in the panel. tone: good, warn, bad or empty."""

    label: str
    kind: str
    preferred: bool = False
    state: str = ""
    tone: str = ""


@dataclass
class Facts:
    """What the head of the profile tells."""

    open_count: int
    past_count: int
    ratings: list[tuple[datetime, int]]
    average: str
    rating_count: int
    last_contact_at: datetime
    identities: list[Known] = field(default_factory=list)

    @property
    def spark(self) -> str:
        step = 160 / max(len(self.ratings) - 1, 1)
        points = ((4 + i * step, height(score)) for i, (_at, score) in enumerate(self.ratings))
        return "".join(f"{'L' if i else 'M'}{x:.1f} {y}" for i, (x, y) in enumerate(points))

    @property
    def spark_end(self) -> float:
        return height(self.ratings[-1][1])


def height(score: int) -> float:
    """Where a score lies in the sparkline (36 high): 5 at the top."""
    return round(3 + (5 - score) * 7.5, 1)


@bp.get("/customers/<int:customer_id>")
def profile(customer_id: int) -> str | BaseResponse:
    viewer = me()
    customer = access.customer_by_id(db.session, viewer, customer_id)
    if customer.id != customer_id:
        return redirect(url_for("customers.profile", customer_id=customer.id))
    show = request.args.get("show", "all")
    if show not in timeline.SHOWN:
        abort(404)
    entries, before = timeline.load(db.session, viewer, customer, show, number_from("before"))
    shared = {"customer": customer, "entries": entries, "before": before, "show": show}
    if request.headers.get("HX-Request"):
        return render_template("customers/_timeline.html", **shared)
    return render_template(
        "customers/profile.html",
        **shared,
        facts=facts_of(db.session, viewer, customer),
        tickets=_tickets(db.session, viewer, customer.id),
        tasks=_tasks(db.session, viewer, customer.id),
        merges=[(m, db.session.get_one(Customer, m.source_id)) for m in merging.merges_of(db.session, customer.id)],
    )


def facts_of(session: Session, viewer: Viewer, customer: Customer) -> Facts:
    theirs = access.tickets_of(viewer, customer.id).with_only_columns(Ticket.id)  # figures tell of no other ticket
    counted: dict[str, int] = dict(
        session.execute(
            access.tickets_of(viewer, customer.id)
            .where(Ticket.shelf.in_(("open", "snoozed", "solved", "closed")))
            .with_only_columns(Ticket.status, func.count())
            .group_by(Ticket.status)
        ).all()
    )
    count, mean = session.execute(
        select(func.count(), func.avg(Response.score)).where(
            Response.customer_id == customer.id, Response.survey_kind == "csat", Response.ticket_id.in_(theirs)
        )
    ).one()
    unsolved = sum(counted.get(s, 0) for s in UNSOLVED)
    return Facts(
        open_count=unsolved,
        past_count=sum(counted.values()) - unsolved,
        ratings=list(surveys.ratings_of(session, customer.id, tickets=theirs)),
        average=float(mean) if count else 0.0,
        rating_count=count,
        last_contact_at=customer.last_contact_at,
        identities=identities_of(session, customer),
    )


def identities_of(session: Session, customer: Customer) -> list[Known]:
    rows = session.execute(
        select(Identity, Reach, Channel)
        .outerjoin(Reach, Reach.identity_id == Identity.id)
        .outerjoin(Channel, Channel.id == Reach.channel_id)
        .where(Identity.customer_id == customer.id)
        .order_by(Identity.id)
    )
    found: dict[int, Known] = {}
    liked = preferred.of(session, customer)
    for identity, reach, channel in rows:
        known = found.get(identity.id)
        if known is None:
            known = found[identity.id] = Known(label_of(identity), channel.kind if channel else kind_of(identity.kind))
            known.state, known.tone = _proof(identity)
        if reach is not None:
            known.preferred = known.preferred or (liked is not None and reach.channel_id == liked.channel_id)
            if reach.state in ("bounced_soft", "bounced_hard", "blocked"):
                known.state, known.tone = _trouble(reach)
    return list(found.values())


def _proof(identity: Identity) -> tuple[str, str]:
    if identity.verified_at is not None:
        return _("Verified"), "good"
    return (_("Written down by a colleague"), "") if identity.verified_how == "agent" else ("", "")


def _trouble(reach: Reach) -> tuple[str, str]:
    words = {
        "bounced_soft": (_("Mail came back for now"), "warn"),
        "bounced_hard": (_("Does not exist any more"), "bad"),
        "blocked": (_("Has blocked us"), "bad"),
    }
    said, tone = words[reach.state]
    known = reach.reason in ("", reach.state)
    return said if known else f"{said}: {why(reach.reason)}", tone


def kind_of(identity_kind: str) -> str:
    """The kind of channel such an address belongs to, for its icon."""
    found = (k for k, c in registry.kinds().items() if c.identity_kind == identity_kind)
    return next(found, identity_kind)


def _tickets(session: Session, viewer: Viewer, customer_id: int) -> list[Ticket]:
    statement = access.tickets_of(viewer, customer_id).where(Ticket.shelf != "merged")
    return list(session.scalars(statement.order_by(Ticket.last_activity_at.desc(), Ticket.id.desc()).limit(TICKETS)))


def _tasks(session: Session, viewer: Viewer, customer_id: int) -> list[Any]:
    """(task, ticket number) of what is still promised."""
    tickets = access.tickets_of(viewer, customer_id).with_only_columns(Ticket.id)
    statement = (
        select(FollowUpTask, Ticket.number)
        .join(Ticket, Ticket.id == FollowUpTask.ticket_id)
        .where(FollowUpTask.ticket_id.in_(tickets), FollowUpTask.done_at.is_(None))
    )
    return list(session.execute(statement.order_by(FollowUpTask.due_at).limit(5)))


# --- changing ------------------------------------------------------------------------------------------------


@bp.route("/customers/<int:customer_id>/edit", methods=["GET", "POST"])
def edit(customer_id: int) -> BaseResponse:
    customer = access.customer_by_id(db.session, me(), customer_id)
    defaults: dict[str, Any] = {n: getattr(customer, n) for n in ("name", "given_name", "salutation", "locale")}
    defaults |= {"timezone": customer.timezone, "notes": customer.notes, "vip": customer.vip}
    defaults |= {"preferred_channel_id": customer.preferred_channel_id or ""}
    defaults |= {"organization": customer.organization.name if customer.organization else ""}
    form = typed(defaults)
    done, errors = attempt(lambda: _save(customer.id, form), form) if request.method == "POST" else (None, Problems())
    if done:
        return redirect(url_for("customers.profile", customer_id=customer.id), 303)
    known = db.session.scalars(select(Organization.name).order_by(Organization.name_folded).limit(200)).all()
    lines = [(c.id, c.name) for c in channels.every(db.session)]
    page = render_template(
        "customers/edit.html", customer=customer, form=form, errors=errors, organizations=known, lines=lines,
        learned=_learned(customer), languages=[("", "–"), *LANGUAGES], zones=[("", "–"), *zones()],
    )  # fmt: skip
    return make_response(page, 422 if errors else 200)


def _learned(customer: Customer) -> str:
    """What their use says, as the first choice of the list."""
    found = preferred.learned(db.session(), customer.id)
    if found is None or found.learned is None:
        return ""
    count, most = found.learned
    return _("As they use them: %(channel)s (%(count)s of their last %(most)s messages)", channel=found.name, count=count,
             most=most)  # fmt: skip


def _save(customer_id: int, form: dict[str, Any]) -> bool:
    with unit_of_work(actor=me().actor) as work:
        customers.update(work, me(), customer_id, form)
    flash(_("Saved."))
    return True


@bp.post("/customers/<int:customer_id>/block")
def block(customer_id: int) -> BaseResponse:
    blocked = request.form.get("blocked") == "1"
    with unit_of_work(actor=me().actor) as work:
        customer = customers.set_blocked(work, me(), customer_id, blocked)
    flash(_("Blocked. What they write from now on lands in Spam.") if blocked else _("No longer blocked."))
    return redirect(url_for("customers.profile", customer_id=customer.id), 303)


@bp.route("/customers/<int:customer_id>/identities", methods=["GET", "POST"])
def add_identity(customer_id: int) -> BaseResponse:
    customer = access.customer_by_id(db.session, me(), customer_id)
    kinds = customers.kinds_offered(db.session)
    form = typed({"kind": kinds[0].kind if kinds else "", "value": ""})
    errors, other = Problems(), None
    if request.method == "POST":
        try:
            with unit_of_work(actor=me().actor) as work:
                customers.add_identity(work, me(), customer.id, form["kind"], form["value"])
            flash(_("Address added."))
            return redirect(url_for("customers.profile", customer_id=customer.id), 303)
        except customers.Taken as taken:
            errors = Problems.of(taken, form)
            other = db.session.get(Customer, taken.customer_id) if taken.customer_id else None
        except (Invalid, Conflict) as error:
            errors = Problems.of(error, form)
    page = render_template(
        "customers/identity.html", customer=customer, form=form, errors=errors, kinds=kinds, other=other
    )
    return make_response(page, 422 if errors else 200)


@bp.route("/customers/new", methods=["GET", "POST"])
def new() -> BaseResponse:
    """A profile by name and address, or the one that has the address."""
    form = typed({"name": "", "who": "", "locale": ""})
    done, errors = attempt(lambda: _create(form), form) if request.method == "POST" else (None, Problems())
    if done:
        return redirect(url_for("customers.profile", customer_id=done), 303)
    page = render_template("customers/new.html", form=form, errors=errors, languages=[("", "–"), *LANGUAGES])
    return make_response(page, 422 if errors else 200)


def _create(form: dict[str, Any]) -> int:
    address = None
    if form["who"].strip():
        address = customers.guess_address(db.session, form["who"])
        if address is None:
            raise Invalid(fields={"who": _("This is neither an email address nor a phone number.")})
    with unit_of_work(actor=me().actor) as work:
        locale = form["locale"] if form["locale"] in dict(LANGUAGES) else ""
        return customers.create(work, me(), name=form["name"], address=address, locale=locale).id
