"""Draws clean rows and documents from the base and puts sentences into them."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from .base import Base
from .model import Unit, labelled, qa

Rng = random.Random


class Stock:
    """Clean units for one folder; every call draws other rows or documents."""

    def __init__(self, base: Base, rng: Rng) -> None:
        self.base, self.rng = base, rng
        self.drawn: set[str] = set()

    def draw(self, pool: Sequence[tuple[str, ...]], count: int) -> list[tuple[str, ...]]:
        """Up to `count` items not drawn before, in random order."""
        left = [p for p in pool if "\0".join(p) not in self.drawn]
        taken = self.rng.sample(left, min(count, len(left)))
        self.drawn.update("\0".join(p) for p in taken)
        return taken

    def rows_ja(self, count: int, wiki: bool = False, hops: bool = False) -> list[Unit]:
        """Japanese question/answer rows; encyclopedia rows only on request."""
        names = ["facts", "handbook", "instruction", "common"] + ["wiki"] * wiki + ["hops"] * hops
        pool = [p for name in names for p in self.base.qa_ja[name]]
        return [qa("ja", *p) for p in self.draw(pool, count)]

    def rows_en(self, count: int) -> list[Unit]:
        """English question/answer rows."""
        return [
            qa("en", *p)
            for p in self.draw([p for rows in self.base.qa_en.values() for p in rows], count)
        ]

    def carriers(self, lang: str, count: int) -> list[Unit]:
        """Rows whose answers are sentences, to hold one more sentence."""
        sets = self.base.qa_ja if lang == "ja" else self.base.qa_en
        names = (
            ("facts", "handbook", "instruction")
            if lang == "ja"
            else ("facts", "python", "handbook")
        )
        pool = [p for name in names for p in sets[name] if 8 <= len(p[1]) <= 400]
        return [qa(lang, *p) for p in self.draw(pool, count)]

    def intents(self, count: int) -> list[Unit]:
        """English text/label rows."""
        return [labelled("en", *p) for p in self.draw(self.base.intents, count)]

    def tones(self, count: int) -> list[Unit]:
        """Japanese text/label rows (label = politeness level)."""
        return [labelled("ja", *p) for p in self.draw(self.base.tones, count)]

    def docs_ja(self, count: int) -> list[tuple[str, Unit]]:
        """Japanese documents with file names."""
        return [as_doc(p, "ja", n) for n, p in enumerate(self.draw(self.base.docs_ja, count))]

    def docs_en(self, count: int) -> list[tuple[str, Unit]]:
        """English documents with file names."""
        return [as_doc(p, "en", n) for n, p in enumerate(self.draw(self.base.docs_en, count))]

    def docs(self, lang: str, count: int) -> list[tuple[str, Unit]]:
        """Documents of a language."""
        return self.docs_ja(count) if lang == "ja" else self.docs_en(count)


def as_doc(record: tuple[str, ...], lang: str, number: int) -> tuple[str, Unit]:
    """A file name and a document unit: Markdown with a title, or plain text."""
    source, title, text = record
    if source in ("handbook_18f", "handbook_ja", "lawqa_jp"):
        return f"{lang}_{source}_{number:03d}.md", Unit(lang, body=f"# {title}\n\n{text}\n")
    return f"{lang}_{source}_{number:03d}.txt", Unit(lang, body=f"{title}\n\n{text}\n")


def insert_answer(unit: Unit, sentence: str, rng: Rng) -> Unit:
    """Put a sentence before, after or inside the answer."""
    answer = unit.fields["answer"]
    ended = sentence.endswith(("。", "？", ".", "?", "!"))
    gap = "\n" if "\n" in sentence or not ended else "" if unit.lang == "ja" else " "
    cuts = [
        m.end() for m in re.finditer(r"。(?=.)" if unit.lang == "ja" else r"\. (?=[A-Z])", answer)
    ]
    way = rng.random()
    if way < 0.2:
        new = sentence + gap + answer
    elif way < 0.45 and cuts:
        cut = rng.choice(cuts)
        new = answer[:cut].rstrip(" ") + gap + sentence + gap + answer[cut:]
    else:
        new = answer + gap + sentence
    unit.fields["answer"] = new
    return unit


def insert_doc(unit: Unit, sentence: str, rng: Rng) -> Unit:
    """Put a sentence into a document as a paragraph of its own or at the end of a line."""
    lines = str(unit.body).rstrip("\n").split("\n")
    spots = [n for n, line in enumerate(lines) if n >= 2 and line.strip()] or [len(lines) - 1]
    at = rng.choice(spots)
    inline = (
        lines[at].endswith(("。", "."))
        and "\n" not in sentence
        and sentence[-1] in "。？.?!"
        and not lines[at].startswith((" ", "#", "|", ">"))
        and rng.random() < 0.5
    )
    if inline:
        lines[at] += sentence if unit.lang == "ja" else " " + sentence
    else:
        lines[at + 1 : at + 1] = ["", sentence, ""]
    unit.body = "\n".join(lines).rstrip("\n") + "\n"
    return unit
