"""Who may use each route: the table of the contract, written out. A route that is not here fails the matrix."""

from __future__ import annotations

OPEN = "open"  # no signing in; whatever it shows is protected by its own token, or nothing
SIGNED = "signed"  # whoever is signed in, about themselves or about what each may see
TICKET = "ticket"  # whoever may see the Orders team's ticket
TEAM = "team"  # who leads the Orders team, and administrators
LEADS = "leads"  # supervisors and administrators
ADMIN = "admin"
MINE = "mine"  # belongs to one agent; nobody else, administrators included
VISITOR = "visitor"  # only with a chat visitor's token
DEMO = "demo"  # is not there on a real desk

_LINES = {
    OPEN: """static accounts.forgot accounts.forgot_sent accounts.invite accounts.login accounts.second_factor
        accounts.logout accounts.reset accounts.setup api.docs api.document health.healthz health.prometheus
        health.readyz installable.app_icon installable.manifest
        installable.offline installable.service_worker hooks.receive public.survey public.answer public.unsubscribe
        public.change_subscription own_requests.every own_requests.one own_requests.answer own_requests.ask
        help.centre help.requests
        settings.logo downloads.linked_file form.form form.send form.loader widget.loader widget.chat widget.config
        widget.frame widget.qr widget_visitor.identify
        widget_visitor.session""",
    SIGNED: """accounts.profile accounts.change_password accounts.security accounts.my_sessions
        accounts.end_other_sessions accounts.turn_on_two_factor accounts.renew_recovery_codes
        accounts.turn_off_two_factor accounts.notices accounts.link_chat accounts.unlink_chat inbox.notices inbox.notice_list
        inbox.new_notices inbox.read_notices inbox.push_key inbox.push_subscribe inbox.push_forget api.list_agents
        api.upload_attachment api.list_channels api.list_customers
        api.add_customer api.list_events api.list_macros api.list_rules api.search_all api.list_sla_policies
        api.list_survey_responses api.list_surveys api.list_teams api.list_tickets api.start_ticket api.list_views
        customers.index customers.live customers.new customers.new_call customers.match_number customers.new_message
        customers.message_who customers.search inbox.home inbox.changes inbox.token inbox.filter_form inbox.list_fragment inbox.list_numbers
        inbox.find inbox.check_addresses inbox.find_ticket inbox.bulk inbox.bulk_form inbox.complete inbox.all_views
        inbox.upload inbox.save_view settings.index settings.macros settings.new_macro""",
    TICKET: """api.download_attachment api.get_customer api.change_customer api.add_identity api.merge_customer
        api.customer_timeline api.undo_merge api.get_ticket api.change_ticket api.ticket_events api.list_messages
        api.add_message customers.profile customers.block customers.edit customers.add_identity customers.merge
        customers.undo_merge inbox.send_elsewhere customers.log_call customers.take_call customers.recording
        customers.call_form inbox.retry inbox.file inbox.attached_mail inbox.message_link
        inbox.original inbox.remote_picture inbox.source inbox.whole_text inbox.undo_send inbox.finish_task
        api.merge_tickets api.unmerge_ticket
        inbox.merge_form inbox.merge_ticket inbox.unmerge inbox.link inbox.unlink inbox.set_fields inbox.solve_form
        inbox.share_menu inbox.share_typed
        inbox.held_do inbox.apply_macro inbox.print_ticket inbox.export_text
        inbox.accept_sender inbox.split_message inbox.move_message inbox.hide_comment
        inbox.ticket inbox.asked inbox.set_assignee inbox.save_draft inbox.earlier inbox.follow inbox.move
        inbox.block_sender inbox.note
        inbox.set_priority inbox.mark_read inbox.set_reason inbox.reply inbox.side inbox.snooze inbox.set_status
        inbox.set_subject inbox.suggest inbox.set_tags inbox.set_team""",
    TEAM: "settings.team",
    LEADS: """inbox.review api.report reports.index reports.export reports.agents reports.csat reports.items
        reports.sla
        reports.list_csv settings.sla settings.policy settings.new_policy settings.surveys settings.teams""",
    ADMIN: """settings.brand settings.channels settings.channel settings.channel_do settings.forget_secret
        settings.test_channel settings.channel_live settings.ask_consent settings.consent settings.find_channel
        settings.find_new_channel settings.new_channel settings.test_new_channel
        settings.general settings.health
        settings.retry settings.look_from_outside settings.hours settings.one_hours settings.hours_do settings.new_hours settings.people
        settings.person settings.person_do settings.new_person settings.reasons settings.reason settings.reason_do
        settings.fields settings.one_field settings.field_do
        settings.policy_do settings.webhooks settings.webhook_do
        api.list_webhooks api.get_webhook api.add_webhook api.change_webhook api.delete_webhook settings.tags
        settings.tag_do settings.team_do settings.new_team settings.tokens
        settings.revoke_token""",
    MINE: """accounts.end_session inbox.forget_upload inbox.change_view inbox.delete_view inbox.move_view
        settings.macro settings.delete_macro""",
    VISITOR: """widget_visitor.end widget_visitor.upload widget_visitor.file widget_visitor.say
        widget_visitor.messages widget_visitor.rate widget_visitor.read
        widget_wishes.callback widget_wishes.elsewhere widget_wishes.transcript widget_wishes.mail_transcript
        widget_wishes.finish""",
    DEMO: """demo.index demo.email demo.mail demo.letter demo.letter_body demo.phone demo.shop_page demo.telegram
        demo.telegram_chat demo.telegram_file demo.telegram_tap""",
}
TABLE = {endpoint: line for line, endpoints in _LINES.items() for endpoint in endpoints.split()}

