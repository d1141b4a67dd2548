"""Who writes to the sample shop: everybody with an address for each way they use."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from connectors.contract import Address
from helpdesk.demo import shop
from helpdesk.folding import fold


@dataclass
class Guest:
    """One customer: how they are called, and an address for each kind they use."""

    name: str
    given: str
    salutation: str
    language: str
    addresses: dict[str, Address]
    username: str = ""
    vip: bool = False

    @property
    def dear(self) -> str:
        return f"{self.salutation} {self.given}" if self.salutation else self.given


def everybody(random: Random, bot_id: str, widget_key: str) -> list[Guest]:
    """Everybody who ever writes; a few use several ways. One visitor of the shop is one guest."""
    found = []
    for family, given, salutation in shop.VIETNAMESE:
        found.append(_guest(random, f"{family} {given}", given, salutation, "vi", bot_id))
    for given, family in shop.FOREIGN:
        found.append(_guest(random, f"{given} {family}", given, "", "en", bot_id))
    for guest in random.sample(found, 9):
        guest.vip = True
    visitors = []
    for number in range(170):
        family, given, salutation = random.choice(shop.VIETNAMESE)
        language = "vi"
        name = (
            f"{random.choice(shop.VIETNAMESE)[0].split()[0]} {family.split()[-1]} {given}" if " " in family else given
        )
        if number % 3 == 0:
            first, last = random.choice(shop.FOREIGN)
            name, given, salutation, language = f"{first} {last[0]}.", first, "", "en"
        if number % 4 == 0:
            user = str(random.randrange(5_100_000, 7_999_999_999))
            way = Address("telegram", user, bot_id, name=name, username=f"{fold(given)}{number}")
        else:
            way = Address("widget", f"v:{random.getrandbits(96):024x}", widget_key, name=name)
        visitors.append(Guest(f"{name} {number}", given, salutation, language, {way.kind: way}))
    return found + visitors


def _guest(random: Random, name: str, given: str, salutation: str, language: str, bot_id: str) -> Guest:
    plain = fold(name).replace(".", "").split()
    handle = f"{plain[-1]}{plain[0]}" if language == "vi" else f"{plain[0]}.{plain[-1]}"
    host = random.choice(
        ("hopthu.example", "thungay.example") if language == "vi" else ("mail.example", "post.example")
    )
    ways: dict[str, Address] = {}
    if random.random() < 0.85:
        ways["email"] = Address("email", f"{handle}@{host}", name=name)
    if random.random() < 0.62:
        number = str(random.randrange(5_100_000, 7_999_999_999))
        ways["telegram"] = Address(
            "telegram", number, bot_id, name=name, username=f"{handle.replace('.', '_')}_dg"[:30]
        )
    if random.random() < 0.6 or not ways:
        number = (
            f"+849{random.randrange(10_000_000, 99_999_999)}"
            if language == "vi"
            else f"+658{random.randrange(1_000_000, 9_999_999)}"
        )
        ways["phone"] = Address("phone", number, name=name)
    return Guest(name, given, salutation, language, ways)
