"""Which columns of a record are the question and the answer, and the example they make."""

from __future__ import annotations

import json
import tomllib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any, cast

from knowledge.corpus.source import Reading, SourceFile, excerpt, ranges
from knowledge.corpus.types import Example, ExampleKind, FieldMap, Part, Problem

_NO = {"false", "0", "no", "n", "いいえ", "否", "不可", "×"}
_PARTS: dict[str, Part] = {
    **dict.fromkeys(("train", "training", "学習"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "検証"), "validation"),
    **dict.fromkeys(("test", "テスト", "評価"), "test"),
}
_ROLES = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant"}


@cache
def _catalog() -> Mapping[str, Any]:
    return tomllib.loads(files("knowledge.corpus").joinpath("fields.toml").read_text("utf-8"))


def folded(name: str) -> str:
    """A column name as it is compared: NFKC, lower case, without spaces, "_" and "-"."""
    plain = unicodedata.normalize("NFKC", name).strip("\ufeff").lower()
    return "".join(c for c in plain if not c.isspace() and c not in "_-.:：")


def field_map(names: Iterable[str], asked: FieldMap | None = None) -> FieldMap | None:
    """What was `asked` for, else the first pair of known names, where both sides are present."""
    present = _present(names)
    if asked is not None:
        sides = [present.get(folded(name)) for name in (asked.prompt, asked.completion)]
        if sides[0] is not None and sides[1] is not None:
            context = present.get(folded(asked.context)) if asked.context else None
            return FieldMap(asked.kind, sides[0], sides[1], context)
    for pair in _catalog()["pair"]:
        prompt = _first(present, pair["prompt"])
        completion = _first(present, pair["completion"], but=prompt)
        if prompt is not None and completion is not None:
            context = _first(present, pair.get("context", ()))
            return FieldMap(cast(ExampleKind, pair["kind"]), prompt, completion, context)
    return None


def known_format(fields: FieldMap) -> str:
    """alpaca, prompt_completion, or columns under other names."""
    formats = {"instruction": "alpaca", "prompt": "prompt_completion"}
    return formats.get(folded(fields.prompt), "columns")


def _present(names: Iterable[str]) -> dict[str, str]:
    """Folded name → name; a header of two rows (`回答 内容`) also answers to its first word."""
    listed = [n for n in names if n]
    present: dict[str, str] = {}
    for name in listed:
        present.setdefault(folded(name), name)
    for name in listed:
        present.setdefault(folded(name.split()[0]) if name.split() else "", name)
    return present


def _first(present: Mapping[str, str], names: Iterable[str], but: str | None = None) -> str | None:
    for name in names:
        found = present.get(folded(name))
        if found is not None and found != but:
            return found
    return None


class Tally:
    """Faults of rows, gathered so that each kind is one problem with all of its rows."""

    def __init__(self, unit: str = "row") -> None:
        self.unit = unit
        self._rows: dict[str, list[int]] = defaultdict(list)
        self._shown: dict[str, str] = {}
        self._values: dict[str, dict[str, Any]] = {}

    def add(self, id_: str, row: int, shown: str = "", **values: Any) -> None:
        self._rows[id_].append(row)
        self._shown.setdefault(id_, excerpt(shown))
        self._values.setdefault(id_, {}).update(values)

    def merge(self, other: Tally) -> None:
        for id_, rows in other._rows.items():
            self._rows[id_] += rows
            self._shown.setdefault(id_, other._shown[id_])
            self._values.setdefault(id_, {}).update(other._values[id_])

    def problems(self) -> list[Problem]:
        return [
            Problem(
                id_,
                "info" if id_ == "queries-without-answers" else "warn",
                f"{self.unit} {ranges(rows)}",
                {"n": len(rows), **self._values[id_]},
                self._shown[id_],
                tuple(f"{self.unit} {row}" for row in rows),
            )
            for id_, rows in self._rows.items()
        ]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    return json.dumps(value, ensure_ascii=False)


def _texts(value: Any) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    values = value if isinstance(value, list | tuple) else str(value).split(";")
    return tuple(text for v in values if (text := str(v).strip()))


def _alternatives(value: Any) -> tuple[tuple[str, ...], ...]:
    """must_contain: every group must appear, by any of its alternatives."""
    if not isinstance(value, list):
        return tuple((text,) for text in _texts(value))
    return tuple(_texts(v) if isinstance(v, list) else (str(v),) for v in value)


def _extras(record: Mapping[str, Any], used: set[str]) -> dict[str, Any]:
    present = _present(k for k in record if k not in used)
    return {
        key: record[name]
        for key, names in _catalog()["extra"].items()
        if (name := _first(present, names)) is not None
    }


