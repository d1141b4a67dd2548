"""The nouns. One a file; invariants and transitions live on the noun."""

from helpdesk.models.agent import Agent, AgentSession, ApiToken, Draft, OneTimeLink, Team, TeamMember
from helpdesk.models.base import Base, UtcDateTime, now
from helpdesk.models.channel import Channel, ChannelTokens, Inbound
from helpdesk.models.customer import Customer, Identity, Merge, Organization, Reach
from helpdesk.models.event import EventRow, IdempotencyKey, Lease, OutboxRow
from helpdesk.models.field import TicketField
from helpdesk.models.held import HeldReply
from helpdesk.models.live_call import LiveCall
from helpdesk.models.message import Attachment, Delivery, Message, Recipient, SentPart
from helpdesk.models.notice import Notice, NoticeChat, PushSubscription
from helpdesk.models.search import TABLES as SEARCH_TABLES
from helpdesk.models.setting import Setting
from helpdesk.models.sla import BusinessHours, SlaClock, SlaPolicy, SlaTarget
from helpdesk.models.survey import ContactReason, FollowUpTask, Invitation, Response, Survey, Touchpoint
from helpdesk.models.ticket import Counter, Grant, ReadMark, Tag, Ticket, TicketLink, TicketTag
from helpdesk.models.view import Macro, View
from helpdesk.models.visitor import ChatContinuation, VisitorSession
from helpdesk.models.webhook import Webhook

__all__ = [
    "Agent", "AgentSession", "ApiToken", "Attachment", "Base", "BusinessHours", "Channel", "ChannelTokens", "ContactReason", "Counter",
    "Customer", "Delivery", "Draft", "EventRow", "FollowUpTask", "Grant", "HeldReply", "IdempotencyKey", "Identity", "Inbound",
    "Invitation", "Lease", "LiveCall", "Macro", "Merge", "Message", "Notice", "OneTimeLink", "Organization", "OutboxRow", "Reach",
    "ReadMark", "Recipient", "Response", "SentPart", "Setting", "SlaClock", "SlaPolicy", "SlaTarget", "Survey", "Tag", "Team",
    "TeamMember", "Ticket", "TicketField", "TicketLink", "TicketTag", "Touchpoint", "UtcDateTime", "View", "VisitorSession", "now",
    "ChatContinuation", "NoticeChat", "PushSubscription", "SEARCH_TABLES", "Webhook",
]  # fmt: skip
