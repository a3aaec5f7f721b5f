"""What is wrong with the content of one file: open slots, commands to a model, personal data."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate

from knowledge.corpus.patterns import KINDS, ORDERS, Hit, masked, scan, unveiled
from knowledge.corpus.source import excerpt
from knowledge.corpus.types import Document, Example, Problem, Section, Severity

_GRAVE = {
    *("My Number", "payment card", "bank account", "IBAN", "US social security number"),
    *("driving licence", "passport", "health record", "UK national insurance number"),
}
_MOST_SHOWN = 3
_PART = "\n\n"
# Characters on either side of a finding that its excerpt shows.
_AROUND = (10, 60)


def document_problems(document: Document) -> list[Problem]:
    """What the patterns find in one document, by the page, sheet or heading it stands under."""
    record = "" if document.id == document.source else document.id
    names = [_named(s.where, s.headings, record) for s in document.sections]
    return _found([_with_heading(s) for s in document.sections], names)


def _with_heading(section: Section) -> str:
    """A section under its own heading, which may say what the text does not."""
    return (
        "\n".join((f"### {section.headings[-1]}", section.text))
        if section.headings
        else section.text
    )


def _named(where: str, headings: Sequence[str], record: str) -> str:
    return " ".join(filter(None, (record, where or " > ".join(headings[-1:]))))


def text_problems(examples: Sequence[Example]) -> list[Problem]:
    """What the patterns find in the examples of one file, by their rows."""
    texts = [f"{example.prompt}\n{example.completion}" for example in examples]
    asked = [len(example.prompt) for example in examples]
    return _found(texts, [example.where for example in examples], asked)


def _found(texts: Sequence[str], places: Sequence[str], asked: Sequence[int] = ()) -> list[Problem]:
    """One problem for each kind, with every place; texts are searched together, which is faster.

    `asked`: how many characters of each text are a question, where a blank belongs to an exam.
    """
    whole = _PART.join(texts)
    starts = list(accumulate((len(text) + len(_PART) for text in texts), initial=0))
    by_kind: dict[str, list[Hit]] = defaultdict(list)
    for hit in scan(whole):
        if hit.cloze and asked:
            part = bisect_right(starts, hit.start) - 1
            if hit.start < starts[part] + asked[part]:
                continue
        by_kind[hit.kind].append(hit)
    for part, text in enumerate(texts):
        # Letters with invisible characters or spaces between them are meant for a model alone.
        if (shown := unveiled(text)) != text:
            for hit in scan(shown, (ORDERS,), veiled=True):
                at = starts[part]
                by_kind[ORDERS].append(Hit(ORDERS, hit.name, at, at + 1))
    problems = []
    for kind in KINDS:
        if not (hits := by_kind.get(kind)):
            continue
        parts = list(dict.fromkeys(bisect_right(starts, hit.start) - 1 for hit in hits))
        names = [places[part] for part in parts]
        types = Counter(hit.name for hit in hits)
        values = {"n": len(parts), "types": dict(types.most_common())}
        shown = masked(whole[max(0, hits[0].start - _AROUND[0]) : hits[0].end + _AROUND[1]])
        where = _places(names)
        severity = _severity(kind, types)
        problems.append(Problem(kind, severity, where, values, excerpt(shown), tuple(names)))
    return problems


def _severity(kind: str, types: Mapping[str, int]) -> Severity:
    """A mail address or a name stands in many papers with good reason; an account does not."""
    return "info" if kind == "personal-data" and not _GRAVE & types.keys() else "warn"


def _places(wheres: Sequence[str]) -> str:
    listed = [where for where in dict.fromkeys(wheres) if where]
    more = "; ..." if len(listed) > _MOST_SHOWN else ""
    return "; ".join(listed[:_MOST_SHOWN]) + more
