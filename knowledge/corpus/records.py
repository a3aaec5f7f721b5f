"""JSON and JSONL: each record an example by its fields, or a document by its title and text."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from knowledge.corpus.encoding import decode
from knowledge.corpus.examples import (
    Tally,
    chat_turns,
    example_from_chat,
    example_from_record,
    field_map,
    known_format,
    misspelt,
)
from knowledge.corpus.permissions import groups_of_record
from knowledge.corpus.plain import markdown_sections
from knowledge.corpus.source import Reading, SourceFile, refuse
from knowledge.corpus.types import Document, FieldMap, Section, TakenFields

_DATES = ("modified", "updated", "date", "更新日")
_OF_A_DOCUMENT = frozenset(
    "_id id doc_id title text 本文 heading groups source url where modified digest".split()
)
"""Fields with a meaning of their own; the other ones are what a company can search within."""
Record = Mapping[str, Any]
_CHAT = {
    True: (FieldMap("qa", "user", "assistant"), "messages"),
    False: (FieldMap("qa", "human", "gpt"), "sharegpt"),
}


def read_jsonl(file: SourceFile) -> Reading:
    """One record a line; a line that is not JSON is reported by its number and left out."""
    decoded = decode(file.data)
    reading = Reading("jsonl", decoded.encoding, problems=list(decoded.problems))
    tally = Tally("line")
    records: list[tuple[int, Record]] = []
    for number, line in enumerate(decoded.text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            tally.add("bad-json-line", number, line)
            continue
        if isinstance(value, dict):
            records.append((number, value))
        else:
            tally.add("unknown-record", number, line, keys="-")
    if not records and tally.problems():
        raise refuse("not-json", why=tally.problems()[0].where)
    _take(records, file, reading, tally)
    return reading


def read_json(file: SourceFile) -> Reading:
    """A list of records (also below one key), a JSONL file under this name, or any other JSON."""
    decoded = decode(file.data)
    reading = Reading("json", decoded.encoding, problems=list(decoded.problems))
    if not decoded.text.strip():
        return reading
    try:
        value = json.loads(decoded.text)
    except RecursionError:
        raise refuse("not-json", why="too deeply nested") from None
    except json.JSONDecodeError as error:
        first = decoded.text.lstrip().split("\n", 1)[0].rstrip()
        if error.msg == "Extra data" and first.startswith("{") and first.endswith("}"):
            return read_jsonl(file)
        raise refuse("not-json", f"line {error.lineno}", why=error.msg) from None
    records = _record_list(value)
    if records is None:
        reading.documents = file.document([Section("\n".join(_lines(value)))])
        return reading
    _take(list(enumerate(records, 1)), file, reading, Tally("row"))
    return reading


def _record_list(value: Any) -> list[Record] | None:
    if isinstance(value, dict):
        lists = [v for v in value.values() if _is_records(v)]
        value = lists[0] if len(lists) == 1 else ([value] if _is_row(value) else None)
    return value if _is_records(value) else None


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def _is_row(value: Record) -> bool:
    return field_map(value) is not None or chat_turns(value) is not None or _is_document(value)


def _is_document(record: Record) -> bool:
    text = record.get("text", record.get("本文"))
    return isinstance(text, str)


def _take(
    records: Sequence[tuple[int, Record]], file: SourceFile, reading: Reading, tally: Tally
) -> None:
    reading.rows = len(records)
    for _, record in records:
        reading.columns.update(dict.fromkeys(record))
    taken: Counter[tuple[FieldMap, str]] = Counter()
    corpus = file.stem == "corpus" and any(_is_document(r) for _, r in records)
    fields = None if corpus else _usual_fields(records, file.asked)
    documents: list[Document] = []
    for number, record in records:
        turns = None if corpus else chat_turns(record)
        own = None if corpus else (field_map(record, file.asked) or None)
        example = None
        how = _CHAT[True]
        if turns is not None:
            example = example_from_chat(record, turns, file, number, tally)
            how = _CHAT["messages" in record]
        elif own is not None:
            example = example_from_record(record, own, file, number, tally)
            how = own, known_format(own)
        elif fields is not None:
            _told(record, fields, number, tally)
        elif _is_document(record):
            documents += _document(record, file, number, tally)
        else:
            _unknown(record, number, tally)
        if example is not None:
            reading.examples.append(example)
            taken[how] += 1
    reading.taken = [TakenFields(names, name, n) for (names, name), n in taken.items()]
    reading.documents = _unique(documents, tally)
    reading.problems += tally.problems()


def _usual_fields(records: Sequence[tuple[int, Record]], asked: FieldMap | None) -> FieldMap | None:
    maps = Counter(fields for _, record in records if (fields := field_map(record, asked)))
    return maps.most_common(1)[0][0] if maps else None


def _told(record: Record, fields: FieldMap, number: int, tally: Tally) -> None:
    """A row that lacks a side which its neighbours have; perhaps under a misspelt name."""
    shown = str(record.get(fields.prompt) or next(iter(record.values()), ""))
    if (close := misspelt(record, fields)) is not None:
        tally.add("misspelt-field", number, shown, close=close)
    else:
        missing = "answer" if fields.prompt in record else "question"
        tally.add(f"row-without-{missing}", number, shown)


def _unknown(record: Record, number: int, tally: Tally) -> None:
    if "question" in record and ("doc_ids" in record or "relevance" in record):
        tally.add("queries-without-answers", number, str(record["question"]))
    else:
        tally.add(
            "unknown-record",
            number,
            json.dumps(record, ensure_ascii=False),
            keys=", ".join(map(str, record))[:80],
        )


def _document(record: Record, file: SourceFile, number: int, tally: Tally) -> Iterator[Document]:
    text = str(record.get("text", record.get("本文", ""))).strip()
    if not text:
        tally.add("empty-record", number, str(record.get("title", "")))
        return
    given = next(
        (record[k] for k in ("_id", "id", "doc_id") if record.get(k) not in (None, "")), ""
    )
    id_ = str(given) or f"{file.id}#{number}"
    heading = record.get("heading")
    over = (heading,) if isinstance(heading, str) and heading.strip() else ()
    where = f"{tally.unit} {number}"
    sections = [
        Section(s.text, where, (*over, *s.headings), s.kind) for s in markdown_sections(text)
    ]
    changed = next((str(record[k])[:10] for k in _DATES if record.get(k)), file.modified)
    yield Document(
        id_,
        str(record.get("title") or id_),
        str(record.get("source") or record.get("url") or file.id),
        tuple(sections),
        hashlib.sha256(text.encode()).hexdigest(),
        changed,
        {k: v for k, v in record.items() if isinstance(v, str) and k not in _OF_A_DOCUMENT},
        groups_of_record(record["groups"]) if record.get("groups") is not None else frozenset(),
    )


def _unique(documents: Sequence[Document], tally: Tally) -> tuple[Document, ...]:
    """The first document of each id; another one under it could never be cited apart."""
    first: dict[str, Document] = {}
    for document in documents:
        if document.id in first:
            row = int(document.sections[0].where.rsplit(" ", 1)[-1])
            tally.add("duplicate-document-id", row, document.id)
        else:
            first[document.id] = document
    return tuple(first.values())


def _lines(value: Any, name: str = "") -> Iterator[str]:
    """Nested JSON as lines of "path: value"."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _lines(inner, name)
    elif value is not None and str(value).strip():
        yield f"{name}: {value}" if name else str(value)
