"""What a new desk starts with: hours, promises, touchpoints, contact reasons; all of it can be edited."""

from __future__ import annotations

from sqlalchemy import select

from helpdesk.models import BusinessHours, ContactReason, SlaPolicy, SlaTarget, Survey, Touchpoint
from helpdesk.services import settings as desk_settings
from helpdesk.unit_of_work import UnitOfWork

_DAY = [["08:00", "12:00"], ["13:00", "17:30"]]
WEEK = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), _DAY) | {"sat": [["08:00", "12:00"]]}

# (target, kind of channel, priority, minutes of business time)
TARGETS = (
    ("first_response", "", "", 240),
    ("first_response", "email", "", 240),
    ("first_response", "widget", "", 10),
    ("first_response", "telegram", "", 30),
    ("first_response", "phone", "", 60),
    ("first_response", "email", "urgent", 60),
    ("next_response", "", "", 240),
    ("next_response", "widget", "", 15),
    ("next_response", "telegram", "", 60),
    ("resolution", "", "", 1020),
    ("resolution", "", "urgent", 240),
)

# (English, Vietnamese, stage of the journey)
TOUCHPOINTS = (
    ("Product advice", "Tư vấn sản phẩm", "discover"),
    ("Ordering and payment", "Đặt hàng và thanh toán", "buy"),
    ("Delivery", "Giao hàng", "buy"),
    ("Using the product", "Sử dụng sản phẩm", "use"),
    ("Returns and refunds", "Đổi trả và hoàn tiền", "get_help"),
    ("Support", "Hỗ trợ", "get_help"),
    ("Account and loyalty", "Tài khoản và khách thân thiết", "renew"),
)

# (English, Vietnamese, touchpoint)
REASONS = (
    ("Question about a product", "Hỏi về sản phẩm", "Product advice"),
    ("Price or offer", "Giá hoặc ưu đãi", "Product advice"),
    ("Placing an order", "Đặt hàng", "Ordering and payment"),
    ("Payment or invoice", "Thanh toán hoặc hoá đơn", "Ordering and payment"),
    ("Where is my order", "Đơn hàng đang ở đâu", "Delivery"),
    ("Late or failed delivery", "Giao trễ hoặc giao không được", "Delivery"),
    ("How to use it", "Cách sử dụng", "Using the product"),
    ("Faulty or damaged", "Hỏng hoặc lỗi", "Using the product"),
    ("Return or exchange", "Đổi hoặc trả hàng", "Returns and refunds"),
    ("Refund", "Hoàn tiền", "Returns and refunds"),
    ("Complaint about service", "Khiếu nại về phục vụ", "Support"),
    ("Account or loyalty points", "Tài khoản hoặc điểm thưởng", "Account and loyalty"),
    ("Something else", "Việc khác", "Support"),
)


def ensure_defaults(work: UnitOfWork) -> None:
    """Put in what is missing altogether; what somebody made or changed stays as it is. Harmless to repeat."""
    session = work.session
    if session.scalar(select(BusinessHours.id).limit(1)) is None:
        zone = str(desk_settings.get(session, "timezone.default"))
        country = "VN" if zone == "Asia/Ho_Chi_Minh" else ""
        session.add(
            BusinessHours(name="Office hours", timezone=zone, week=WEEK, holiday_country=country, is_default=True)
        )
    if session.scalar(select(SlaPolicy.id).limit(1)) is None:
        targets = [SlaTarget(target=t, channel_kind=kind, priority=p, minutes=m) for t, kind, p, m in TARGETS]
        session.add(SlaPolicy(name="Standard", is_default=True, targets=targets))
    if session.scalar(select(Survey.id).limit(1)) is None:
        session.add(Survey(kind="csat", name="Satisfaction after a solution", created_at=work.now))
    if session.scalar(select(Touchpoint.id).limit(1)) is None:
        for position, (name, name_vi, stage) in enumerate(TOUCHPOINTS):
            session.add(Touchpoint(name=name, name_vi=name_vi, stage=stage, position=position))
    session.flush()
    if session.scalar(select(ContactReason.id).limit(1)) is None:
        _add_reasons(work)
    session.flush()


def _add_reasons(work: UnitOfWork) -> None:
    touchpoints = dict(work.session.execute(select(Touchpoint.name, Touchpoint.id)).all())
    first = min(touchpoints.values())
    for position, (name, name_vi, touchpoint) in enumerate(REASONS):
        work.session.add(
            ContactReason(
                name=name, name_vi=name_vi, touchpoint_id=touchpoints.get(touchpoint, first), position=position
            )
        )
