"""What a machine needs to start: TOML file + environment -> frozen, typed settings.

config.example.toml lists every key with its default; tests/test_config.py keeps the two equal.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from helpdesk.errors import ConfigError


@dataclass(frozen=True)
class Server:
    host: str = "127.0.0.1"
    port: int = 8080
    mode: str = "threading"  # threading, gevent (PostgreSQL only)
    threads: int = 128
    sockets_per_address: int = 20
    trusted_proxies: int = 0
    secure_cookies: bool = False
    metrics_token: str = ""


@dataclass(frozen=True)
class Database:
    url: str = ""  # empty: SQLite in the data folder
    pool_size: int = 16


@dataclass(frozen=True)
class Redis:
    url: str = ""  # empty: an embedded Valkey


@dataclass(frozen=True)
class Network:
    allow_private: tuple[str, ...] = ()


@dataclass(frozen=True)
class Email:
    trusted_hosts: tuple[str, ...] = ()
    max_message_mb: int = 40
    # PEM files for mail delivered straight to us: the chain of certificates and its key.
    smtp_certificate: str = ""
    smtp_key: str = ""


@dataclass(frozen=True)
class Limits:
    max_upload_mb: int = 20
    login_per_minute: int = 10
    api_per_minute: int = 600
    widget_messages_per_minute: int = 20


@dataclass(frozen=True)
class Log:
    format: str = "console"  # console, json
    level: str = "INFO"


@dataclass(frozen=True)
class Settings:
    data: Path = Path("data")
    server: Server = field(default_factory=Server)
    database: Database = field(default_factory=Database)
    redis: Redis = field(default_factory=Redis)
    network: Network = field(default_factory=Network)
    email: Email = field(default_factory=Email)
    limits: Limits = field(default_factory=Limits)
    log: Log = field(default_factory=Log)
    channels: tuple[dict[str, Any], ...] = ()  # [[channels]]: declared here, read-only in the settings page
    secret_key: str = ""  # only from the environment

    @property
    def database_url(self) -> str:
        url = self.database.url or f"sqlite:///{(self.data / 'helpdesk.db').absolute()}"
        for old in ("postgresql://", "postgres://"):
            if url.startswith(old):
                return "postgresql+psycopg://" + url[len(old) :]
        return url

    @property
    def sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def private_networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        return tuple(ipaddress.ip_network(n) for n in self.network.allow_private)


ENVIRONMENT = {
    "HELPDESK_DATA": ("data",),
    "HELPDESK_DATABASE_URL": ("database", "url"),
    "HELPDESK_REDIS_URL": ("redis", "url"),
    "HELPDESK_SECRET_KEY": ("secret_key",),
    "HELPDESK_LOG": ("log", "format"),
}
_NOT_IN_FILE = {"secret_key"}
# The least that works; a number below it would stop the desk in a way nobody understands.
LEAST = {
    "server.threads": 48,
    "server.sockets_per_address": 1,
    "server.trusted_proxies": 0,
    "database.pool_size": 1,
    "email.max_message_mb": 1,
    "limits.max_upload_mb": 1,
    "limits.login_per_minute": 1,
    "limits.api_per_minute": 1,
    "limits.widget_messages_per_minute": 1,
}


def load(path: Path | None = None, environ: dict[str, str] | None = None) -> Settings:
    """Settings from `path` (or HELPDESK_CONFIG, or ./config.toml if it exists) and the environment.

    Raises ConfigError: an unknown key, a wrong type, a value that cannot work; it names the key and the file.
    """
    env = dict(os.environ if environ is None else environ)
    named = path or (Path(env["HELPDESK_CONFIG"]) if env.get("HELPDESK_CONFIG") else None)
    if named is not None and not named.exists():
        raise ConfigError(f"The configuration file {named} does not exist.")
    file = named or Path("config.toml")
    table: dict[str, Any] = {}
    if file.exists():
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file} is not valid TOML: {error}.") from error
    for key in _NOT_IN_FILE & table.keys():
        raise ConfigError(f"`{key}` in {file} is not read from a file; set HELPDESK_SECRET_KEY instead.")
    settings = _build(Settings, table, str(file), "")
    for name, place in ENVIRONMENT.items():
        if env.get(name):
            settings = _override(settings, place, env[name])
    return _check(settings, str(file))


def _build(cls: type[Any], table: dict[str, Any], file: str, prefix: str) -> Any:
    hints = get_type_hints(cls)
    known = {f.name for f in fields(cls)}
    for key in table:
        if key not in known:
            raise ConfigError(f"Unknown key `{prefix}{key}` in {file}.")
    return cls(**{key: _coerce(hints[key], value, file, prefix + key) for key, value in table.items()})


def _coerce(hint: Any, value: Any, file: str, name: str) -> Any:
    if hint in (Server, Database, Redis, Network, Email, Limits, Log):
        if not isinstance(value, dict):
            raise ConfigError(f"`{name}` in {file} must be a table.")
        return _build(hint, value, file, name + ".")
    if hint is Path and isinstance(value, str):
        return Path(value)
    if hint is bool and isinstance(value, bool):
        return value
    if hint is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if hint is str and isinstance(value, str):
        return value
    if name == "channels" and isinstance(value, list) and all(isinstance(v, dict) for v in value):
        return tuple(value)
    if hint == tuple[str, ...] and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    wanted = {Path: "a text", bool: "true or false", int: "a whole number", str: "a text"}.get(hint, "a list of texts")
    raise ConfigError(f"`{name}` in {file} must be {wanted}.")


def _override(settings: Settings, place: tuple[str, ...], value: str) -> Settings:
    if len(place) == 1:
        return replace(settings, **{place[0]: Path(value) if place[0] == "data" else value})
    section = getattr(settings, place[0])
    return replace(settings, **{place[0]: replace(section, **{place[1]: value})})


def _check(settings: Settings, file: str) -> Settings:
    if settings.server.mode not in ("threading", "gevent"):
        raise ConfigError(f"`server.mode` in {file} must be threading or gevent.")
    if settings.server.mode == "gevent" and settings.sqlite:
        raise ConfigError(f"`server.mode = gevent` in {file} needs PostgreSQL: set `database.url`.")
    for name, least in LEAST.items():
        section, _dot, key = name.partition(".")
        if getattr(getattr(settings, section), key) < least:
            raise ConfigError(f"`{name}` in {file} must be at least {least}.")
    if not settings.server.host.strip():
        raise ConfigError(f"`server.host` in {file} must not be empty; 0.0.0.0 listens on every address.")
    if not 0 <= settings.server.port <= 65535:
        raise ConfigError(f"`server.port` in {file} must lie between 0 and 65535.")
    if settings.log.level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ConfigError(f"`log.level` in {file} must be DEBUG, INFO, WARNING or ERROR.")
    if settings.log.format not in ("console", "json"):
        raise ConfigError(f"`log.format` in {file} (or HELPDESK_LOG) must be console or json.")
    if not settings.database_url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ConfigError(f"`database.url` in {file} must start with postgresql:// or sqlite:///.")
    if settings.redis.url and not settings.redis.url.startswith(("redis://", "rediss://", "unix://")):
        raise ConfigError(
            f"`redis.url` in {file} (or HELPDESK_REDIS_URL) must start with redis://, rediss:// or unix://."
        )
    if bool(settings.email.smtp_certificate) != bool(settings.email.smtp_key):
        raise ConfigError(f"`email.smtp_certificate` and `email.smtp_key` in {file} belong together.")
    for number, network in enumerate(settings.network.allow_private):
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            raise ConfigError(f"`network.allow_private[{number}]` in {file} is not a network: {error}.") from error
    return settings
