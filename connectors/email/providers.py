"""Mail providers whose servers are known: by the domain of the address, or by the servers that take the domain's mail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Server:
    """Where a mail server listens; `security` is tls or starttls."""

    host: str
    port: int
    security: str


@dataclass(frozen=True)
class Found:
    """The servers of a mailbox, where that is known from, and how one signs in there (`sign_in` of the settings)."""

    imap: Server | None = None
    smtp: Server | None = None
    source: str = ""
    sign_in: str = "password"

    @property
    def settings(self) -> dict[str, str | int]:
        found: dict[str, str | int] = {"sign_in": self.sign_in} if self.imap or self.smtp else {}
        for kind, server in (("imap", self.imap), ("smtp", self.smtp)):
            if server is not None:
                found |= {f"{kind}_host": server.host, f"{kind}_port": server.port, f"{kind}_security": server.security}
        return found


def _of(imap: str, smtp: str, port: int = 465, sign_in: str = "password") -> Found:
    security = "tls" if port == 465 else "starttls"
    return Found(Server(imap, 993, "tls"), Server(smtp, port, security), "the list of known providers", sign_in)


_GOOGLE = _of("imap.gmail.com", "smtp.gmail.com", 465, "google")
_MICROSOFT = _of("outlook.office365.com", "smtp.office365.com", 587, "microsoft")
_OUTLOOK = _of("outlook.office365.com", "smtp-mail.outlook.com", 587, "microsoft")
_YAHOO = _of("imap.mail.yahoo.com", "smtp.mail.yahoo.com")
_ZOHO = _of("imap.zoho.com", "smtp.zoho.com")
_ICLOUD = _of("imap.mail.me.com", "smtp.mail.me.com", 587)
_FASTMAIL = _of("imap.fastmail.com", "smtp.fastmail.com")
_YANDEX = _of("imap.yandex.com", "smtp.yandex.com")
_MAILRU = _of("imap.mail.ru", "smtp.mail.ru")

_DOMAINS = {
    "gmail.com": _GOOGLE, "googlemail.com": _GOOGLE,
    "outlook.com": _OUTLOOK, "outlook.com.vn": _OUTLOOK, "hotmail.com": _OUTLOOK, "live.com": _OUTLOOK,
    "msn.com": _OUTLOOK,
    "yahoo.com": _YAHOO, "yahoo.com.vn": _YAHOO, "ymail.com": _YAHOO, "rocketmail.com": _YAHOO,
    "aol.com": _of("imap.aol.com", "smtp.aol.com"),
    "zoho.com": _ZOHO, "zohomail.com": _ZOHO, "zoho.eu": _of("imap.zoho.eu", "smtp.zoho.eu"),
    "icloud.com": _ICLOUD, "me.com": _ICLOUD, "mac.com": _ICLOUD,
    "fastmail.com": _FASTMAIL, "fastmail.fm": _FASTMAIL,
    "gmx.com": _of("imap.gmx.com", "mail.gmx.com", 587), "gmx.net": _of("imap.gmx.net", "mail.gmx.net", 587),
    "gmx.de": _of("imap.gmx.net", "mail.gmx.net", 587), "web.de": _of("imap.web.de", "smtp.web.de", 587),
    "yandex.com": _YANDEX, "yandex.ru": _YANDEX, "mail.ru": _MAILRU,
    "qq.com": _of("imap.qq.com", "smtp.qq.com"), "163.com": _of("imap.163.com", "smtp.163.com"),
}  # fmt: skip

# Providers of mail for one's own domain, by the end of the name of a server that takes its mail.
_EXCHANGERS = {
    "google.com": _GOOGLE, "googlemail.com": _GOOGLE, "psmtp.com": _GOOGLE,
    "mail.protection.outlook.com": _MICROSOFT, "mx.microsoft": _MICROSOFT,
    "zoho.com": _of("imappro.zoho.com", "smtppro.zoho.com"), "zoho.eu": _of("imappro.zoho.eu", "smtppro.zoho.eu"),
    "messagingengine.com": _FASTMAIL, "mail.icloud.com": _ICLOUD, "yandex.net": _YANDEX, "yandex.ru": _YANDEX,
    "mail.ru": _MAILRU, "yahoodns.net": _YAHOO,
    "mxhichina.com": _of("imap.qiye.aliyun.com", "smtp.qiye.aliyun.com"),
    "exmail.qq.com": _of("imap.exmail.qq.com", "smtp.exmail.qq.com"),
    "secureserver.net": _of("imap.secureserver.net", "smtpout.secureserver.net"),
    "kundenserver.de": _of("imap.ionos.de", "smtp.ionos.de"),
}  # fmt: skip

# Hosters whose numbered servers do everything: the one that takes the mail is the one to read and send with.
# Mắt Bão (pro51.emailserver.vn), Haravan (mail02.haravan.vn) and others in Vietnam.
_SAME_SERVER = ("emailserver.vn", "haravan.vn")


def by_domain(domain: str) -> Found | None:
    return _DOMAINS.get(domain)


def by_exchangers(hosts: Iterable[str]) -> Found | None:
    """From the MX records of a domain, best first."""
    for host in hosts:
        for suffix, found in _EXCHANGERS.items():
            if _ends(host, suffix):
                return Found(found.imap, found.smtp, "the servers that take the domain's mail (MX)", found.sign_in)
        if any(_ends(host, suffix) for suffix in _SAME_SERVER):
            return Found(
                Server(host, 993, "tls"), Server(host, 465, "tls"), "the servers that take the domain's mail (MX)"
            )
    return None


def _ends(host: str, suffix: str) -> bool:
    return host == suffix or host.endswith(f".{suffix}")
