"""What a connector is: frozen shapes that cross the border, and small protocols to compose.

The rest of the product asks what a connector *can do* (`isinstance(connector, Sends)`), never what it is. Everything is
imported from here; where each noun stands is this package's own business.
"""

from connectors.abilities import (
    Accepts,
    Checks,
    Completes,
    Connector,
    Detects,
    Fetches,
    InPlace,
    Invites,
    Listens,
    Logs,
    Moderates,
    Opens,
    Parses,
    ParsesMany,
    Rates,
    Records,
    Renews,
    Sends,
    Serves,
    Settles,
    Shares,
    SignsIn,
    Templated,
    Tests,
    Types,
)
from connectors.declaring import ChannelConfig, IPNetwork, Limits, Setting, SettingType, Template, Vault, Window
from connectors.doors import Accepted, Batch, Raw, WebRequest
from connectors.failures import ConnectorError, OutcomeUnknown, PermanentFailure, Refused, TemporaryFailure, Unparseable
from connectors.inbound import (
    Address,
    BouncedRecipient,
    Evidence,
    File,
    Inbound,
    InboundBounce,
    InboundCall,
    InboundMessage,
    InboundMoved,
    InboundRating,
    InboundReach,
    InboundRemoval,
    InboundReport,
)
from connectors.outbound import (
    Contact,
    Detected,
    FileLink,
    Outbound,
    OutFile,
    Place,
    Quote,
    Receipt,
    RecipientResult,
    Shared,
    Sticker,
    SurveyAsk,
    TemplateUse,
    TestStep,
)

__all__ = [
    "Accepted", "Accepts", "Address", "Batch", "BouncedRecipient", "ChannelConfig", "Checks", "Completes",
    "Connector", "ConnectorError", "Contact", "Detected", "Detects", "Evidence", "Fetches", "File", "FileLink",
    "IPNetwork", "InPlace", "Inbound", "InboundBounce", "InboundCall", "InboundMessage", "InboundMoved",
    "InboundRating", "InboundReach", "InboundRemoval", "InboundReport", "Invites", "Limits", "Listens", "Logs",
    "Moderates", "Opens", "OutFile", "Outbound", "OutcomeUnknown", "Parses", "ParsesMany", "PermanentFailure",
    "Place", "Quote", "Rates", "Raw", "Receipt", "RecipientResult", "Records", "Refused", "Renews", "Sends", "Serves",
    "Setting", "SettingType", "Settles", "Shared", "Shares", "SignsIn", "Sticker", "SurveyAsk", "Template",
    "TemplateUse", "Templated", "TemporaryFailure", "TestStep", "Tests", "Types", "Unparseable", "Vault",
    "WebRequest", "Window",
]  # fmt: skip
