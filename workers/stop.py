"""Asked to stop: a drain ends after what it has in hand, instead of going on until nothing is due."""

from __future__ import annotations

from threading import Event

asked = Event()
