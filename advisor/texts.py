"""Which language people read now, and the text for an id in it."""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from knowledge.catalog.texts import has, text

if TYPE_CHECKING:
    from advisor.types import Language

_lang: ContextVar[Language | None] = ContextVar("okakae_lang", default=None)


def set_lang(lang: Language | None) -> None:
    """Fix the language for the rest of this process; None returns to the environment's."""
    _lang.set(lang)


def current_lang() -> Language:
    """The language chosen by flag, else `OKAKAE_LANG`, else the locale; Japanese if unclear."""
    chosen = _lang.get()
    if chosen is not None:
        return chosen
    for name in ("OKAKAE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "").lower()
        if value.startswith("en"):
            return "en"
        if value.startswith("ja"):
            return "ja"
    return "ja"


def t(id_: str, lang: Language | None = None, **values: Any) -> str:
    """The text of `id_`; raises KeyError for an id nobody wrote, which is a bug."""
    return text(id_, lang or current_lang(), **values)


def has_text(id_: str) -> bool:
    """Whether a text with this id exists."""
    return has(id_)
