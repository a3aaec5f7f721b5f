"""Rows, sheets and documents that carry marks, and the writer that turns marks into truth."""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

LINE_BREAKERS = re.compile("[\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True)
class Planted:
    """One planted item; file is relative to out/, row is 1-based (None for documents)."""

    file: str
    row: int | None
    kind: str
    detail: str
    of: dict[str, object] | None
    value: str | None = None
    lang: str = ""


@dataclass
class Mark:
    """What was planted in a unit; `of` is the unit that it repeats or contradicts."""

    kind: str
    detail: str
    of: Unit | None = None
    value: str | None = None


@dataclass(eq=False)
class Unit:
    """A row (fields) or a document (body) with its marks."""

    lang: str
    fields: dict[str, str] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)
    body: str | bytes | None = None
    file: str = ""
    row: int | None = None

    def mark(
        self, kind: str, detail: str, of: Unit | None = None, value: str | None = None
    ) -> Unit:
        """Add a mark and return the unit."""
        self.marks.append(Mark(kind, detail, of, value))
        return self

    def text(self) -> str:
        """All text of the unit in one string."""
        if isinstance(self.body, bytes):
            return self.body.decode("utf-8", "replace")
        return self.body if self.body is not None else "\n".join(self.fields.values())


def qa(lang: str, question: str, answer: str) -> Unit:
    """A question/answer row."""
    return Unit(lang, {"question": question, "answer": answer})


def labelled(lang: str, text: str, label: str) -> Unit:
    """A text/label row."""
    return Unit(lang, {"text": text, "label": label})


def fits_cp932(unit: Unit) -> bool:
    """True where the row survives a round trip through cp932."""
    text = unit.text()
    try:
        return text.encode("cp932").decode("cp932") == text
    except UnicodeError:
        return False


class Folder:
    """One output folder: sheets of rows and single documents."""

    def __init__(self, name: str, rng: random.Random) -> None:
        self.name = name
        self.rng = rng
        self.sheets: dict[str, list[Unit]] = {}
        self.docs: dict[str, Unit] = {}

    def put(self, file: str, unit: Unit) -> Unit:
        """Put a row into a sheet."""
        unit.file = f"{self.name}/{file}"
        self.sheets.setdefault(file, []).append(unit)
        return unit

    def spread(self, units: list[Unit]) -> None:
        """Put rows into the usual sheets by language, shape and what cp932 can hold."""
        for unit in units:
            self.put(self.choose(unit), unit)

    def choose(self, unit: Unit, avoid: str = "") -> str:
        """A sheet that can hold the row, other than `avoid` (a name with or without folder)."""
        if "label" in unit.fields:
            names = (
                ["intent_a.jsonl", "intent_b.jsonl"]
                if unit.lang == "en"
                else ["tone_a.jsonl", "tone_b.jsonl"]
            )
        elif unit.lang == "en":
            names = ["faq_en.jsonl", "faq_en_utf8.csv"]
        else:
            names = ["faq_ja.jsonl", "faq_ja_utf8.csv"]
            if fits_cp932(unit):
                names += ["faq_ja_cp932.csv"] * 2
        left = [n for n in names if n != avoid.rpartition("/")[2]]
        return self.rng.choice(left)

    def add_doc(self, file: str, unit: Unit) -> Unit:
        """Put a document under the folder's docs/."""
        assert file not in self.docs, file
        unit.file = f"{self.name}/{file}"
        self.docs[file] = unit
        return unit

    def write(self, out: Path, shuffle: bool = True) -> list[Planted]:
        """Write all files and the truth; return the truth."""
        for file, units in self.sheets.items():
            if shuffle:
                self.rng.shuffle(units)
            for number, unit in enumerate(units, 1):
                unit.row = number
            path = out / self.name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(render(units, file))
        for file, unit in self.docs.items():
            path = out / self.name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            body = unit.body if isinstance(unit.body, bytes) else str(unit.body).encode("utf-8")
            path.write_bytes(body)
        truth = [
            planted(unit, mark)
            for units in [*self.sheets.values(), [*self.docs.values()]]
            for unit in units
            for mark in unit.marks
        ]
        truth.sort(key=lambda p: (p.file, p.row or 0, p.kind, p.detail))
        text = json.dumps([asdict(p) for p in truth], ensure_ascii=False, indent=1)
        if self.name != "clean":
            (out / f"{self.name}.truth.json").write_text(text + "\n", encoding="utf-8")
        return truth


def planted(unit: Unit, mark: Mark) -> Planted:
    """The truth line of one mark."""
    of: dict[str, object] | None = None
    if mark.of is not None:
        of = {"file": mark.of.file, "row": mark.of.row}
    return Planted(unit.file, unit.row, mark.kind, mark.detail, of, mark.value, unit.lang)


def render(units: list[Unit], file: str) -> bytes:
    """The bytes of a sheet: JSONL, or CSV with Japanese headers (cp932 if the name says so)."""
    if file.endswith(".jsonl"):
        lines = (json.dumps(u.fields, ensure_ascii=False) for u in units)
        return "".join(LINE_BREAKERS.sub(escape, line) + "\n" for line in lines).encode()
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(["質問", "回答"])
    writer.writerows([u.fields["question"], u.fields["answer"]] for u in units)
    return buffer.getvalue().encode("cp932" if "cp932" in file else "utf-8")


def escape(found: re.Match[str]) -> str:
    """A JSON escape for a character that some readers take for a line end."""
    return f"\\u{ord(found.group()):04x}"


def summary(truth: list[Planted]) -> dict[str, int]:
    """Number of planted items by kind; decoys are counted as FOLDER/decoy."""
    count: Counter[str] = Counter()
    for item in truth:
        folder = item.file.split("/")[0]
        count[f"{folder}/decoy" if item.kind == "decoy" else item.kind] += 1
    return dict(sorted(count.items()))
