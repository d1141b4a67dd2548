"""`agent` and `token`: people and API tokens."""

from __future__ import annotations

import click

from helpdesk.cli import context
from helpdesk.cli.install import generated_password, read_secret
from helpdesk.errors import HelpdeskError


@click.group()
def agent() -> None:
    """People who work at the desk."""


@agent.command("add")
@click.argument("email")
@click.option("--name", default="", help="Their name (else made from the address).")
@click.option("--role", type=click.Choice(["agent", "supervisor", "admin"]), default="agent", show_default=True)
@click.option("--team", "teams", multiple=True, help="Name of a team they belong to.")
@click.option("--leads", "leads", multiple=True, help="Name of a team they lead.")
@click.option("--locale", default="")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@context.as_json
def add(
    email: str, name: str, role: str, teams: tuple[str, ...], leads: tuple[str, ...], locale: str, password_stdin: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Add somebody; without --password-stdin a password is made and printed once."""
    from helpdesk.services import people

    password = read_secret(True, "") if password_stdin else generated_password()
    with context.writing() as work:
        made = people.add_agent(
            work, None, email=email, name=name or email.partition("@")[0], role=role, password=password, locale=locale,
            teams=_team_ids(work.session, teams), leads=_team_ids(work.session, leads),
        )  # fmt: skip
        row = {"id": made.id, "email": made.email, "name": made.name, "role": made.role}
    if not password_stdin:
        row["password"] = password
    if as_json:
        context.show(row)
    else:
        click.echo(
            f"Added {row['email']} as {role}." + ("" if password_stdin else f" Password, shown once: {password}")
        )


def _team_ids(session: object, names: tuple[str, ...]) -> list[int]:
    from sqlalchemy import select

    from helpdesk.models import Team

    found = dict(session.execute(select(Team.name, Team.id).where(Team.archived_at.is_(None))).all())  # type: ignore[attr-defined]
    missing = [n for n in names if n not in found]
    if missing:
        raise HelpdeskError(f"There is no team called {', '.join(missing)}.")
    return [found[n] for n in names]


@agent.command("list")
@context.as_json
def list_(as_json: bool) -> None:
    """Everybody, the disabled too."""
    from sqlalchemy import select

    from helpdesk.extensions import db
    from helpdesk.models import Agent

    with context.app():
        rows = [
            {"id": a.id, "email": a.email, "name": a.name, "role": a.role, "locale": a.locale, "active": a.active}
            for a in db.session.scalars(select(Agent).order_by(Agent.id))
        ]
    context.show(rows) if as_json else context.table(rows, ("id", "email", "name", "role", "active"))


@agent.command("disable")
@click.argument("email")
def disable(email: str) -> None:
    """They are out at once: sessions, tokens and links end."""
    from helpdesk.services import people

    with context.writing() as work:
        people.disable(work, None, _id(work.session, email))
    click.echo(f"{email} is disabled.")


@agent.command("reset-password")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--link", is_flag=True, help="Print a link with which they choose one themselves.")
def reset_password(email: str, password_stdin: bool, link: bool) -> None:
    """Give somebody a new password; all their sessions end."""
    from helpdesk.services import invites, people

    password = read_secret(True, "") if password_stdin else generated_password()
    with context.writing() as work:
        agent_id = _id(work.session, email)
        if link:
            handed = invites.send_reset(work, None, agent_id)
        else:
            people.reset_password(work, None, agent_id, password)
    if link:
        click.echo(handed.address or f"A link was mailed to {email}.")
    elif password_stdin:
        click.echo(f"The password of {email} is changed.")
    else:
        click.echo(f"New password of {email}, shown once: {password}")


def _id(session: object, email: str) -> int:
    from helpdesk.services import people

    found = people.by_email(session, email)  # type: ignore[arg-type]
    if found is None:
        raise HelpdeskError(f"Nobody here has the address {email}.")
    return found.id


@click.group()
def token() -> None:
    """API tokens."""


@token.command("create")
@click.option("--agent", "email", required=True, help="Whose rights it has.")
@click.option("--name", required=True, help="What it is for.")
@click.option("--scopes", default="read,write", show_default=True, help="Of read, write, admin; separated by commas.")
@context.as_json
def create(email: str, name: str, scopes: str, as_json: bool) -> None:
    """Make a token and print it, once."""
    from helpdesk.services import tokens

    wanted = [s for s in scopes.replace(",", " ").split() if s]
    with context.writing() as work:
        row, text = tokens.create(work, None, agent_id=_id(work.session, email), name=name, scopes=wanted)
        told = {"id": row.id, "name": row.name, "scopes": list(row.scopes), "token": text}
    if as_json:
        context.show(told)
    else:
        click.echo(text)


COMMANDS = (agent, token)
