"""The blueprint of the inbox, by itself so that its modules can share it without a circle."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("inbox", __name__)