def example_from_record(
    record: Mapping[str, Any], fields: FieldMap, file: SourceFile, row: int, tally: Tally
) -> Example | None:
    """The example of one record; a record without one is told to `tally`."""
    prompt, completion = _text(record.get(fields.prompt)), _text(record.get(fields.completion))
    if fields.context and (context := _text(record.get(fields.context))):
        prompt = f"{prompt}\n\n{context}" if prompt else context
    used = {fields.prompt, fields.completion, *([fields.context] if fields.context else [])}
    extra = _extras(record, used)
    answerable = str(extra.get("answerable", True)).strip().lower() not in _NO
    if not prompt:
        if completion:
            tally.add("row-without-question", row, completion)
        return None
    if not completion and answerable:
        tally.add("row-without-answer", row, prompt)
        return None
    if str(extra.get("reviewed", True)).strip().lower() in _NO:
        tally.add("draft-not-reviewed", row, prompt)
        return None
    kind: Any = record.get("kind")
    label = completion if fields.kind == "labelled" else extra.get("label")
    return Example(
        id=_text(extra.get("id")) or f"{file.id}#{row}",
        kind=kind if kind in ("qa", "rewrite", "labelled") else fields.kind,
        prompt=prompt,
        completion=completion,
        source=file.id,
        where=f"{tally.unit} {row}",
        answerable=answerable,
        doc_ids=_texts(extra.get("doc_ids")),
        must_contain=_alternatives(extra.get("must_contain")),
        label=None if label is None else _text(label),
        group=_text(extra.get("group")) or None,
        gold_passage=_text(extra.get("gold_passage")) or None,
        type=_text(extra.get("type")) or None,
        part=_PARTS.get(_text(extra.get("part")).lower()),
    )


def chat_turns(record: Mapping[str, Any]) -> list[tuple[str, str]] | None:
    """(role, text) of an OpenAI `messages` or ShareGPT `conversations` record; else None."""
    turns = record.get("messages", record.get("conversations"))
    if not isinstance(turns, list) or not all(isinstance(t, Mapping) for t in turns):
        return None
    found = []
    for turn in turns:
        role = str(turn.get("role", turn.get("from", ""))).lower()
        content = turn.get("content", turn.get("value"))
        if isinstance(content, list):
            content = "\n".join(_text(p.get("text")) for p in content if isinstance(p, Mapping))
        found.append((_ROLES.get(role, role), _text(content)))
    return found


def example_from_chat(
    record: Mapping[str, Any],
    turns: Sequence[tuple[str, str]],
    file: SourceFile,
    row: int,
    tally: Tally,
) -> Example | None:
    """The dialog up to its last answer; earlier turns stay in the prompt, each with its role."""
    last = max(
        (i for i, (role, text) in enumerate(turns) if role == "assistant" and text), default=0
    )
    before = [(role, text) for role, text in turns[:last] if text]
    asked = [text for role, text in before if role == "user"]
    if not last or not asked:
        tally.add("row-without-answer", row, asked[0] if asked else "")
        return None
    single = len(before) == 1
    prompt = asked[0] if single else "\n".join(f"{role}: {text}" for role, text in before)
    made = example_from_record(
        {**record, "prompt": prompt, "completion": turns[last][1]},
        FieldMap("qa", "prompt", "completion"),
        file,
        row,
        tally,
    )
    return made


def misspelt(record: Mapping[str, Any], fields: FieldMap) -> str | None:
    """`anwser -> answer` when a needed name is missing and another comes close to it."""
    for name in (fields.prompt, fields.completion):
        if name not in record:
            unused = [k for k in record if k not in (fields.prompt, fields.completion)]
            close = get_close_matches(name, unused, n=1, cutoff=0.7)
            if close:
                return f"{close[0]} -> {name}"
    return None


def with_unique_ids(reading: Reading) -> None:
    """Give a repeated example id a number of its own and report it; ids name answers later."""
    seen: Counter[str] = Counter()
    repeated = []
    for index, example in enumerate(reading.examples):
        seen[example.id] += 1
        if seen[example.id] > 1:
            repeated.append(example.id)
            fresh = f"{example.id}~{seen[example.id]}"
            reading.examples[index] = replace(example, id=fresh)
    if repeated:
        shown = ", ".join(dict.fromkeys(repeated))
        values = {"n": len(repeated)}
        reading.problems.append(Problem("duplicate-id", "warn", "", values, excerpt(shown)))
