"""Imports run downward. The folder is the floor; this test holds it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCREENS = ("accounts", "api", "customers", "inbox", "public", "reports", "settings")

# Ground to roof. A module may import from its own floor (without making a circle) and from those below.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("connectors",),
    (
        "helpdesk.paths",
        "helpdesk.errors",
        "helpdesk.events",
        "helpdesk.config",
        "helpdesk.business_time",
        "helpdesk.folding",
        "helpdesk.blocks",
        "helpdesk.signing",
        "helpdesk.storage",
        "helpdesk.failpoints",
        "helpdesk.logs",
        "helpdesk.database",
    ),
    ("helpdesk.extensions", "helpdesk.templating", "helpdesk.static_files"),
    ("helpdesk.models", "helpdesk.migrate", "helpdesk.wakeups"),
    ("helpdesk.access", "helpdesk.realtime", "helpdesk.broadcast", "helpdesk.open_sockets"),
    ("helpdesk.unit_of_work", "helpdesk.newcomers", "helpdesk.event_log"),
    ("helpdesk.services", *(f"helpdesk.demo.{m}" for m in ("ports", "shop", "mailbox", "customer", "pictures"))),
    (
        "helpdesk.forms",
        "helpdesk.words",
        "helpdesk.whys",
        "helpdesk.problem_words",
        "helpdesk.assets",
        *(f"helpdesk.{s}" for s in SCREENS),
    ),
    ("helpdesk.listeners",),
    ("helpdesk.app",),
    ("helpdesk.processes.heartbeat",),
    ("helpdesk.demo",),
    ("workers",),
    ("helpdesk.processes",),
    ("helpdesk.backups", "helpdesk.transfers"),
    ("helpdesk.cli", "wsgi"),
)


def floor_of(module: str) -> int | None:
    for number, rooms in enumerate(FLOORS):
        if any(module == room or module.startswith(room + ".") for room in rooms):
            return number
    return None


def modules() -> Iterator[tuple[str, Path]]:
    for top in ("helpdesk", "connectors", "workers"):
        for path in sorted((ROOT / top).rglob("*.py")):
            if "static" in path.parts or "_data" in path.parts:
                continue
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path
    yield "wsgi", ROOT / "wsgi.py"


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(module: str, path: Path, *, top_only: bool = False) -> Iterator[tuple[str, int]]:
    """Each imported module with its line; `top_only`: without those inside functions, which break circles."""
    known = NAMES
    for node in tree(path).body if top_only else ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
                package = package[: len(package) - node.level + 1]
                base = ".".join([*package, base] if base else package)
            for name in node.names:
                full = f"{base}.{name.name}"
                yield (full if full in known else base), node.lineno


NAMES = {name for name, _path in modules()}
OURS = ("helpdesk", "connectors", "workers", "wsgi")


def all_imports() -> list[tuple[str, str, int]]:
    return [
        (module, target, line)
        for module, path in modules()
        for target, line in imports(module, path)
        if target.split(".")[0] in OURS
    ]


def test_every_module_has_a_floor() -> None:
    homeless = [m for m in NAMES if floor_of(m) is None and m != "helpdesk"]
    assert homeless == []


def test_imports_run_downward() -> None:
    upward = []
    for module, target, line in all_imports():
        here, there = floor_of(module), floor_of(target)
        if here is not None and there is not None and there > here:
            upward.append(f"{module}:{line} imports {target}")
    assert upward == []


def test_connectors_know_nothing_of_the_desk() -> None:
    assert [
        f"{m}:{line} {t}"
        for m, t, line in all_imports()
        if m.startswith("connectors") and not t.startswith("connectors")
    ] == []


def test_the_desk_never_imports_workers() -> None:
    roof = ("helpdesk.cli", "helpdesk.processes", "helpdesk.demo")
    assert [
        f"{m}:{line} {t}"
        for m, t, line in all_imports()
        if m.startswith("helpdesk") and not m.startswith(roof) and t.startswith("workers")
    ] == []


@pytest.mark.parametrize("word", ["flask.request", "rq", "socketio", "flask_socketio"])
def test_services_know_no_request_queue_or_socket(word: str) -> None:
    found = []
    for module, path in modules():
        if not module.startswith("helpdesk.services"):
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom):
                names = {f"{node.module}.{n.name}" for n in node.names} | {node.module or ""}
            elif isinstance(node, ast.Import):
                names = {n.name for n in node.names}
            else:
                continue
            if word in names:
                found.append(f"{module}:{node.lineno}")
    assert found == []


def test_views_never_commit() -> None:
    found = []
    for module, path in modules():
        if module.startswith(tuple(f"helpdesk.{s}" for s in SCREENS)):
            text = path.read_text(encoding="utf-8")
            found += [f"{module} {what}" for what in (".commit()", "session.add(", "session.delete(") if what in text]
    assert found == []


def test_no_module_asks_what_a_channel_is() -> None:
    """Ask what a connector can do, never what it is: kinds are named only in connectors/<kind>."""
    kinds = {"email", "widget", "telegram", "phone"}
    found = []
    for module, path in modules():
        if module.startswith(("connectors", "helpdesk.demo")):
            continue
        for node in ast.walk(tree(path)):
            if not isinstance(node, ast.Compare):
                continue
            sides = [node.left, *node.comparators]
            names = {ast.unparse(s) for s in sides}
            texts = {s.value for s in sides if isinstance(s, ast.Constant) and isinstance(s.value, str)}
            if texts & kinds and any(n.endswith(("channel.kind", ".channel")) or n == "kind" for n in names):
                found.append(f"{module}:{node.lineno} {ast.unparse(node)}")
    assert found == []


def test_there_is_no_circle() -> None:
    graph = {
        module: {
            target for target, _line in imports(module, path, top_only=True) if target in NAMES and target != module
        }
        for module, path in modules()
    }
    done: set[str] = set()
    path_now: list[str] = []

    def visit(name: str) -> list[str]:
        if name in path_now:
            return [*path_now[path_now.index(name) :], name]
        if name in done:
            return []
        path_now.append(name)
        for target in sorted(graph.get(name, ())):
            circle = visit(target)
            if circle:
                return circle
        path_now.pop()
        done.add(name)
        return []

    for name in sorted(graph):
        assert visit(name) == []