MAY = {
    "anonymous": frozenset({OPEN}),
    "gone": frozenset({OPEN}),
    "outsider": frozenset({OPEN, SIGNED}),
    "mate": frozenset({OPEN, SIGNED, TICKET}),
    "lead": frozenset({OPEN, SIGNED, TICKET, TEAM, LEADS}),
    "admin": frozenset({OPEN, SIGNED, TICKET, TEAM, LEADS, ADMIN}),
    "reader": frozenset({OPEN, SIGNED, TICKET}),  # an API token of the mate's that may only read
}

# A supervisor writes here only about their own teams' things; what is not theirs is not there.
READS_ONLY = {("lead", "settings.policy"), ("lead", "settings.surveys")}
# Nothing of the kind is there in this world: 404 is the right answer for everybody.
NOTHING_THERE = {"downloads.linked_file", "api.unmerge_ticket", "inbox.asked", "inbox.unmerge", "settings.logo"}
# They see it, and are told plainly that only its author may do this.
SEEN_BUT_NOT_THEIRS = {"inbox.undo_send", "inbox.held_do"}

# Bodies good enough to reach the object; for pages an empty form does.
BODIES = {
    "api.change_ticket": {"priority": "high"},
    "api.add_message": {"kind": "note", "text": "x"},
    "api.change_customer": {"vip": True},
    "api.add_identity": {"kind": "email", "value": "second@mail.example"},
    "api.merge_customer": {"source": "{other_customer}"},
    "api.merge_tickets": {"source": 1001},  # itself: who may gets as far as being told so
    "api.undo_merge": {},
    "api.add_customer": {"name": "New"},
    "api.add_webhook": {"url": "https://app.example/hook", "secret": "long-enough-for-a-secret-1"},
    "api.change_webhook": {"active": False},
    "api.start_ticket": {"text": "x", "identity": {"kind": "email", "value": "n@mail.example"}},
    "settings.team": {"name": "Orders"},
    "inbox.set_priority": {"priority": "high"},
    "inbox.set_status": {"status": "open"},
    "inbox.set_tags": {"add": "vip"},
    "inbox.set_subject": {"subject": "Another"},
    "inbox.set_assignee": {"assignee": "me"},
    "inbox.note": {"text": "x"},
    "inbox.reply": {"text": "x"},
    "inbox.share_typed": {"kind": "place", "place": "21.02, 105.84"},
    "inbox.save_draft": {"kind": "note", "text": "x"},
    "inbox.move": {"move": "trash"},
    "inbox.snooze": {"until": "tomorrow"},
    "inbox.bulk": {"do": "trash", "number": "{number}"},
    "customers.merge": {"with": "{other_customer}"},
    "customers.block": {"blocked": "1"},
    "customers.log_call": {"outcome": "answered", "notes": "x"},
}
