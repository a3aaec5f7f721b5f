"""`inspect --fix DIR`: a clean copy of the material; the originals are never touched.

Documents go to DIR/corpus.jsonl, examples to a JSONL file under the path of their source. Beside
them, for people: README.md, changes.json, set-aside.jsonl and to-decide.csv.
"""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from advisor.errors import UsageError
from advisor.files import write_json, write_text
from advisor.inspect_records import DocumentSpool, example_records, sides, write_lines
from advisor.session import Session
from knowledge.corpus.grade import LOST
from knowledge.corpus.mending import Change, Mended, Named, mask, mend, without_copies
from knowledge.corpus.own_work import CLEAN_MARK
from knowledge.corpus.plain import markdown_sections
from knowledge.corpus.sketch import sketch
from knowledge.corpus.types import Document, Example

if TYPE_CHECKING:
    from advisor.commands_inspect import Inspection

CORPUS = "corpus.jsonl"
_UTF8 = {"utf-8", "ascii", None}
_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f]')
_DEVICE = re.compile(r"(?i)^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)")
_LONGEST_PART = 100
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a clean copy holds."""

    documents: int
    examples: int
    aside: int
    to_decide: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class _Sketched:
    id: str
    modified: str | None
    text_digest: str
    sketch: tuple[int, ...]


def check_target(out: Path, sources: Sequence[Path]) -> None:
    """Refuse a folder that is not new or stands among the originals.

    Raises:
        UsageError: `out` is or lies in a source, is a file, or holds anything.
    """
    real = out.resolve()
    for source in sources:
        if real == source.resolve() or (source.is_dir() and real.is_relative_to(source.resolve())):
            raise UsageError("fix-in-source", where=str(out), path=str(out), source=str(source))
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError("fix-not-empty", where=str(out), path=str(out))


def write_clean(
    found: Sequence[Inspection],
    spool: DocumentSpool,
    out: Path,
    session: Session,
    *,
    keep_personal: bool,
) -> Cleaned:
    """Write the clean copy of everything in `found` into the empty folder `out`.

    Args:
        found: what was read, with all examples.
        spool: the documents that passed by while reading.
        keep_personal: leave personal data and secrets as they are.
    """
    named = None if keep_personal else _mask_of(session)
    changes = _read_changes(found)
    examples = [replace(e, source=source) for one in found for e, source in _sources(one, found)]
    mended = mend(examples, named)
    changes += mended.changes
    moved, versions, n_documents = _write_documents(spool, out, named, changes)
    kept = [
        replace(e, doc_ids=tuple(dict.fromkeys(moved.get(id_, id_) for id_ in e.doc_ids)))
        for e in mended.examples
    ]
    _write_examples(kept, out)
    if mended.aside:
        write_lines(out / "set-aside.jsonl", map(_aside, mended.aside))
    n_decide = _write_to_decide(mended, versions, out)
    cleaned = Cleaned(n_documents, len(kept), len(mended.aside), n_decide, tuple(changes))
    write_json(
        out / "changes.json", {"schema_version": 1, "changes": [asdict(one) for one in changes]}
    )
    write_text(out / "README.md", _readme(cleaned, session))
    return cleaned


def _mask_of(session: Session) -> Named:
    """`[masked: phone]`: a bare `[phone]` would read as a slot that nobody filled."""
    return lambda name: session.t("fix.mask", name=session.t(f"pattern.{name}"))


def _sources(one: Inspection, found: Sequence[Inspection]) -> Iterable[tuple[Example, str]]:
    """Each example with its file's name; of several paths each has a folder of its own."""
    folder = f"{one.corpus.root.resolve().name}/" if len(found) > 1 else ""
    if folder and one.corpus.root.is_file():
        folder = ""
    return ((example, f"{folder}{example.source}") for example in one.corpus.examples)


def _read_changes(found: Sequence[Inspection]) -> list[Change]:
    """What reading alone has mended: rows that made no example, and encodings."""
    changes = []
    for one in found:
        for report in one.corpus.files:
            if report.encoding not in _UTF8 and report.status != "refused":
                changes.append(Change("to-utf-8", "encoding", report.path, str(report.encoding)))
            for problem in report.problems:
                if problem.id in LOST:
                    places = problem.places or (problem.where,)
                    changes += [Change("dropped", problem.id, report.path, p) for p in places]
    return changes


def _write_documents(
    spool: DocumentSpool, out: Path, named: Named | None, changes: list[Change]
) -> tuple[dict[str, str], list[tuple[str, str, float]], int]:
    """Write corpus.jsonl; returns the ids left out with those that stay, versions, and how many."""
    facts: list[_Sketched] = []
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogatepass") as lines:
        for record in spool.records():
            text, title = record["text"], record["title"]
            if named is not None:
                text, title = mask(text, named), mask(title, named)
            if text != record["text"] or title != record["title"]:
                changes.append(Change("masked", "personal-data", record["source"], record["_id"]))
            text = _as_read(text)
            clean = {"_id": record["_id"], "title": title, "text": text}
            clean |= {"source": record["source"], "modified": record["modified"]}
            lines.write(json.dumps(clean, ensure_ascii=False) + "\n")
            facts.append(_Sketched(record["_id"], record["modified"], *sketch(text)))
        moved, versions = without_copies(facts)
        lines.seek(0)
        records = (json.loads(line) for line in lines)
        kept = (record for record in records if record["_id"] not in moved)
        written = write_lines(out / CORPUS, kept) if facts else 0
    for id_, other in moved.items():
        changes.append(Change("dropped", "duplicate-document", id_, "", other))
    pairs = [(facts[one.of].id, facts[one.index].id, one.share) for one in versions]
    return moved, pairs, written


