"""The connector printed in docs/developers/new-connector.md passes the conformance suite as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "developers" / "new-connector.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE.read_text(), re.M | re.S)


def test_the_guides_connector_is_short():
    assert len(blocks("python")[0].splitlines()) < 150


def test_the_guides_connector_passes_the_suite(tmp_path):
    connector, kit = blocks("python")
    (example,) = blocks("json")
    shutil.copytree(ROOT / "connectors", tmp_path / "connectors", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "connectors" / "smsbox"
    (folder / "examples").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "connector.py").write_text(connector)
    (folder / "examples" / "text.json").write_text(example)
    tests = tmp_path / "tests" / "connectors"
    tests.mkdir(parents=True)
    (tmp_path / "tests" / "__init__.py").touch()
    for name in ("kits.py", "test_contract.py"):
        shutil.copy(ROOT / "tests" / "connectors" / name, tests / name)
    with (tests / "kits.py").open("a") as kits:
        kits.write("\n\n" + kit)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-k", "smsbox or kit", "-p", "no:cacheprovider", "-W", "error",
         "--rootdir", str(tmp_path), "tests/connectors/test_contract.py"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, timeout=110,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    passed = re.search(r"(\d+) passed", ran.stdout)
    assert passed and int(passed.group(1)) >= 40, ran.stdout[-500:]
