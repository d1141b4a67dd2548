"""*Test connection*: are the settings whole, does Zalo renew the access, and which account is it?"""

from __future__ import annotations

from collections.abc import Iterator

from connectors.contract import ChannelConfig, ConnectorError, TestStep
from connectors.payloads import id_of, nfc
from connectors.zalo.api import ZaloApi, access_token


def steps(config: ChannelConfig) -> Iterator[TestStep]:
    """One step a question; ends at the first that fails."""
    oa_id = str(config.get("oa_id"))
    if not (oa_id.isdecimal() and str(config.get("app_id")).isdecimal()):
        yield TestStep("Settings", False, "The IDs of the account and of the app are long numbers.", "Copy them whole.")
        return
    yield TestStep("Settings", True, f"Official Account {oa_id}.")
    if config.vault is None:
        detail = "Zalo takes a refresh token only once, so it is not used up for a test. Save, then test again."
        yield TestStep("Access", True, detail)
        return
    name = "Access"
    try:
        access_token(config)
        yield TestStep(name, True, "Zalo gave an access token; it is renewed by itself from now on.")
        name = "Account"
        with ZaloApi(config) as api:
            found = api.get("v2.0/oa/getoa")
    except ConnectorError as error:
        yield TestStep(name, False, str(error), _advice(str(error)))
        return
    same = id_of(found.get("oa_id")) in ("", oa_id)
    advice = "" if same else "The token belongs to another Official Account; choose yours in the API Explorer."
    yield TestStep(name, same, nfc(found.get("name")) or "The account answers.", advice)


def _advice(said: str) -> str:
    if "token" in said:
        return "Get a new pair in Zalo's API Explorer and paste its refresh token; each one works once."
    return "Is the app linked to the Official Account, and does it have the right to send messages?"
