"""Named places where a test may kill or delay the process: HELPDESK_FAILPOINT="after_commit:kill" (or :sleep=2, :raise)."""

from __future__ import annotations

import os
import signal
import time


def failpoint(name: str) -> None:
    """Does nothing unless the environment names this place; `name@N:act` acts on the Nth passing."""
    wanted = os.environ.get("HELPDESK_FAILPOINT")
    if not wanted:
        return
    place, _, act = wanted.partition(":")
    place, _, count = place.partition("@")
    if place != name:
        return
    if count:
        left = int(count) - 1
        if left > 0:
            os.environ["HELPDESK_FAILPOINT"] = f"{place}@{left}:{act}"
            return
    if act == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif act.startswith("sleep="):
        time.sleep(float(act[6:]))
    elif act == "raise":
        raise RuntimeError(f"failpoint {name}")
