"""A real IMAP server, run as an ordinary user. Every user name is accepted with the password "secret"."""

import imaplib
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from tests.servers.certificates import Certificate
from tests.servers.machine import folder_of, free_port, kill, listening, ordinary_user, require, start, wait_until

PASSWORD = "secret"

CONFIG = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
instance_name = helpdesk-test
log_path = {folder}/log
{tls}
disable_plaintext_auth = no
auth_failure_delay = 0
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
mail_max_userip_connections = 100
mail_location = maildir:{folder}/mail/%u
mail_uid = {user}
mail_gid = {group}
namespace inbox {{
  inbox = yes
  mailbox Sent {{
    auto = subscribe
    special_use = \\Sent
  }}
}}
{tokens}
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail/%u
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {tls_port}
    ssl = yes
  }}
}}
service stats {{
  chroot =
}}
"""


class Dovecot:
    """`with Dovecot() as server: uid = server.deliver(mail)`; with a certificate also STARTTLS, and TLS on tls_port.

    `token_info`: address of an authorisation server's token check; then XOAUTH2 is offered beside passwords.
    """

    host = "127.0.0.1"
    user = "support@example.com"
    password = PASSWORD

    def __init__(self, certificate: Certificate | None = None, token_info: str = "") -> None:
        self.certificate, self.token_info = certificate, token_info

    def __enter__(self) -> Self:
        program = require("dovecot")
        with ExitStack() as stack:
            runs_as = ordinary_user()
            self.folder = stack.enter_context(folder_of(runs_as))
            self.port, self.tls_port = free_port(), free_port() if self.certificate else 0
            config = self.folder / "conf"
            config.write_text(self._config(runs_as.pw_name, runs_as.pw_gid))
            config.chmod(0o644)
            process = start([program, "-c", str(config), "-F"], runs_as, self.folder / "out")
            stack.callback(kill, process)
            wait_until(lambda: process.poll() is not None or listening(self.port), f"Dovecot ({self.folder}/log)")
            if process.poll() is not None:
                raise RuntimeError((self.folder / "out").read_text())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def deliver(self, raw: bytes, folder: str = "INBOX", user: str | None = None) -> int:
        """Put a mail (RFC 5322, any line ends) into a folder, made when it is not there; its UID."""
        with self.session(user) as imap:
            imap.create(_quoted(folder))  # says NO when it is there, which is all right
            answer, data = imap.append(_quoted(folder), "", "", re.sub(rb"\r?\n", b"\r\n", raw))
        found = re.search(rb"APPENDUID \d+ (\d+)", data[0])
        if answer != "OK" or found is None:
            raise RuntimeError(f"APPEND: {answer} {data!r}")
        return int(found[1])

    def mails(self, folder: str = "INBOX", user: str | None = None) -> dict[int, bytes]:
        """Every mail of a folder by UID."""
        with self.session(user) as imap:
            imap.select(_quoted(folder), readonly=True)
            _, data = imap.uid("FETCH", "1:*", "(BODY.PEEK[])")
        parts = [part for part in data if isinstance(part, tuple)]
        return {int(re.search(rb"UID (\d+)", head)[1]): body for head, body in parts}

    def flags(self, uid: int, folder: str = "INBOX", user: str | None = None) -> set[str]:
        with self.session(user) as imap:
            imap.select(_quoted(folder), readonly=True)
            _, data = imap.uid("FETCH", str(uid), "(FLAGS)")
        return set(re.search(rb"FLAGS \(([^)]*)\)", data[0])[1].decode().split())

    def uidvalidity(self, folder: str = "INBOX", user: str | None = None) -> int:
        with self.session(user) as imap:
            _, data = imap.status(_quoted(folder), "(UIDVALIDITY)")
        return int(re.search(rb"UIDVALIDITY (\d+)", data[0])[1])

    def change_uidvalidity(self, folder: str = "INBOX", user: str | None = None) -> int:
        """Renumber a folder, as after a restore from backup; the new UIDVALIDITY. Nobody should be connected to it."""
        before = self.uidvalidity(folder, user)
        maildir = self._maildir(folder, user)
        (maildir / "dovecot-uidlist").unlink(missing_ok=True)
        for index in maildir.glob("dovecot.index*"):
            index.unlink()
        while (after := self.uidvalidity(folder, user)) == before:  # it is made of the clock's seconds
            time.sleep(0.2)
            (maildir / "dovecot-uidlist").unlink(missing_ok=True)
            for index in maildir.glob("dovecot.index*"):
                index.unlink()
        return after

    @contextmanager
    def session(self, user: str | None = None) -> Iterator[imaplib.IMAP4]:
        """A logged-in connection."""
        imap = imaplib.IMAP4(self.host, self.port, timeout=60)
        try:
            imap.login(user or self.user, self.password)
            yield imap
        finally:
            imap.logout()

    def _maildir(self, folder: str, user: str | None) -> Path:
        base = self.folder / "mail" / (user or self.user)
        return base if folder == "INBOX" else base / f".{folder}"

    def _config(self, user: str, gid: int) -> str:
        import grp

        group = grp.getgrgid(gid).gr_name
        ports = {"port": self.port, "tls_port": self.tls_port}
        return CONFIG.format(
            folder=self.folder,
            user=user,
            group=group,
            tls=self._tls(),
            password=PASSWORD,
            tokens=self._tokens(),
            **ports,
        )

    def _tokens(self) -> str:
        if not self.token_info:
            return ""
        file = self.folder / "oauth2"
        mode = "introspection_mode = auth\nusername_attribute = email\n"
        file.write_text(f"tokeninfo_url = {self.token_info}?access_token=\n{mode}")
        file.chmod(0o644)
        how = f"driver = oauth2\n  mechanisms = xoauth2\n  args = {file}"
        return f"auth_mechanisms = plain login xoauth2\npassdb {{\n  {how}\n}}"

    def _tls(self) -> str:
        """Dovecot's settings of it; it needs files its own user can read."""
        if self.certificate is None:
            return "ssl = no"
        for file in (self.certificate.cert, self.certificate.key):
            copy = self.folder / file.name
            copy.write_bytes(file.read_bytes())
            copy.chmod(0o644)
        cert, key = self.certificate.cert.name, self.certificate.key.name
        return f"ssl = yes\nssl_cert = <{self.folder}/{cert}\nssl_key = <{self.folder}/{key}"


def _quoted(folder: str) -> str:
    return '"' + folder.replace("\\", "\\\\").replace('"', '\\"') + '"'
