"""Zalo's error codes in plain words. They come from working integrations, not from Zalo's own list."""

from __future__ import annotations

from connectors.contract import ConnectorError, PermanentFailure, TemporaryFailure

EXPIRED = frozenset({-216, -220})
RATE_S = 60.0
_BLOCKED = {
    -213: "The customer does not follow the Official Account, or has not written within 48 hours.",
    -227: "This Zalo account is banned, or was not used for 45 days.",
    -244: "The customer does not want messages of this kind from the Official Account.",
}
_MESSAGE = {
    -200: "Zalo could not send the message.",
    -201: "Zalo says that something in the message is not valid.",
    -211: "The Official Account has used up its messages.",
    -218: "This customer has been sent as many messages as Zalo allows without an answer.",
    -230: "The customer has not written for 7 days. Zalo then takes no ordinary message; use another channel.",
    -232: "The customer has never written to the Official Account.",
    -233: "Zalo does not take this kind of message.",
    -234: "Zalo does not deliver such messages between 22:00 and 6:00.",
    -240: "Zalo has shut down this way of sending.",
}
_ACCOUNT = {
    -204: "The Official Account was deleted.",
    -205: "There is no such Official Account.",
    -206: "The app is not linked to the Official Account.",
    -209: "This way of sending is not enabled for the Official Account.",
    -216: "Zalo does not accept the access token.",
    -220: "The access token has expired.",
    -221: "The Official Account is not verified.",
    -223: "The Official Account has not given the app this permission.",
    -224: "The Official Account's plan does not include this; Zalo wants a higher one.",
    -320: "The app needs a Zalo Cloud Account.",
    -321: "The Zalo Cloud Account has run out of money.",
}


SENTENCES = (*_BLOCKED.values(), *_MESSAGE.values(), *_ACCOUNT.values())


def failure(code: int, said: str) -> ConnectorError:
    """The error for one answer that is not 0; `said` is Zalo's own message."""
    if code == -32:
        return TemporaryFailure("Zalo asks to wait: too many messages in a minute.", retry_after=RATE_S)
    if code in _BLOCKED:
        return PermanentFailure(_BLOCKED[code], blocked=code == -227)
    if code in _MESSAGE:
        return PermanentFailure(_MESSAGE[code])
    if code in _ACCOUNT:
        return PermanentFailure(_ACCOUNT[code], account=True)
    return PermanentFailure(f"Zalo refused ({code}): {said[:200]}" if said else f"Zalo refused ({code}).")
