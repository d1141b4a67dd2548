"""Customers: list, profile, merge; search; starting a conversation and logging a call. One thing a module."""

from __future__ import annotations

from helpdesk.customers import call, finding, listing, message, profile, same
from helpdesk.customers.blueprint import bp

__all__ = ["bp", "call", "finding", "listing", "message", "profile", "same"]
