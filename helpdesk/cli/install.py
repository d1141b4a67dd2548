"""`init`, `db upgrade`, `doctor`: from an empty machine to one that works."""

from __future__ import annotations

import secrets
import sys

import click

from helpdesk.cli import context
from helpdesk.config import load
from helpdesk.errors import HelpdeskError


@click.command()
@click.option("--admin-email", required=True, help="The first administrator's address.")
@click.option("--admin-name", default="", help="Their name (else made from the address).")
@click.option("--admin-password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--brand", default="", help="The business's name, as customers see it.")
@click.option("--locale", default="", help="Language: en or vi.")
@click.option("--timezone", default="", help="For instance Asia/Ho_Chi_Minh.")
@click.option("--public-url", default="", help="The address people reach this desk at.")
def init(
    admin_email: str,
    admin_name: str,
    admin_password_stdin: bool,
    brand: str,
    locale: str,
    timezone: str,
    public_url: str,
) -> None:
    """Make the data folder, the key, the database and the first administrator."""
    from helpdesk.processes import folder
    from helpdesk.processes.preparing import migrate
    from helpdesk.services import first_run
    from helpdesk.signing import make_secret
    from helpdesk.unit_of_work import unit_of_work

    password = read_secret(admin_password_stdin, "Password for the administrator")
    settings = load()
    folder.prepare(settings.data)
    if not settings.secret_key:
        make_secret(settings.data)
    migrate(settings)
    values = {
        "email": admin_email,
        "name": admin_name or admin_email.partition("@")[0],
        "password": password,
        "brand": brand,
        "locale": locale,
        "timezone": timezone,
        "public_url": public_url,
    }
    with context.app(folder.with_queue(settings)), unit_of_work(actor="operator") as work:
        first_run.run(work, values)
    click.echo(f"{admin_email} can sign in now. `helpdesk up` runs the desk.")


def read_secret(from_stdin: bool, prompt: str) -> str:
    """One line from standard input, or typed twice on a terminal."""
    if from_stdin:
        value = sys.stdin.readline().rstrip("\r\n")
        if not value:
            raise HelpdeskError("Nothing came on standard input.")
        return value
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask on; give the secret on standard input (--…-stdin)")
    return str(click.prompt(prompt, hide_input=True, confirmation_prompt=True))


@click.group()
def db() -> None:
    """The database's schema."""


@db.command("upgrade")
def upgrade() -> None:
    """Bring the database to this version's schema."""
    from helpdesk.database import writer_engine
    from helpdesk.migrate import state
    from helpdesk.processes import folder
    from helpdesk.processes.preparing import migrate

    settings = load()
    if settings.sqlite:
        folder.prepare(settings.data)
    migrate(settings)
    engine = writer_engine(settings)
    current, _newest = state(engine)
    engine.dispose()
    click.echo(f"The database is at revision {current}.")


@click.command()
@context.as_json
@click.option("--offline", is_flag=True, help="Do not call the public address or the channels' servers.")
def doctor(as_json: bool, offline: bool) -> int:
    """Check configuration, key, database, queue, processes, channels, disk and clock, and say what to do."""
    from helpdesk.cli.checks import run_checks

    results = run_checks(load(), offline=offline)
    if as_json:
        context.show([vars(r) for r in results])
    else:
        for r in results:
            click.echo(f"{r.state.upper():<5} {r.name}: {r.told}" + (f"\n      → {r.advice}" if r.advice else ""))
    return 1 if any(r.state == "fail" for r in results) else 0


def generated_password() -> str:
    """For somebody who will be told it once."""
    return secrets.token_urlsafe(12)


COMMANDS = (init, db, doctor)
