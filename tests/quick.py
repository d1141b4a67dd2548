"""What every new application of the suite would compile anew, compiled once a process: addresses, templates, statements.

All are pure functions of their text: nothing of one application reaches another.
"""

from __future__ import annotations

from typing import Any

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from sqlalchemy import Dialect, Engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.util import LRUCache
from werkzeug.routing import Rule


class Memory(BytecodeCache):
    """Compiled templates by name and content."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if bucket.key in self.kept:
            bucket.bytecode_from_string(self.kept[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        self.kept[bucket.key] = bucket.bytecode_to_string()


def compile_once() -> None:
    """Nothing happens where a library changed its inside."""
    _share_statements()
    Flask.jinja_options = {"bytecode_cache": Memory()}
    compile_builder: Any = getattr(Rule, "_compile_builder", None)
    if compile_builder is None:
        return
    built: dict[Any, Any] = {}

    def once(rule: Any, append_unknown: bool = True) -> Any:
        key = (tuple(rule._trace), repr(rule.defaults), append_unknown)
        if key not in built:
            built[key] = compile_builder(rule, append_unknown)
        return built[key]

    Rule._compile_builder = once  # type: ignore[method-assign]


def _share_statements() -> None:
    """SQL of a statement is kept by engine, and every test has an engine of its own to the same kind of database."""
    kept: dict[type[Dialect], Any] = {}

    def shared(engine: Any) -> Any:
        return kept.setdefault(type(engine.dialect), LRUCache(4000))

    Engine._compiled_cache = property(shared, lambda engine, own: None)  # type: ignore[assignment]
    for dialect in (sqlite.dialect, postgresql.psycopg.dialect):
        dialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign,assignment,misc]
        dialect.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign,assignment,misc]
