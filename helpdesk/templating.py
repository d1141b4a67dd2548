"""Jinja and Babel as the desk uses them, without what they look up again for each word of a page.

A page holds some two hundred translated words and takes its macros from one file: the libraries ask for the request,
the language and its catalogue each time, and compare the names of all globals for each import.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jinja2
from babel.support import NullTranslations
from flask import Flask
from flask_babel import Domain, get_locale
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from jinja2.runtime import Context
from markupsafe import Markup

MOST_WORDS = 8000  # sentences of all pages in all languages


class Words(Domain):  # type: ignore[misc]
    """The catalogues, one a language, read once: a new translation comes with a new version, hence a new process."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, Any] = {}

    def get_translations(self) -> Any:
        locale = get_locale()
        if locale is None:
            return NullTranslations()
        found = self._known.get(locale.language)
        if found is None:
            found = self._known[locale.language] = super().get_translations()
        return found


class Template(jinja2.Template):
    """Our templates get no globals of their own, so that what one is imported for is the same for all who import it."""

    def _get_default_module(self, ctx: Context | None = None) -> Any:
        return super()._get_default_module()


def init_app(app: Flask) -> None:
    """After Babel's own init_app."""
    words = Words()
    app.extensions["babel"].instance.domain_instance = words

    @lru_cache(maxsize=MOST_WORDS)
    def said(_language: str, text: str, safe: bool) -> str:
        found = str(words.get_translations().ugettext(text))
        return Markup(found) if safe else found  # noqa: S704 - our own words

    @lru_cache(maxsize=MOST_WORDS)
    def whole(language: str, text: str, safe: bool) -> str:
        return said(language, text, safe) % {}

    @pass_eval_context
    def gettext(context: EvalContext, text: str, /, **values: Any) -> str:
        """As jinja2.ext.i18n's new style: always formatted, and marked as safe before, so that values are escaped."""
        locale = get_locale()
        language = locale.language if locale is not None else ""
        if values:
            return said(language, str(text), context.autoescape) % values
        return whole(language, str(text), context.autoescape)

    app.jinja_env.globals.update(_=gettext, gettext=gettext)
    app.jinja_env.template_class = Template
