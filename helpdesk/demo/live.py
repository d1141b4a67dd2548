"""What lies in the inbox when the demo opens: late, soon late, just come in, snoozed, mentioned, not delivered, rated low.

Times are reckoned back in business time from now, so that there is something of everything at any hour of any day.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

from connectors.contract import Address
from helpdesk import events as e
from helpdesk.business_time import Calendar
from helpdesk.demo.asking import Said
from helpdesk.demo.desk import Desk
from helpdesk.demo.plan import Place
from helpdesk.models import Delivery, Identity, Ticket


def back(calendar: Calendar, now: datetime, minutes: float) -> datetime:
    """The instant from which so many business minutes have passed until `now`."""
    low, high = now - timedelta(days=14), now
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if calendar.between(middle, now) > minutes * 60:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)


class Live:
    """Lays the last hours on the desk's heap."""

    def __init__(self, desk: Desk, place: Place, now: datetime, bot_id: str, widget_key: str) -> None:
        self.desk, self.place, self.now = desk, place, now
        self.bot_id, self.widget_key = bot_id, widget_key
        self.unread: set[int] = set()

    def lay(self) -> None:
        self._lan_anh()
        self._waiting()
        self._chats()
        self._calls()
        self._put_aside()
        self._not_delivered()

    # --- parts -----------------------------------------------------------------------------------------------

    def ago(self, minutes: float) -> datetime:
        return back(self.place.calendar, self.now, minutes)

    def mail(self, name: str, address: str) -> Address:
        return Address("email", address, name=name)

    def bot(self, name: str, user: str, username: str = "") -> Address:
        return Address("telegram", user, self.bot_id, name=name, username=username)

    def visitor(self, name: str, value: str) -> Address:
        return Address("widget", f"v:{value}", self.widget_key, name=name)

    def begins(
        self, at: datetime, kind: str, who: Address, text: str, subject: str = "", locale: str = "vi", **more: Any
    ) -> None:
        """A first message that nobody has answered yet. `more`: salutation, given, tags, agent, priority, team, then."""
        self.desk.later(at, self._begins, kind, who, text, subject, locale, more)

    def _begins(self, kind: str, who: Address, text: str, subject: str, locale: str, more: dict[str, Any]) -> None:
        ticket = self.desk.begins(self.place.channels[kind], who, text, subject, locale=locale)
        self.unread.add(ticket.id)
        self._call_them(ticket, more)
        agents = self.place.agents
        if more.get("tags"):
            self.desk.tag(ticket, agents["minh"], *more["tags"])
        if more.get("team"):
            self.desk.set_team(ticket, agents["minh"], self.place.teams[more["team"]])
        if more.get("priority"):
            self.desk.set_priority(ticket, agents["minh"], more["priority"])
        if more.get("agent"):
            self.desk.assign(ticket, agents["minh"], agents[more["agent"]])
        for at, act, *rest in more.get("then", ()):
            self.desk.later(at, act, ticket, *rest)

    def _call_them(self, ticket: Ticket, more: dict[str, Any]) -> None:
        customer = self.desk.customers[ticket.customer_id]
        customer.given_name = more.get("given", customer.given_name)
        customer.salutation = more.get("salutation", customer.salutation)
        customer.vip = more.get("vip", customer.vip)

    def answer(self, ticket: Ticket, agent: str, kind: str, text: str, then: str = "pending") -> None:
        self.desk.replies(ticket, self.place.agents[agent], text, self.place.channels[kind], then=then)

    def again(self, ticket: Ticket, kind: str, who: Address, text: str) -> None:
        identity = self._identity(ticket, who)
        self.desk.writes(ticket, self.place.channels[kind], identity, text)
        self.unread.add(ticket.id)

    def _identity(self, ticket: Ticket, who: Address) -> Identity:
        customer = self.desk.customers[ticket.customer_id]
        self.desk.add_identity(self.place.agents["linh"], customer, who)
        return self.desk.identities[(who.kind, who.scope, who.value)]

    def note(self, ticket: Ticket, agent: str, text: str, *mentions: str) -> None:
        people = self.place.agents
        self.desk.notes(ticket, people[agent], text, tuple(people[m] for m in mentions))

    # --- one customer on three channels, and a low rating ------------------------------------------------------

    def _lan_anh(self) -> None:
        who = self.bot("Nguyễn Lan Anh", "5201001", "lananh_ng")
        mail = self.mail("Nguyễn Lan Anh", "lan.anh@hoaban.example")
        start = self.ago(1150)
        self.begins(
            start, "telegram", who,
            "Shop ơi, bộ ấm men ngọc đơn DG-20418 giao hôm nay nhưng nắp ấm bị nứt rồi. Mình mua tặng mẹ, 28 này mẹ mình "
            "tròn 70 tuổi.",
            given="Lan Anh", salutation="chị", vip=True, tags=("breakage",), priority="high", agent="linh",
            then=(
                (start + timedelta(minutes=7), self.answer, "linh", "telegram",
                 "Em xin lỗi chị Lan Anh ạ. Em cảm ơn chị đã gửi ảnh, vậy là đủ thông tin rồi. Chị muốn đổi nắp mới hay "
                 "hoàn tiền cả bộ ạ?"),
                (self.ago(700), self._called_her),
                (self.ago(690), self.note, "minh", "@Trần Linh kho còn hai bộ men ngọc, đã giữ một bộ theo phiếu R-118. "
                 "Hoàn tiền là phương án dự phòng.", "linh"),
                (self.ago(560), self.answer, "linh", "telegram", "Dạ em đã gửi bộ mới cho chị rồi ạ.", "solved"),
                (self.ago(25), self.again, "email", mail,
                 "Hộp thư cũ của mình đầy rồi, shop gửi về địa chỉ này giúp mình. Ngày giao đã chắc chưa? Mình muốn ở nhà "
                 "để nhận."),
            ),
        )  # fmt: skip
        mood = self.desk.asking.mood
        answered = self.ago(60)

        def says(ticket: Ticket, random: Random) -> Said | None:
            if self.desk.customers[ticket.customer_id].name != who.name:
                return mood(ticket, random)
            words = "Nhân viên nhiệt tình nhưng chưa ai báo ngày giao cho mình."
            return Said(2, "slow", words, max(answered - self.desk.at, timedelta(minutes=5)))

        self.desk.asking.mood = says

    def _called_her(self, ticket: Ticket) -> None:
        number = Address("phone", "+84912345678")
        self._identity(ticket, number)
        call = {"direction": "out", "number": number.value, "outcome": "answered", "duration_s": 192, "follow_up_at": "",
                "source": "manual"}  # fmt: skip
        notes = "Khách muốn đổi bộ mới, chỉ hoàn tiền nếu không kịp trước 28."
        channel = self.place.channels["phone"]
        self.desk.called(channel, number, self.place.agents["minh"], call, notes, ticket=ticket)

    # --- mail and messengers -----------------------------------------------------------------------------------

    def _waiting(self) -> None:
        self.begins(
            self.ago(44), "telegram", self.bot("Phạm Đức Thắng", "5201002", "thang_pd"),
            "Hoàn tiền đơn DG-20377: shop ơi, em chờ ba ngày rồi ạ.",
            given="Thắng", salutation="anh", tags=("refund",), priority="high", agent="linh",
        )  # fmt: skip
        self.begins(
            self.ago(25), "telegram", self.bot("Bùi Khánh", "5201003"),
            "Đổi địa chỉ giao đơn DG-20511 trước thứ Hai giúp mình, số mới là 14 Tràng Thi.",
            given="Khánh", salutation="anh", tags=("delivery",), agent="phuc",
        )  # fmt: skip
        self.begins(
            self.ago(55), "email", self.mail("Julia Okafor", "julia@okafor.example"),
            "Good morning,\n\nwe are opening in Hội An and would like 60 ramen bowls in slate. What would be your wholesale "
            "price, and could we have them by the middle of the month?\n\nJulia Okafor",
            "Wholesale price for 60 ramen bowls", "en", given="Julia", tags=("wholesale", "quote"), team="Wholesale",
            agent="sophie",
        )  # fmt: skip
        yen = self.mail("Vũ Hải Yến", "yen.vu@hoaban.example")
        start = self.ago(900)
        self.begins(
            start, "email", yen,
            "Chào shop,\n\nNhờ shop xuất hoá đơn đơn DG-20466 theo mã số thuế công ty 0109 238 417.\n\nVũ Hải Yến",
            "Xuất hoá đơn theo mã số thuế công ty", given="Yến", salutation="chị", tags=("invoice",),
            then=(
                (self.ago(830), self.answer, "mai", "email", "Dạ em gửi chị hoá đơn ạ, chị kiểm tra giúp em nhé."),
                (self.ago(205), self.again, "email", yen, "Mã số thuế vẫn sai một chữ số em ạ, cuối là 417."),
            ),
        )  # fmt: skip
        for minutes, name, address, subject, text, locale in (
            (12, "Thomas Baker", "thomas.baker@post.example", "Dishwasher?", "Hi, is the fig vase dishwasher safe?", "en"),
            (70, "Đinh Thị Hoa", "hoa.dinh@thungay.example", "Đơn DG-20531 đến đâu rồi ạ?",
             "Chào shop, đơn DG-20531 của cô báo giao hôm qua mà chưa thấy. Cô cảm ơn.", "vi"),
            (160, "Claire Dubois", "claire.dubois@mail.example", "Two plates missing in DG-20502",
             "Hello,\n\nof the set of four plates only two were in the box. Order DG-20502.\n\nClaire", "en"),
        ):  # fmt: skip
            self.begins(self.ago(minutes), "email", self.mail(name, address), text, subject, locale)

    def _chats(self) -> None:
        self.begins(
            self.ago(3), "widget", self.visitor("Emma Whitfield", "emma-whitfield"),
            "Do you ship bowls to Singapore? Four, please. Can you wrap them?", locale="en", given="Emma",
            tags=("shipping",),
        )  # fmt: skip
        self.begins(
            self.ago(14), "widget", self.visitor("Đỗ Thu Trang", "do-thu-trang"),
            "Men nào dùng được trong lò nướng vậy shop? Còn men đen nhám thì sao ạ?", given="Trang", salutation="chị",
            tags=("product",), agent="mai",
        )  # fmt: skip

    def _calls(self) -> None:
        self.desk.later(self.ago(48), self._missed)

    def _missed(self) -> None:
        number = Address("phone", "+842439260158")
        call = {"direction": "in", "number": number.value, "outcome": "missed", "duration_s": 0, "follow_up_at": "",
                "source": "manual"}  # fmt: skip
        agents = self.place.agents
        notes = "Rang 41 seconds, no voicemail."
        channel = self.place.channels["phone"]
        ticket = self.desk.called(channel, number, agents["phuc"], call, notes, subject="Missed call, rang 41 s")
        self.desk.tag(ticket, agents["phuc"], "callback")
        self.unread.add(ticket.id)

    # --- not now -----------------------------------------------------------------------------------------------

    def _put_aside(self) -> None:
        agents = self.place.agents
        tomorrow = (self.now + timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
        self.begins(
            self.ago(400), "email", self.mail("Lý Kim Phượng", "phuong.ly@thungay.example"),
            "Chào shop,\n\nĐơn DG-20490 mình muốn giao vào cuối tuần sau, trước đó cả nhà đi vắng.\n\nPhượng",
            "Giao đơn DG-20490 vào cuối tuần sau", given="Phượng", salutation="chị", tags=("delivery",), agent="linh",
            then=((self.ago(380), lambda t: self.desk.snooze(t, agents["linh"], tomorrow)),),
        )  # fmt: skip
        self.begins(
            self.ago(650), "email", self.mail("Marco Ricci", "marco.ricci@mail.example"),
            "Hello,\n\nthe tea set in DG-20455 came without the tray. Is it still coming?\n\nMarco",
            "Tray missing, DG-20455", "en", given="Marco", agent="linh",
            then=(
                (self.ago(600), self.answer, "linh", "email",
                 "Hello Marco, the tray is being glazed again and follows next week, with our apologies.", "on_hold"),
                (self.ago(595), self.note, "linh", "@Hoàng Minh kiln 2 is down until Thursday, tray then.", "minh"),
            ),
        )  # fmt: skip
        self.begins(
            self.ago(500), "email", self.mail("SEO Expert", "rank@first-page.example"),
            "Dear webmaster, we guarantee place one within seven days for 99 USD.", "Your web site is invisible", "en",
            then=((self.ago(480), lambda t: self.desk.spam(t, agents["mai"])),),
        )  # fmt: skip

    def _not_delivered(self) -> None:
        who = self.mail("Peter Novak", "peter.novak@oldmail.example")
        self.begins(
            self.ago(520), "email", who,
            "Hello,\n\nI need the invoice for DG-20471 once more please.\n\nPeter", "Invoice DG-20471, again", "en",
            given="Peter", tags=("invoice",),
            then=(
                (self.ago(470), self.answer, "sophie", "email", "Hello Peter, here is a new link to it."),
                (self.ago(470) + timedelta(minutes=3), self._bounced),
            ),
        )  # fmt: skip

    def _bounced(self, ticket: Ticket) -> None:
        why = "550 5.1.1 <peter.novak@oldmail.example>: no such user here"
        rows = self.desk.rows
        delivery = next(d for d in reversed(rows.of[Delivery]) if d.ticket_id == ticket.id)
        delivery.state, delivery.error = "failed", why
        ids = {"ticket_id": ticket.id, "message_id": delivery.message_id}
        self.desk.event(e.DeliveryChanged(delivery_id=delivery.id, state="failed", error=why, **ids))
        identity = self.desk.by_id[delivery.identity_id]
        reach = self.desk._reach(identity, self.place.channels["email"])
        reach.state, reach.reason, reach.changed_at = "bounced_hard", why, self.desk.at
        changed = e.ReachChanged(
            customer_id=identity.customer_id, identity_id=identity.id, channel_id=reach.channel_id, state=reach.state
        )
        self.desk.event(changed, reason=why)
        self.unread.add(ticket.id)
