"""WHO reacts: event -> (now, later). `now` runs in the same transaction; `later` names a reaction in workers/reactions.py.

The page a newcomer reads first.
"""

from __future__ import annotations

from helpdesk import events as e
from helpdesk.services import (
    auto_answers,
    continuations,
    fallback,
    merging,
    notice_held,
    notices,
    search,
    sla,
    surveys,
    webhooks,
)
from helpdesk.unit_of_work import Listeners

_TABLE: Listeners = {
    # tickets
    e.TicketOpened: ((merging.on_arrival, sla.on_opened), ()),
    e.StatusChanged: ((sla.on_status, surveys.on_status), ()),
    e.TicketAssigned: ((notices.on_assigned,), ()),
    e.PriorityChanged: ((sla.on_changed,), ()),
    e.TeamChanged: ((sla.on_changed,), ()),
    e.TicketMoved: ((sla.on_moved, surveys.on_moved), ()),
    e.TicketsMerged: ((sla.on_merged, surveys.on_merged), ()),
    e.SubjectChanged: ((search.on_subject,), ()),
    # messages
    e.MessageReceived: (
        (merging.on_arrival, sla.on_received, continuations.on_received, auto_answers.on_received, notices.on_received),
        (),
    ),
    e.ReplySent: ((sla.on_sent, continuations.on_sent), ()),
    e.NoteAdded: ((notices.on_note,), ()),
    e.ReplyHeld: ((notice_held.on_held,), ()),
    e.DeliveryChanged: ((fallback.on_delivery, surveys.on_delivery, notices.on_delivery), ()),
    # promises and how it felt
    e.SlaBreached: ((notices.on_breach,), ()),
    e.SurveyAnswered: ((notices.on_rated,), ()),
    # customers
    e.CustomerCreated: ((search.on_customer,), ()),
    e.CustomerChanged: ((search.on_customer,), ()),
    e.IdentityAdded: ((search.on_customer,), ()),
    e.IdentityMoved: ((search.on_customer,), ()),
    e.CustomersMerged: ((search.on_customer,), ()),
}

# Subscriptions of other programs may be about anything.
LISTENERS: Listeners = {
    event: ((*_TABLE.get(event, ((), ()))[0], webhooks.on_event), _TABLE.get(event, ((), ()))[1])
    for event in e.EVENTS.values()
}
