"""Drafts question-answer pairs from documents without a model: what a sentence states, asked.

The patterns stand in draft.toml. A draft is for a person to accept; until then nobody is tested
on it (`reviewed` is false, and reading leaves such rows out).
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from knowledge.corpus.languages import language
from knowledge.corpus.near_duplicates import normalised
from knowledge.corpus.types import Document, Section

# What a person still reads at a glance, in characters.
_LONGEST_ANSWER = 300
_LONGEST_PASSAGE = 600
_LONGEST_NAME = 25
_LONGEST_VALUE = 40
_MARKUP = re.compile(r"[\[\]<>\\]")
_MOST_PER_PATTERN = 3
"""Drafts of one pattern from one document: variety shows more than a tenth deadline."""
_MARK = re.compile(r"^\s*(?:[-*+•・]|\d+[.)．]|[（(]\d+[)）]|[①-⑳])\s*")
_LIST_LINE = re.compile(r"^\s*(?:[-*+•]|\d+[.)])\s+(?P<item>\S.*)$")
_BRACKETS = re.compile(r"（[^（）]*）|\([^()]*\)")
_RULE = re.compile(r"^\s*\|?[\s:|-]+\|?\s*$")
_NUMBERS = re.compile(r"[0-9０-９][0-9０-９,，.]*")


@dataclass(frozen=True, slots=True)
class Draft:
    """One question with the answer that its passage states."""

    question: str
    answer: str
    passage: str
    where: str
    doc_id: str
    source: str
    pattern: str

    @property
    def id(self) -> str:
        """Stable over runs: the same question about the same document."""
        key = f"{self.doc_id}\0{normalised(self.question)}"
        return f"draft-{hashlib.sha256(key.encode()).hexdigest()[:10]}"

    def record(self) -> dict[str, Any]:
        """As a line of JSONL that reads back as an example once it is reviewed."""
        numbers = [[n] for n in dict.fromkeys(_NUMBERS.findall(self.answer))]
        return {
            "id": self.id,
            "question": self.question,
            "answer": self.answer,
            "answerable": True,
            "doc_ids": [self.doc_id],
            "gold_passage": self.passage,
            "where": self.where,
            "from": self.source,
            **({"must_contain": numbers} if numbers else {}),
            "type": f"draft-{self.pattern}",
            "status": "draft",
            "reviewed": False,
        }


@dataclass(frozen=True, slots=True)
class _Words:
    """The patterns of one language, compiled."""

    named: Mapping[str, str]
    patterns: tuple[tuple[str, re.Pattern[str], str, str], ...]

    def pattern(self, name: str) -> re.Pattern[str]:
        return re.compile(self.named[name])


@cache
def _words(lang: str) -> _Words:
    text = files("knowledge.corpus").joinpath("draft.toml").read_text("utf-8")
    table = tomllib.loads(text)[lang]
    patterns = tuple(
        (p["id"], re.compile(p["match"]), p["question"], p.get("answer", "{a}"))
        for p in table["pattern"]
    )
    return _Words({k: v for k, v in table.items() if k != "pattern"}, patterns)


def drafts_of(document: Document) -> list[Draft]:
    """Every draft that the patterns find in one document, few of each pattern."""
    lang = "ja" if language(document.text) == "ja" else "en"
    words = _words(lang)
    made: list[Draft] = []
    per_pattern: dict[str, int] = defaultdict(int)
    asked: set[str] = set()
    for section in document.sections:
        for question, answer, passage, pattern in _of_section(section, document, words, lang):
            key = normalised(question)
            fits = len(answer) <= _LONGEST_ANSWER and answer not in question
            if key in asked or not fits or per_pattern[pattern] >= _MOST_PER_PATTERN:
                continue
            asked.add(key)
            per_pattern[pattern] += 1
            where = section.where or " > ".join(section.headings)
            short = passage[:_LONGEST_PASSAGE]
            made.append(
                Draft(question, answer, short, where, document.id, document.source, pattern)
            )
    return made


def chosen(drafts: Iterable[Draft], known: Iterable[str], n: int) -> list[Draft]:
    """At most `n` drafts, document by document in turn; questions already asked are left out.

    Args:
        known: questions that exist.
        n: how many.
    """
    asked = {normalised(question) for question in known}
    queues: dict[str, list[Draft]] = defaultdict(list)
    for draft in drafts:
        if (key := normalised(draft.question)) not in asked:
            asked.add(key)
            queues[draft.doc_id].append(draft)
    taken: list[Draft] = []
    rank = 0
    while len(taken) < n and any(len(queue) > rank for queue in queues.values()):
        taken += [queue[rank] for queue in queues.values() if len(queue) > rank]
        rank += 1
    return taken[:n]


Found = tuple[str, str, str, str]
"""Question, answer, passage and pattern."""


def _of_section(section: Section, document: Document, words: _Words, lang: str) -> Iterator[Found]:
    heading = section.headings[-1].strip() if section.headings else ""
    topic = _topic(section.headings, document.title, words)
    prose = section.text.strip()
    if heading.endswith(("?", "？")) and prose:
        yield heading, _first_paragraph(prose), prose, "heading"
        return
    lines = section.text.split("\n")
    yield from _of_tables(lines, topic, words)
    yield from _of_lists(lines, words)
    lead = ""
    for line in _unwrapped(lines) if lang == "en" else lines:
        if "|" in line or "`" in line or not line.strip():
            continue
        plain = _plain(" ".join(line.split("\n")))
        if found := words.pattern("item").match(plain.rstrip("。.")):
            yield from _of_item(found["x"].strip(), found["a"].strip(), line, topic, lead, words)
            continue
        head = words.pattern("list_head").match(plain.rstrip("。.:："))
        lead = head["x"] if head else ""
        for sentence in _sentences(plain, lang):
            yield from _of_sentence(sentence, line.strip(), topic, document.title, words)


def _unwrapped(lines: Sequence[str]) -> list[str]:
    """Paragraphs and list items whole: English prose is often broken at a width of the screen."""
    blocks: list[str] = []
    open_ = False
    for line in lines:
        goes_on = open_ and line.strip() and not _MARK.match(line)
        if goes_on:
            blocks[-1] += f"\n{line}"
        else:
            blocks.append(line)
        open_ = bool(line.strip())
    return blocks


def _topic(headings: Sequence[str], title: str, words: _Words) -> str:
    """What the nearest telling heading names, without its number; else the title."""
    title = words.pattern("numbering").sub("", title.rsplit("/", 1)[-1].rsplit(".", 1)[0])
    for heading in reversed(headings):
        named = words.pattern("numbering").sub("", heading).strip()
        if named and not words.pattern("generic").match(named):
            return named
    return title


def _plain(line: str) -> str:
    """A line without its list mark, emphasis and remarks in brackets."""
    text = _MARK.sub("", line).replace("**", "").replace("__", "").strip()
    return _BRACKETS.sub("", text).strip()


def _sentences(text: str, lang: str) -> list[str]:
    cut = r"(?<=。)|(?<=．)" if lang == "ja" else r"(?<=[.!])\s+"
    parts = (part.strip().rstrip("。．.!") for part in re.split(cut, text))
    return [part for part in parts if part]


def _of_sentence(
    sentence: str, passage: str, topic: str, title: str, words: _Words
) -> Iterator[Found]:
    if words.pattern("pointing").search(sentence):
        return
    for id_, pattern, question, answer in words.patterns:
        found = pattern.match(sentence)
        if found is None:
            continue
        values = {name: value or "" for name, value in found.groupdict().items()}
        if words.pattern("itself").match(values.get("x", "")):
            values["x"] = title
        asked = question.format(topic=topic, title=title, **values)
        if id_ not in ("definition", "is-a") and not _names(asked, topic, title):
            asked = words.named["about"].format(topic=topic, question=asked)
        yield asked, answer.format(**values), passage, id_
        return


def _names(question: str, topic: str, title: str) -> bool:
    """Whether a question names its topic: by its first two letters or any three in a row."""
    asked, named = question.lower(), topic.lower()
    parts = {named[i : i + 3] for i in range(len(named) - 2)} | {named[:2]}
    return title in question or any(part.strip() and part in asked for part in parts)


def _of_item(x: str, a: str, line: str, topic: str, lead: str, words: _Words) -> Iterator[Found]:
    """`X: what it is`; a figure is asked for only where the line before says of what."""
    if words.pattern("pointing").search(f"{x} {a}"):
        return
    if words.pattern("money").search(a):
        form = "item_money"
    elif words.pattern("measure").search(a):
        form = "item_number"
        if not lead:
            return
    else:
        form = "item_meaning"
    question = words.named[form].format(x=x, topic=lead or topic)
    yield question, _closed(a, words), line.strip(), form.replace("_", "-")


def _closed(answer: str, words: _Words) -> str:
    """A bare noun made a sentence, where the language wants one."""
    bare = words.pattern("open_end").search(answer)
    return words.named["close"].format(a=answer) if bare else answer


def _of_lists(lines: Sequence[str], words: _Words) -> Iterator[Found]:
    """`X is as follows` and the items below it, to the next line that is none or is further out."""
    for at, line in enumerate(lines):
        said = _plain(line).rstrip("。.:：")
        found = words.pattern("list_head").match(said)
        if found is None or words.pattern("pointing").search(found["x"]):
            continue
        depth = len(line) - len(line.lstrip())
        items: list[str] = []
        first: int | None = None
        used = at
        for number, below in enumerate(lines[at + 1 :], at + 1):
            if not below.strip():
                continue
            item = _LIST_LINE.match(below)
            inner = len(below) - len(below.lstrip()) > depth or line[depth : depth + 1].isdigit()
            numbered = below.lstrip()[:1].isdigit() and below[:1].isdigit()
            if item is None or not inner or numbered:
                break
            used = number
            level = len(below) - len(below.lstrip())
            first = level if first is None else first
            if level == first:
                items.append(_plain(below))
        if len(items) > 1:
            passage = "\n".join(part for part in lines[at : used + 1] if part.strip())
            question = words.named["list_question"].format(x=found["x"])
            yield question, _listed(items, words), passage, "list"


def _listed(items: Sequence[str], words: _Words) -> str:
    """Names in one sentence, as people say them; sentences and long items as a list."""
    if any(len(item) > _LONGEST_NAME or "・・・" in item for item in items):
        return "\n".join(f"- {item}" for item in items)
    return _closed(words.named["comma"].join(items), words)


def _of_tables(lines: Sequence[str], topic: str, words: _Words) -> Iterator[Found]:
    """Each row of a Markdown table with a rule: what its last column says for its first."""
    for at, line in enumerate(lines[:-1]):
        if "|" not in line or not _RULE.match(lines[at + 1]) or "|" not in lines[at + 1]:
            continue
        header = _cells(line)
        for row in lines[at + 2 :]:
            if "|" not in row:
                break
            cells = _cells(row)
            if len(cells) != len(header) or len(header) < 2 or not (cells[0] and cells[-1]):
                continue
            if len(cells[0]) > _LONGEST_VALUE or _MARKUP.search(cells[0]):
                continue
            money = words.pattern("money").search(cells[-1])
            form = words.named["table_money" if money else "table_question"]
            whole = words.named["of"].format(topic=topic, asked=header[-1])
            subject = topic if header[-1] in topic else whole
            question = form.format(column=header[0], value=cells[0], subject=subject)
            yield question, _closed(cells[-1], words), f"{line.strip()}\n{row.strip()}", "table"


def _cells(line: str) -> list[str]:
    plain = line.replace("**", "").strip().strip("|")
    return [cell.strip() for cell in plain.split("|")]


def _first_paragraph(text: str) -> str:
    paragraphs = [p.strip() for p in text.split("\n\n") if p.strip()]
    return paragraphs[0] if paragraphs else text
