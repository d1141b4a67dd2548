"""What happens in the sample shop over three months: who writes, about what, who answers and how fast."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from helpdesk.business_time import Calendar
from helpdesk.demo import shop
from helpdesk.demo.asking import GLAD, SORE, Said
from helpdesk.demo.desk import Desk
from helpdesk.demo.guests import Guest, everybody
from helpdesk.demo.matters import COMMENTS, MATTERS, Matter
from helpdesk.demo.talk import Talk
from helpdesk.models import Agent, Channel, Ticket

SEED = 20_377
DAYS = 89
ZONE = ZoneInfo(shop.TIMEZONE)
KINDS = {"email": 38, "widget": 27, "telegram": 22, "phone": 13}
# Business minutes until an answer: (median, spread) by kind.
ANSWER: dict[str, tuple[float, float]] = {
    "email": (75, 0.75),
    "widget": (3, 0.75),
    "telegram": (11, 0.65),
    "phone": (20, 0.6),
}
BUSY_FROM, BUSY_UNTIL = 14, 7  # days ago: the sale, with more parcels than couriers


@dataclass(frozen=True)
class Place:
    """What the plan is laid out on: rows that exist already."""

    agents: dict[str, Agent]
    teams: dict[str, int]
    channels: dict[str, Channel]
    reasons: dict[str, int]
    calendar: Calendar


class Plan:
    """Lays conversations on the desk's heap, each step from the one before. `now` is the end of the sample."""

    def __init__(self, desk: Desk, place: Place, now: datetime, bot_id: str, widget_key: str, count: int) -> None:
        self.desk, self.place, self.now, self.count = desk, place, now, count
        self.random = Random(SEED)  # noqa: S311 - a sample, not a secret
        self.guests = everybody(self.random, bot_id, widget_key)
        self._free_from: dict[tuple[str, str], datetime] = {}
        self.sore: set[int] = set()
        self.languages: dict[int, str] = {}
        desk.asking.mood = self._mood

    def lay(self) -> None:
        """Every conversation's first step."""
        for at in self._starts():
            matter = self._matter(at)
            kind = self._kind(matter)
            guest = self._guest(kind, at)
            if guest is not None:
                Talk(self, guest, matter, kind).begin(at)

    # --- choices ---------------------------------------------------------------------------------------------

    def _starts(self) -> list[datetime]:
        """More on weekdays, in the morning and after supper; more in the week of the sale; growing a little."""
        found = []
        for _number in range(self.count):
            while True:
                ago = self.random.uniform(0.02, DAYS)
                day = (self.now - timedelta(days=ago)).astimezone(ZONE).date()
                weight = (0.55 if day.weekday() == 6 else 0.8 if day.weekday() == 5 else 1.0) * (
                    1.15 - 0.4 * ago / DAYS
                )
                weight *= 1.6 if BUSY_UNTIL <= ago <= BUSY_FROM else 1.0
                if self.random.random() < weight / 1.9:
                    break
            hour = self.random.choices(range(7, 23), (2, 5, 9, 10, 9, 5, 5, 8, 9, 8, 6, 4, 4, 7, 7, 4))[0]
            local = datetime.combine(day, time(hour, self.random.randrange(60), self.random.randrange(60)), ZONE)
            if local < self.now:
                found.append(local.astimezone(self.now.tzinfo))
        return sorted(found)

    def _matter(self, at: datetime) -> Matter:
        busy = BUSY_UNTIL <= (self.now - at) / timedelta(days=1) <= BUSY_FROM
        weights: list[float] = [
            m.weight * (2.5 if busy and m.key in ("where", "address", "service") else 1) for m in MATTERS
        ]
        return self.random.choices(MATTERS, weights)[0]

    def _kind(self, matter: Matter) -> str:
        fitting = {k: w for k, w in KINDS.items() if k in matter.channels}
        return self.random.choices(list(fitting), list(fitting.values()))[0]

    def _guest(self, kind: str, at: datetime) -> Guest | None:
        """Somebody who uses this kind; in a chat the one before must be long closed, or it would go on."""
        able = [g for g in self.guests if kind in g.addresses and self._free_from.get((g.name, kind), at) <= at]
        if not able:
            return None
        guest = self.random.choice(able)
        self._free_from[(guest.name, kind)] = at + timedelta(days=2 if kind == "email" else 400)
        return guest

    def _mood(self, ticket: Ticket, random: Random) -> Said | None:
        """What a customer answers to the survey, if they do."""
        late = any(c.state == "breached" for c in self.desk.clocks.kept[ticket.id].clocks)
        if random.random() > (0.62 if ticket.channel_id != self.place.channels["email"].id else 0.5):
            return None
        weights = SORE if late or (ticket.id in self.sore and random.random() < 0.5) else GLAD
        score = random.choices((1, 2, 3, 4, 5), weights)[0]
        reason = random.choice(("slow", "slow", "not_solved", "attitude", "price") if late else ("not_solved", "price"))
        words = COMMENTS[self.languages.get(ticket.id, "vi")][score]
        comment = random.choice(words) if random.random() < (0.8 if score <= 2 else 0.45) else ""
        return Said(score, reason, comment)

    # --- times -----------------------------------------------------------------------------------------------

    def answer_at(self, at: datetime, kind: str, factor: float = 1.0) -> datetime:
        """When an agent gets to it: business minutes, slower in the busy week, faster lately."""
        median, spread = ANSWER[kind]
        ago = (self.now - at) / timedelta(days=1)
        median *= factor * (1.15 if ago > 45 else 0.85) * (1.9 if BUSY_UNTIL <= ago <= BUSY_FROM else 1.0)
        minutes = max(0.5, median * self.random.lognormvariate(0, spread))
        return self.place.calendar.add(at, minutes)

    def customer_at(self, at: datetime, kind: str) -> datetime:
        """When the customer looks again; nobody writes at night."""
        median = {"email": 140, "widget": 2.5, "telegram": 14, "phone": 90}[kind]
        found = at + timedelta(minutes=max(0.4, median * self.random.lognormvariate(0, 0.8)))
        local = found.astimezone(ZONE)
        return found + timedelta(hours=(31 - local.hour) % 24) if local.hour < 7 or local.hour >= 23 else found