def _as_read(text: str) -> str:
    """`text` as corpus.jsonl gives it back, so that a second pass finds nothing to change."""
    sections = tuple(markdown_sections(text.strip()))
    return Document("", "", "", sections, "").text.strip()


def _write_examples(examples: Sequence[Example], out: Path) -> None:
    by_file: dict[str, list[Example]] = {}
    for example in examples:
        by_file.setdefault(example.source, []).append(example)
    names = _Names()
    for source, rows in by_file.items():
        write_lines(out / names.of(source), map(_unplaced, example_records(rows)))


def _unplaced(record: dict[str, Any]) -> dict[str, Any]:
    """A record without where it stood: changes.json tells, and a second pass changes nothing."""
    return {key: value for key, value in record.items() if key not in ("from", "where")}


class _Names:
    """File names below the folder, one for each source, that no system minds and none leaves."""

    def __init__(self) -> None:
        # What okakae writes at the top, as whole names and as folders that would be in the way.
        names = ("corpus.jsonl", "changes.json", "set-aside.jsonl", "to-decide.csv", "readme.md")
        self._taken = set(names)
        self._folders: set[str] = set()

    def of(self, source: str) -> str:
        parts = [_safe(part) for part in PurePosixPath(source).parts if part not in ("/", "..")]
        *folders, last = parts or ["examples"]
        stem = PurePosixPath(last).stem
        # A file of this name would be read as documents.
        stem = f"{stem}-examples" if stem == PurePosixPath(CORPUS).stem else stem
        number = 1
        while True:
            name = "/".join([*folders, f"{stem}{'' if number == 1 else f'-{number}'}.jsonl"])
            above = {p.as_posix().casefold() for p in PurePosixPath(name).parents} - {"."}
            if above & self._taken:
                folders = [f"{folder}-" for folder in folders]
            elif name.casefold() in self._taken | self._folders:
                number += 1
            else:
                self._taken.add(name.casefold())
                self._folders |= above
                return name


def _safe(part: str) -> str:
    """One part of a path that is a plain name on every system and no hidden file."""
    name = _FORBIDDEN.sub("_", part.encode("utf-8", "replace").decode()).rstrip(". ")
    name = f"_{name}" if not name or name[0] in ".~" or _DEVICE.match(name) else name
    if len(name) > _LONGEST_PART // 2 and len(name.encode()) > _LONGEST_PART:
        name = name.encode()[:_LONGEST_PART].decode("utf-8", "ignore").rstrip(". ")
    return name


def _aside(item: tuple[str, Example]) -> dict[str, Any]:
    reason, example = item
    return {"reason": reason, "file": example.source, "where": example.where, **sides(example)}


def _write_to_decide(mended: Mended, versions: Sequence[tuple[str, str, float]], out: Path) -> int:
    """Pairs of rows, and of documents, side by side for people; returns how many."""
    rows = [[id_, *_cells(a), *_cells(b)] for id_, a, b in mended.to_decide]
    rows += [["near-duplicate-document", a, f"{s:.0%}", "", b, "", ""] for a, b, s in versions]
    if rows:
        text = io.StringIO(newline="")
        sheet = csv.writer(text)
        sheet.writerow(
            ["reason", *(f"{c}_{n}" for n in (1, 2) for c in ("where", "prompt", "answer"))]
        )
        sheet.writerows([_plain(cell) for cell in row] for row in rows)
        # With a mark in front, so that Excel takes it for UTF-8.
        write_text(
            out / "to-decide.csv", "\ufeff" + text.getvalue().encode("utf-8", "replace").decode()
        )
    return len(rows)


def _cells(example: Example) -> list[str]:
    return [f"{example.source} {example.where}", example.prompt, example.completion]


def _plain(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _readme(cleaned: Cleaned, session: Session) -> str:
    counts = Counter((one.done, one.id) for one in cleaned.changes)
    lines = [
        f"| {session.t(f'fix.done.{done}')} | {id_} | {n:,} |"
        for (done, id_), n in counts.most_common()
    ]
    text = session.t(
        "fix.readme",
        documents=f"{cleaned.documents:,}",
        examples=f"{cleaned.examples:,}",
        aside=f"{cleaned.aside:,}",
        to_decide=f"{cleaned.to_decide:,}",
        changes="\n".join(lines),
    )
    return f"{CLEAN_MARK}\n{text}\n"
