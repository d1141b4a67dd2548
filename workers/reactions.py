"""Reactions that may take their time: what listeners.py names as `later`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from helpdesk.services import (
    auto_answers,
    continuations,
    fallback,
    held,
    invites,
    mailer,
    moderation,
    own_requests,
    recordings,
)
from helpdesk.unit_of_work import unit_of_work
from workers import chores, sla, tasks


def auto_answer(payload: Mapping[str, Any]) -> None:
    with unit_of_work() as work:
        auto_answers.answer(work, int(payload["message_id"]))


def chat_unread(payload: Mapping[str, Any]) -> None:
    with unit_of_work() as work:
        continuations.mail_unread(work, int(payload["message_id"]))


def password_forgotten(payload: Mapping[str, Any]) -> None:
    with unit_of_work() as work:
        invites.answer_forgotten(work, str(payload["email"]))


def requests_asked(payload: Mapping[str, Any]) -> None:
    with unit_of_work() as work:
        own_requests.mail_link(work, str(payload["email"]))


def held_reply_due(payload: Mapping[str, Any]) -> None:
    with unit_of_work() as work:
        held.release(work, int(payload["held_id"]))


def fall_back(payload: Mapping[str, Any]) -> None:
    with unit_of_work() as work:
        fallback.automatically(work, int(payload["delivery_id"]))


REACTIONS: dict[str, tasks.Handler] = {
    "fall_back": fall_back,
    "auto_answer": auto_answer,
    "chat_unread": chat_unread,
    "held_reply_due": held_reply_due,
    "password_forgotten": password_forgotten,
    "requests_asked": requests_asked,
    "system_mail": mailer.deliver,
    "keep_recording": recordings.keep,
    "moderate": moderation.carry_out,
    "sla_recompute": sla.recompute,
    **chores.CHORES,
}


def drain() -> int:
    return tasks.drain("reactions", REACTIONS)
