"""The ground of the sample's desk: time that runs forward on a heap, rows, events, people and how they are reached."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Any

from connectors.contract import Address
from helpdesk import events as e
from helpdesk.demo.asking import Asking
from helpdesk.demo.clocks import Clocks, PromisesOf
from helpdesk.demo.rows import Rows
from helpdesk.folding import fold
from helpdesk.models import Agent, Channel, Counter, Customer, Identity, Reach, Tag, Ticket


class Ledger:
    """`message_id(ticket_id, message_id)` makes the signed Message-ID of mail we send."""

    def __init__(
        self,
        promises_of: PromisesOf,
        message_id: Callable[[int, int], str],
        question: Callable[[Ticket, str], tuple[str, str]],
        first_number: int = 1001,
    ) -> None:
        self.rows = Rows()
        self.clocks = Clocks(self, promises_of)
        self.asking = Asking(self, question)
        self.message_id = message_id
        self.at = datetime.min
        self.identities: dict[tuple[str, str, str], Identity] = {}
        self.by_id: dict[int, Identity] = {}
        self.customers: dict[int, Customer] = {}
        self.tags: dict[str, Tag] = {}
        self._reaches: dict[tuple[int, int], Reach] = {}
        self._numbers = count(first_number)
        self._number = first_number
        self._external = count(1)
        self._heap: list[tuple[datetime, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = count()

    # --- time --------------------------------------------------------------------------------------------------

    def later(self, at: datetime, act: Callable[..., None], *args: Any) -> None:
        heapq.heappush(self._heap, (at, next(self._order), act, args))

    def run(self, until: datetime) -> None:
        """Everything planned up to `until`, in order of time."""
        while self._heap and self._heap[0][0] <= until:
            self.at, _order, act, args = heapq.heappop(self._heap)
            act(*args)
        self.at = until

    def finish(self) -> None:
        self.rows.new(Counter, name="ticket", value=self._number)

    def event(self, event: e.Event, actor: str = "system", reason: str = "") -> int:
        return self.rows.event(event, self.at, actor, reason)

    # --- people ------------------------------------------------------------------------------------------------

    def person(self, address: Address, *, locale: str, actor: str = "system") -> tuple[Identity, bool]:
        """The identity behind an address, with a new customer when unknown."""
        key = (address.kind, address.scope, address.value)
        if key in self.identities:
            return self.identities[key], False
        customer = self.rows.new(
            Customer,
            name=address.name,
            name_folded=fold(address.name),
            locale=locale,
            created_at=self.at,
            updated_at=self.at,
            last_contact_at=self.at,
        )
        self.customers[customer.id] = customer
        identity = self._identity(customer, address)
        self.event(e.CustomerCreated(customer_id=customer.id), actor)
        self.event(e.IdentityAdded(customer_id=customer.id, identity_id=identity.id), actor)
        return identity, True

    def _identity(self, customer: Customer, address: Address) -> Identity:
        identity = self.rows.new(
            Identity,
            customer_id=customer.id,
            kind=address.kind,
            scope=address.scope,
            value=address.value,
            name=address.name,
            username=address.username,
            created_at=self.at,
        )
        self.identities[(address.kind, address.scope, address.value)] = self.by_id[identity.id] = identity
        return identity

    def add_identity(self, agent: Agent, customer: Customer, address: Address) -> None:
        """An agent writes another address of somebody down."""
        if (address.kind, address.scope, address.value) not in self.identities:
            identity = self._identity(customer, address)
            self.event(e.IdentityAdded(customer_id=customer.id, identity_id=identity.id), f"agent:{agent.id}")

    def _heard(self, identity: Identity, channel: Channel) -> None:
        verified = channel.kind == "telegram"
        reach = self._reach(identity, channel)
        reach.last_inbound_at = self.at
        if verified:
            reach.state = "verified"
            if identity.verified_at is None:
                identity.verified_at, identity.verified_how = self.at, "channel"

    def _reach(self, identity: Identity, channel: Channel) -> Reach:
        key = (identity.id, channel.id)
        if key not in self._reaches:
            row = self.rows.new(Reach, identity_id=identity.id, channel_id=channel.id, changed_at=self.at)
            self._reaches[key] = row
        return self._reaches[key]
