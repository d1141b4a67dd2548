"""Signing in, first run, own profile."""

from __future__ import annotations

from helpdesk.accounts import first_run, links, notices, profile, security, signin
from helpdesk.accounts.blueprint import bp

__all__ = ["bp", "first_run", "links", "notices", "profile", "security", "signin"]
