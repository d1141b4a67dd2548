"""Surveys of the sample: asked, skipped and answered as services/invitations.py and services/surveys.py do it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from helpdesk import events as e
from helpdesk.business_time import after_quiet
from helpdesk.models import Channel, FollowUpTask, Identity, Invitation, Message, Response, Ticket
from helpdesk.models.ticket import UNSOLVED
from helpdesk.signing import new_token

DELAY = timedelta(minutes=60)
FATIGUE_DAYS = 14
EXPIRE = timedelta(days=30)
RECOVERY_MINUTES = 4 * 60
# score -> weight, when all went well, and when a promise was broken or the matter is a sore one
GLAD = (1, 2, 8, 29, 60)
SORE = (10, 14, 22, 30, 24)


class Said(NamedTuple):
    """What a customer answers; `after` says when, else it takes about an hour."""

    score: int
    reason: str
    comment: str
    after: timedelta | None = None


class Asking:
    """`question(ticket, locale)` gives the text and the subject. `mood` decides what a customer says, if anything."""

    survey_id = 1
    timezone = "Asia/Ho_Chi_Minh"

    def __init__(self, desk: Any, question: Callable[[Ticket, str], tuple[str, str]]) -> None:
        self.desk = desk
        self.question = question
        self.channels: dict[int, Channel] = {}
        self.mood: Callable[[Ticket, Random], Said | None] = lambda ticket, random: None
        self.random = Random(7)  # noqa: S311 - a sample, not a secret
        self._planned: dict[int, Invitation] = {}
        self._asked: dict[int, datetime] = {}

    def status(self, ticket: Ticket, old: str, new: str) -> None:
        if new == "solved" and old in UNSOLVED:
            self._invite(ticket)
        elif new in UNSOLVED and old not in UNSOLVED:
            self.cancel(ticket, "The ticket was reopened.")

    def cancel(self, ticket: Ticket, reason: str) -> None:
        invitation = self._planned.get(ticket.id)
        if invitation is not None and invitation.state == "scheduled":
            invitation.state, invitation.reason = "cancelled", reason

    def _invite(self, ticket: Ticket) -> None:
        due = after_quiet(self.desk.at + DELAY, self.timezone, 21, 8)
        invitation = self.desk.rows.new(
            Invitation,
            token=new_token(),
            survey_id=self.survey_id,
            ticket_id=ticket.id,
            customer_id=ticket.customer_id,
            channel_id=ticket.channel_id,
            identity_id=ticket.identity_id,
            agent_id=ticket.solved_by_id or ticket.assignee_id,
            team_id=ticket.team_id,
            solved_at=self.desk.at,
            due_at=due,
        )
        self._planned[ticket.id] = invitation
        self.desk.later(due, self._send, ticket, invitation)

    def unsent(self) -> list[Invitation]:
        """Planned, and not due yet when the sample ends: the real worker sends them."""
        return [i for i in self._planned.values() if i.state == "scheduled"]

    def _send(self, ticket: Ticket, invitation: Invitation) -> None:
        if invitation.state != "scheduled":
            return
        asked = self._asked.get(ticket.customer_id)
        if asked is not None and asked > self.desk.at - timedelta(days=FATIGUE_DAYS):
            invitation.state = "skipped"
            invitation.reason = f"They were asked within the last {FATIGUE_DAYS} days."
            return
        self._asked[ticket.customer_id] = self.desk.at
        invitation.sent_at, invitation.expires_at = self.desk.at, self.desk.at + EXPIRE
        self.desk.later(invitation.expires_at, self._expire, invitation)
        way = self._way(ticket)
        if way is None:
            invitation.state = "asked"
            invitation.reason = "There is no channel to ask on; an agent asks at the next call."
            to_ask = e.SurveyToAsk(ticket_id=ticket.id, customer_id=ticket.customer_id, invitation_id=invitation.id)
            self.desk.event(to_ask, reason=invitation.reason)
            return
        channel, identity = way
        own = (channel.id, identity.id) == (ticket.channel_id, ticket.identity_id)
        why = "Solved: asked where they wrote." if own else "Solved: asked on their best other channel."
        self._ask(ticket, invitation, channel, identity, why)

    def _ask(self, ticket: Ticket, invitation: Invitation, channel: Channel, identity: Identity, why: str) -> None:
        customer = self.desk.customers[ticket.customer_id]
        text, subject = self.question(ticket, customer.locale or ticket.language or "en")
        message: Message = self.desk.out(
            ticket, channel, identity, text, agent=None, kind="survey", reason=why,
            subject=f"{subject} [#{ticket.number}]", meta={"invitation_id": invitation.id},
        )  # fmt: skip
        ticket.message_count += 1
        ids: dict[str, Any] = {"ticket_id": ticket.id, "customer_id": ticket.customer_id, "message_id": message.id}
        self.desk.event(e.ReplySent(channel_id=channel.id, agent_id=None, automatic=True, **ids), reason=why)
        invitation.state, invitation.message_id = "sent", message.id
        invitation.channel_id, invitation.identity_id = channel.id, identity.id
        sent = e.SurveySent(invitation_id=invitation.id, **ids)
        message.seq = ticket.seq = self.desk.event(sent, reason=why)
        said = self.mood(ticket, self.random)
        if said is not None:
            wait = timedelta(minutes=min(2800, self.random.lognormvariate(4.0, 1.1)))
            self.desk.later(self.desk.at + (said.after or wait), self._answer, ticket, invitation, said)

    def _way(self, ticket: Ticket) -> tuple[Channel, Identity] | None:
        """Where they wrote; for the phone their newest other address."""
        mine = [i for i in self.desk.rows.of[Identity] if i.customer_id == ticket.customer_id]
        own = next(i for i in mine if i.id == ticket.identity_id)
        others = [own, *(i for i in reversed(mine) if i.kind in ("telegram", "email"))]
        for identity in others:
            channel = next((c for c in self.channels.values() if c.kind == identity.kind and c.kind != "phone"), None)
            if channel is not None:
                return channel, identity
        return None

    def _answer(self, ticket: Ticket, invitation: Invitation, said: Said) -> None:
        score, reason, comment, _after = said
        channel = self.channels[invitation.channel_id or 0]
        response = self.desk.rows.new(
            Response,
            invitation_id=invitation.id,
            ticket_id=ticket.id,
            customer_id=ticket.customer_id,
            channel_id=invitation.channel_id,
            agent_id=invitation.agent_id,
            team_id=invitation.team_id,
            score=score,
            reason_code=reason if score <= 3 else "",
            comment=comment,
            via="page" if channel.kind == "email" else channel.kind,
            created_at=self.desk.at,
            updated_at=self.desk.at,
        )
        invitation.state = "answered"
        answered = e.SurveyAnswered(
            ticket_id=ticket.id,
            customer_id=ticket.customer_id,
            message_id=invitation.message_id,
            response_id=response.id,
            score=score,
        )
        self.desk.event(answered, f"customer:{ticket.customer_id}")
        if score <= 2:
            self._recover(ticket, response)

    def _expire(self, invitation: Invitation) -> None:
        if invitation.state in ("sent", "asked"):
            invitation.state = "expired"

    def _recover(self, ticket: Ticket, response: Response) -> None:
        calendar = next(iter(self.desk.clocks.kept[ticket.id].promises.values())).calendar
        task = self.desk.rows.new(
            FollowUpTask,
            ticket_id=ticket.id,
            response_id=response.id,
            agent_id=ticket.assignee_id or response.agent_id,
            due_at=calendar.add(self.desk.at, RECOVERY_MINUTES),
            reason=f"The customer rated {response.score} of 5.",
            created_at=self.desk.at,
        )
        actor = "system" if response.via == "telegram" else "customer"  # who had the transaction open
        self.desk.event(e.TaskChanged(ticket_id=ticket.id, task_id=task.id, kind=task.kind), actor)
        done_at = calendar.add(self.desk.at, 100 + 20 * (task.id % 5))
        self.desk.later(done_at, self._done, task, done_at)

    def _done(self, task: FollowUpTask, at: datetime) -> None:
        task.done_at, task.done_by_id = at, task.agent_id
        changed = e.TaskChanged(ticket_id=task.ticket_id, task_id=task.id, kind=task.kind, done=True)
        self.desk.event(changed, f"agent:{task.agent_id}")
