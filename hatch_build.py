"""Build the front end and the translations while a wheel or an editable install is made.

HELPDESK_SKIP_FRONTEND=1 leaves both out. The wheel carries templates, migrations and translations under
helpdesk/_data, where helpdesk/paths.py finds them when there is no checkout around it.
"""

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))
from tools import assets  # noqa: E402

DATA = ("templates", "migrations", "alembic.ini", "config.example.toml")


class CustomBuildHook(BuildHookInterface):
    def dependencies(self) -> list[str]:
        """A Node.js from the package index, only where the machine has none that will do."""
        if self._skip() or assets.node_on_path():
            return []
        return [assets.NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        if not self._skip():
            self._build(clean=version != "editable")
        if version != "editable":
            build_data["force_include"].update(self._data())

    def _build(self, *, clean: bool) -> None:
        from tools import translations

        translations.compile_all()
        assets.build(clean=clean)

    def _data(self) -> dict[str, str]:
        root = Path(self.root)
        found = {str(root / name): f"helpdesk/_data/{name}" for name in DATA if (root / name).exists()}
        for catalogue in (root / "translations").glob("*/LC_MESSAGES/messages.mo"):
            found[str(catalogue)] = f"helpdesk/_data/{catalogue.relative_to(root)}"
        return found

    @staticmethod
    def _skip() -> bool:
        return os.environ.get("HELPDESK_SKIP_FRONTEND", "") not in ("", "0")
