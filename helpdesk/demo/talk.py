"""One conversation of the sample, step by step; each step plans the next."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from connectors.contract import Address
from helpdesk.demo import shop
from helpdesk.demo.guests import Guest
from helpdesk.demo.matters import CALL_NOTES, THANKS, Matter, Turn
from helpdesk.models import Agent, Identity, Ticket

if TYPE_CHECKING:
    from helpdesk.demo.plan import Plan


class Talk:
    """One conversation, step by step."""

    def __init__(self, plan: Plan, guest: Guest, matter: Matter, kind: str) -> None:
        self.plan, self.desk, self.random = plan, plan.desk, plan.random
        self.guest, self.matter, self.kind = guest, matter, kind
        self.channel = plan.place.channels[kind]
        self.agent = self._agent()
        self.told = matter.told(guest.language)
        self.words = self._words()
        self.turns: list[Turn] = list(self.told.turns[1:])
        self.rest = 2 if self.random.random() < 0.45 else len(self.turns)
        self.ticket: Ticket | None = None
        # A few wait for the kiln or the courier; the others rest a day or two before somebody closes them.
        self.slow = self.random.random() < 0.09
        self.wait = 25.0 if self.slow else self.random.uniform(4, 36)

    def _agent(self) -> Agent:
        team = self.matter.team or {"telegram": "Orders", "phone": "Orders"}.get(self.kind, "Care")
        able = [p for p in shop.PEOPLE if team in p.teams and p.role != "admin"]
        weights = [(3.0 if p.role == "agent" else 0.6) * (1.4 if p.key == "linh" else 1) for p in able]
        if self.guest.language == "en":
            weights = [w * (2 if p.key in ("sophie", "linh") else 0.5) for w, p in zip(weights, able, strict=True)]
        return self.plan.place.agents[self.random.choices(able, weights)[0].key]

    def _words(self) -> dict[str, str]:
        first, second = self.random.sample(shop.ITEMS, 2)
        vi = self.guest.language == "vi"
        sum_ = first[2] * self.random.choice((1, 1, 2)) + 45_000
        return {
            "order": f"DG-{20_000 + self.random.randrange(1000):05d}",
            "item": first[1] if vi else first[0],
            "item2": second[1] if vi else second[0],
            "city": self.random.choice(shop.CITIES[self.guest.language]),
            "day": self.random.choice(shop.DAYS[self.guest.language]),
            "sum": f"{sum_:,} ₫".replace(",", "." if vi else ","),
            "code": f"GIO{self.random.randrange(100, 999)}",
            "dear": self.guest.dear,
            "agent": self.agent.name,
        }

    def say(self, choices: Sequence[str]) -> str:
        said = self.random.choice(choices).format(**self.words)
        return said[0].upper() + said[1:]

    # --- the first step --------------------------------------------------------------------------------------

    def begin(self, at: datetime) -> None:
        self.desk.later(at, self._first)

    def _first(self) -> None:
        if self.kind == "phone":
            return self._first_call()
        address = self.guest.addresses[self.kind]
        text, subject = self.say(self.told.turns[0][1]), self.say(self.told.subjects)
        if self.kind == "email":
            text = _letter(text, self.guest)
        else:
            subject = ""
        self._remember(self.desk.begins(self.channel, address, text, subject, locale=self.guest.language))
        if self.random.random() < 0.35:
            self.desk.later(self.plan.answer_at(self.desk.at, self.kind, 0.4), self._look)
        self.desk.later(self.plan.answer_at(self.desk.at, self.kind), self._next)
        return None

    def _first_call(self) -> None:
        missed = self.random.random() < 0.22
        call = {
            "direction": "in",
            "number": self.guest.addresses["phone"].value,
            "outcome": "missed" if missed else "answered",
            "duration_s": 0 if missed else self.random.randrange(50, 520),
            "follow_up_at": "",
            "source": "manual",
        }
        notes = "They called: missed" if missed else self.say(CALL_NOTES[self.guest.language])
        subject = "" if missed else self.say(self.told.subjects)
        address = self.guest.addresses["phone"]
        ticket = self.desk.called(
            self.channel, address, self.agent, call, notes, subject=subject, locale=self.guest.language
        )
        self._remember(ticket)
        self._describe()
        if missed:
            self.desk.later(self.plan.answer_at(self.desk.at, "phone"), self._call_back, address)
        else:
            self.desk.later(self.plan.answer_at(self.desk.at, "email", 0.3), self._solve)

    def _call_back(self, address: Address) -> None:
        call = {
            "direction": "out",
            "number": address.value,
            "outcome": "answered",
            "duration_s": self.random.randrange(60, 400),
            "follow_up_at": "",
            "source": "manual",
        }
        notes = self.say(CALL_NOTES[self.guest.language])
        self.desk.called(self.channel, address, self.agent, call, notes, ticket=self.ticket)
        self.desk.later(self.plan.answer_at(self.desk.at, "phone"), self._solve)

    def _remember(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self.plan.languages[ticket.id] = self.guest.language
        if self.matter.sore:
            self.plan.sore.add(ticket.id)
        customer = self.desk.customers[ticket.customer_id]
        if not customer.given_name:
            customer.given_name, customer.salutation = self.guest.given, self.guest.salutation
            customer.vip = self.guest.vip
            for address in self.guest.addresses.values():
                if self.guest.vip or self.random.random() < 0.5:
                    self.desk.add_identity(self.agent, customer, address)

    # --- what follows ----------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Somebody sorts it before they answer."""
        ticket = self._mine()
        if ticket is not None and ticket.assignee_id is None and ticket.status == "new":
            self._describe()
            self.desk.assign(ticket, self.plan.place.agents["minh"], self.agent)

    def _describe(self) -> None:
        ticket = self._mine()
        if ticket is None or self.matter.tags[0] in self.words.get("tagged", ""):
            return
        self.words["tagged"] = " ".join(self.matter.tags)
        self.desk.tag(ticket, self.agent, *self.matter.tags)
        if self.matter.team:
            self.desk.set_team(ticket, self.agent, self.plan.place.teams[self.matter.team])
        if self.matter.priority != "normal":
            self.desk.set_priority(ticket, self.agent, self.matter.priority)

    def _next(self) -> None:
        """The next turn, or the end."""
        ticket = self._mine()
        if ticket is None or ticket.status in ("solved", "closed"):
            return None
        if not self.turns or self.rest <= 0:
            return self._solve()
        self.rest -= 1
        who, choices = self.turns.pop(0)
        if who == "n":
            self._note(self.say(choices))
            return self._next()
        if who == "c":
            self._writes(self.say(choices))
            self.desk.later(self.plan.answer_at(self.desk.at, self.kind), self._next)
            return None
        self._describe()
        last = not any(w == "a" for w, _c in self.turns) or self.rest <= 0
        then = "solved" if last and self.random.random() < 0.6 else "on_hold" if self.slow else "pending"
        if then == "solved":
            self._set_reason()
        self.desk.replies(ticket, self.agent, self.say(choices), self.channel, then=then)
        if then == "solved":
            self._afterwards()
        elif self.turns and self.turns[0][0] == "c" and self.rest > 0:
            self.desk.later(self.plan.customer_at(self.desk.at, self.kind), self._next)
        else:
            self.desk.later(self.plan.answer_at(self.desk.at, "email", self.wait), self._solve)
        return None

    def _note(self, text: str) -> None:
        ticket = self._mine()
        others = [a for a in self.plan.place.agents.values() if a.id != self.agent.id]
        mentions = (self.random.choice(others),) if self.random.random() < 0.3 else ()
        words = f"@{mentions[0].name} {text}" if mentions else text
        if ticket is not None:
            self.desk.notes(ticket, self.agent, words, mentions)

    def _writes(self, text: str) -> None:
        ticket = self._mine()
        if ticket is not None:
            self.desk.writes(ticket, self.channel, self._identity(), text)

    def _solve(self) -> None:
        ticket = self._mine()
        if ticket is not None and ticket.status not in ("solved", "closed"):
            self._describe()
            self._set_reason()
            self.desk.set_status(ticket, self.agent, "solved")
            self._afterwards()

    def _set_reason(self) -> None:
        ticket, reason = self._mine(), self.plan.place.reasons.get(self.matter.reason)
        if ticket is not None and reason is not None:
            self.desk.set_reason(ticket, self.agent, reason)

    def _afterwards(self) -> None:
        """Thanks, or "it is still not here"."""
        if self.kind == "phone":
            return
        chance = self.random.random()
        if chance < 0.25:
            words = self.random.choice(THANKS[self.guest.language])
            self.desk.later(self.plan.customer_at(self.desk.at, self.kind), self._writes, words)
        elif chance < 0.31:
            again = {"vi": "Shop ơi, đến giờ mình vẫn chưa thấy gì ạ.", "en": "It has still not arrived, I am afraid."}
            self.desk.later(self.desk.at + timedelta(hours=20), self._again, again[self.guest.language])

    def _again(self, text: str) -> None:
        ticket = self._mine()
        if ticket is None or ticket.status != "solved":
            return
        self.plan.sore.add(ticket.id)
        self._writes(text)
        self.desk.later(self.plan.answer_at(self.desk.at, self.kind), self._sorry)

    def _sorry(self) -> None:
        ticket = self._mine()
        words = {
            "vi": "Dạ em xin lỗi {dear}, em vừa gọi bên giao hàng, hôm nay chắc chắn đến ạ.",
            "en": "I am sorry, {dear}. I have just called them: it comes today.",
        }[self.guest.language]
        if ticket is not None and ticket.status == "open":
            self.desk.replies(ticket, self.agent, words.format(**self.words), self.channel)
            self.desk.later(self.plan.answer_at(self.desk.at, "email", 2), self._solve)

    def _mine(self) -> Ticket | None:
        return self.ticket

    def _identity(self) -> Identity:
        address = self.guest.addresses[self.kind]
        return self.desk.identities[(address.kind, address.scope, address.value)]


def _letter(text: str, guest: Guest) -> str:
    if guest.language == "vi":
        return f"Chào shop,\n\n{text}\n\nCảm ơn shop,\n{guest.name}"
    return f"Hello,\n\n{text}\n\nKind regards,\n{guest.name}"
