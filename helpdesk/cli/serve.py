"""`up`, `demo`, and the parts one by one: `web`, `worker`, `listen`, `clock`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from helpdesk.config import Settings, load
from helpdesk.errors import ConfigError

ready_file = click.option(
    "--ready-file", type=click.Path(dir_okay=False, path_type=Path), help="Written as JSON once everything answers."
)
data_folder = click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Data folder.")
port_option = click.option("--port", type=click.IntRange(0, 65535), help="Port (0: any free one).")


@click.command()
@data_folder
@click.option("--host", help="Address to listen on.")
@port_option
@ready_file
def up(data: Path | None, host: str | None, port: int | None, ready_file: Path | None) -> None:
    """Run the whole product: database, queue, web, workers, listeners and clock."""
    from helpdesk.processes import preparing
    from helpdesk.processes.tree import Tree

    settings = _placed(load(), data, host, port)
    Tree(settings, preparing.real, ready_file, say=click.echo).run()


@click.command()
@data_folder
@port_option
@ready_file
def demo(data: Path | None, port: int | None, ready_file: Path | None) -> None:
    """Run a throw-away shop with sample tickets, on this machine only."""
    from helpdesk.processes import demo as demonstration
    from helpdesk.processes import preparing
    from helpdesk.processes.tree import Tree

    settings = demonstration.settings(_placed(load(), data or demonstration.folder(), None, port))
    demonstration.check(settings)
    tree = Tree(settings, preparing.demo, ready_file, say=click.echo)
    tree.greet, tree.more = partial(demonstration.greet, say=click.echo), demonstration.parts
    tree.run()


@click.command()
@data_folder
@click.option("--host", help="Address to listen on.")
@port_option
def web(data: Path | None, host: str | None, port: int | None) -> None:
    """Run only the web process."""
    from helpdesk.processes import web as process

    settings = _placed(load(), data, host, port)
    opened = process.listen(settings.server.host, settings.server.port)
    click.echo(f"Listening on {process.address_of(opened)}")
    _alone(settings, "web", process.serve, opened)


@click.command()
@data_folder
@click.option("--queue", "queues", multiple=True, help="Only this queue; without it one process for each.")
def worker(data: Path | None, queues: tuple[str, ...]) -> None:
    """Run workers: each process serves one queue."""
    from helpdesk.processes import worker as process
    from helpdesk.processes.supervisor import Child, Supervisor, freeze
    from helpdesk.processes.tree import part, preload
    from helpdesk.wakeups import DRAINS

    settings = _with_queue(_placed(load(), data, None, None))
    process.check(settings, queues or DRAINS)
    if len(queues) == 1:
        _alone(settings, f"worker-{queues[0]}", process.serve, queues[0])
        return
    supervisor = Supervisor()
    app = preload(settings)
    freeze()
    for queue in queues or DRAINS:
        supervisor.add(Child(f"worker-{queue}", part(app, f"worker-{queue}", "helpdesk.processes.worker", queue)))
    while not supervisor.stopping:
        supervisor.tick(60.0)
    supervisor.stop()


@click.command()
@data_folder
def listen(data: Path | None) -> None:
    """Run only the listeners of the channels."""
    _alone(_placed(load(), data, None, None), "listen", import_module("helpdesk.processes.listen").serve)


@click.command()
@data_folder
def clock(data: Path | None) -> None:
    """Run only the clock."""
    _alone(_placed(load(), data, None, None), "clock", import_module("workers.clock").serve)


def _alone(settings: Settings, process: str, serve: Callable[..., Any], *arguments: Any) -> None:
    from helpdesk import logs
    from helpdesk.app import create_app

    settings = _with_queue(settings)
    logs.configure(settings, process)
    serve(create_app(settings), *arguments)


def _with_queue(settings: Settings) -> Settings:
    from helpdesk.processes.folder import with_queue

    return with_queue(settings)


def _placed(settings: Settings, data: Path | None, host: str | None, port: int | None) -> Settings:
    """The settings with what the command line says."""
    server = replace(settings.server, host=host or settings.server.host)
    if port is not None:
        server = replace(server, port=port)
    if data is not None:
        os.environ["HELPDESK_DATA"] = str(data)
    found = replace(settings, data=data or settings.data, server=server)
    if found.data.exists() and not found.data.is_dir():
        raise ConfigError(f"The data folder {found.data} is not a folder.")
    return found


COMMANDS = (up, demo, web, worker, listen, clock)
