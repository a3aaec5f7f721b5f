"""Which texts can still become one JSON object or list, read letter by letter (RFC 8259)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

Mode = Literal[
    "start",
    "value",
    "first_value",
    "key",
    "first_key",
    "colon",
    "after",
    "string",
    "name",
    "number",
    "word",
    "whole",
]
_SPACE = " \t\n\r"
_ESCAPED = '"\\/bfnrt'
_HEX = frozenset("0123456789abcdefABCDEF")
_WORDS = {"t": "rue", "f": "alse", "n": "ull"}
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_NUMBER_SO_FAR = re.compile(r"-?(?:(?:0|[1-9]\d*)(?:\.\d*)?(?:(?<=\d)[eE][+-]?\d*)?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Json:
    """Where in a JSON text one stands."""

    mode: Mode = "start"
    open: str = ""
    """The brackets that still have to be closed, outermost first."""
    rest: str = ""
    """Of a word what is still to come, of a number what there is, of an escape what it has."""

    @property
    def whole(self) -> bool:
        """Whether nothing may follow."""
        return self.mode == "whole"

    @property
    def quoted(self) -> bool:
        """Whether one stands in a string, where every letter may."""
        return self.mode in ("string", "name")

    def read(self, text: str) -> Json | None:
        """After these characters; None where no JSON record goes on like this."""
        state: Json | None = self
        for letter in text:
            if state is None:
                return None
            state = state._next(letter)
        return state

    def _next(self, letter: str) -> Json | None:
        if self.quoted:
            return self._in_string(letter)
        if self.mode == "word":
            if not self.rest.startswith(letter):
                return None
            return replace(self, rest=self.rest[1:], mode="word" if self.rest[1:] else "after")
        if self.mode == "number":
            if _NUMBER_SO_FAR.fullmatch(self.rest + letter):
                return replace(self, rest=self.rest + letter)
            done = _NUMBER.fullmatch(self.rest)
            return replace(self, mode="after", rest="")._next(letter) if done else None
        if letter in _SPACE:
            return self
        return self._between(letter)

    def _in_string(self, letter: str) -> Json | None:
        if self.rest:  # an escape: a backslash, and what it has of «uXXXX»
            if self.rest == "\\" and letter in _ESCAPED:
                return replace(self, rest="")
            if self.rest == "\\" and letter == "u":
                return replace(self, rest="\\u")
            if self.rest == "\\" or letter not in _HEX:
                return None
            return replace(self, rest="" if len(self.rest) == 5 else self.rest + letter)
        if letter == '"':
            return replace(self, mode="after" if self.mode == "string" else "colon")
        if letter == "\\":
            return replace(self, rest="\\")
        return None if letter < " " else self

    def _between(self, letter: str) -> Json | None:
        """A letter that is neither space nor part of a string, word or number."""
        if self.mode in ("start", "value", "first_value"):
            if letter == "]" and self.mode == "first_value":
                return self._closed()
            return self._value(letter)
        if self.mode in ("key", "first_key"):
            if letter == '"':
                return replace(self, mode="name")
            return self._closed() if letter == "}" and self.mode == "first_key" else None
        if self.mode == "colon":
            return replace(self, mode="value") if letter == ":" else None
        if self.mode == "after":
            if letter == ",":
                return replace(self, mode="key" if self.open[-1] == "{" else "value")
            return self._closed() if self.open[-1] + letter in ("{}", "[]") else None
        return None

    def _value(self, letter: str) -> Json | None:
        if letter in "{[":
            mode: Mode = "first_key" if letter == "{" else "first_value"
            return replace(self, mode=mode, open=self.open + letter)
        if self.mode == "start":
            return None  # a record is an object or a list
        if letter == '"':
            return replace(self, mode="string")
        if letter in _WORDS:
            return replace(self, mode="word", rest=_WORDS[letter])
        return replace(self, mode="number", rest=letter) if letter in "-0123456789" else None

    def _closed(self) -> Json:
        left = self.open[:-1]
        return replace(self, mode="after" if left else "whole", open=left)


def record_in(text: str) -> str | None:
    """The first whole JSON object or list that stands in a text, as it is written there."""
    for start, letter in enumerate(text):
        if letter not in "{[":
            continue
        state: Json | None = Json()
        for end in range(start, len(text)):
            state = state._next(text[end]) if state else None
            if state is None:
                break
            if state.whole:
                return text[start : end + 1]
    return None


def is_record(text: str) -> bool:
    """Whether the whole text is one JSON object or list."""
    state = Json().read(text.strip())
    return state is not None and state.whole
