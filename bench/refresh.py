"""Stale chunks after 1,000 random edits, moves and deletes, and three kills in between.

`python -m bench refresh`: a run is planned and applied on Japanese and English files of seven
kinds, its folder is changed in batches, and `okakae refresh` follows in a process of its own,
three times killed at a random moment. After every batch the chunks are held against cutting the
folder anew; at the end the whole index is held against one made from scratch: ids, vectors, BM25
scores, passages and answers.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner

from advisor.session import Session
from bench.change_cost import Hashing
from bench.machine import save
from executors.base import Question
from executors.rag import embedding as embed
from executors.rag import executor as road
from executors.rag.answer.system import RagSystem
from executors.rag.chunking.words import content_words
from executors.rag.embedding import Embedder
from executors.rag.executor import ram_bytes, stored_embedder
from executors.rag.index.build import build_index, cut_documents
from executors.rag.index.disk import open_index
from executors.rag.index.rag_index import RagIndex
from executors.rag.search.faiss_store import FaissStore
from executors.rag.search.retrieve import Retriever
from executors.rundir import RunDir
from knowledge.corpus.reading import read

SHARED = Path(__file__).parents[2] / "shared" / "data"
KINDS = ("md", "txt", "html", "csv", "docx", "xlsx")
HASHING = Hashing.id
OPERATIONS, BATCH, KILLS = 1000, 100, 3
OF_EACH, CHARACTERS = 70, 700
"""Documents taken of each handbook, and how much of each: what is tested is the bookkeeping."""
REFRESH = "from bench.refresh import told; told({embedder!r}, {arguments!r})"


class Folder:
    """A company's folder of files of several kinds, and what happens to them."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root, self.random = root, random.Random(seed)
        self.records: dict[str, dict[str, str]] = {}
        self.done: Counter[str] = Counter()
        self.number = 0

    def start(self) -> None:
        japanese = _records(SHARED / "handbook_ja" / "corpus.jsonl")[:OF_EACH]
        english = _records(SHARED / "handbook_18f" / "corpus.jsonl")[:OF_EACH]
        for number, record in enumerate([*japanese, *english]):
            record["text"] = record["text"][:CHARACTERS]
            if number % 7 == 6:
                self.records[record["_id"]] = record
            else:
                place = ("規程", "pages", "総務/旅費")[number % 3]
                path = self.root / place / f"{number:04}.{KINDS[number % len(KINDS)]}"
                _write(path, record["title"], record["text"])
        self._save_records()

    def change(self, operations: int) -> None:
        """So many random operations."""
        choices: list[tuple[str, int, Callable[[], None]]] = [
            ("edit", 45, self.edit),
            ("move", 20, self.move),
            ("add", 15, self.add),
            ("delete", 14, self.delete),
            ("record", 6, self.record),
        ]
        weights = [weight for _, weight, _ in choices]
        for name, _, act in self.random.choices(choices, weights, k=operations):
            act()
            self.done[name] += 1
        self._save_records()

    def edit(self) -> None:
        """A new passage in place of what stood there; its number stands nowhere else."""
        self.number += 1
        _write(self._any(), f"改訂 {self.number}", self._text())

    def move(self) -> None:
        path = self._any()
        self.number += 1
        folder = self.root / self.random.choice(("規程", "pages", "移動", "archive/2026"))
        folder.mkdir(parents=True, exist_ok=True)
        rename = self.random.random() < 0.3
        name = f"moved-{self.number}{path.suffix}" if rename else path.name
        path.replace(folder / name)

    def add(self) -> None:
        self.number += 1
        suffix = self.random.choice(KINDS)
        title = f"新規 {self.number}"
        _write(self.root / "新規" / f"new-{self.number}.{suffix}", title, self._text())

    def delete(self) -> None:
        if len(self._files()) > 40:
            self._any().unlink()

    def record(self) -> None:
        id_ = self.random.choice(sorted(self.records))
        self.number += 1
        if self.random.random() < 0.2 and len(self.records) > 10:
            del self.records[id_]
        else:
            text = f"改めた記録の第{self.number}号。{self.records[id_]['text']}"
            self.records[id_] = {**self.records[id_], "text": text}

    def _text(self) -> str:
        n = self.number
        lines = [
            f"第{n}号の規程を次のとおり改める。上限は{n * 37}円とする。",
            f"Rule {n} applies from day {n % 28 + 1}. The limit is {n * 11} dollars.",
        ]
        return "\n\n".join(self.random.choice(lines) for _ in range(self.random.randint(1, 6)))

    def _files(self) -> list[Path]:
        return sorted(p for p in self.root.rglob("*") if p.is_file() and p.suffix != ".jsonl")

    def _any(self) -> Path:
        return self.random.choice(self._files())

    def _save_records(self) -> None:
        lines = [json.dumps(record, ensure_ascii=False) for record in self.records.values()]
        (self.root / "corpus.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=OPERATIONS)
    parser.add_argument("--seed", type=int, default=20261125)
    parser.add_argument("--embedder", default="starter", help="or hashing: bookkeeping alone")
    options = parser.parse_args()
    if options.embedder == HASHING:
        _hash()
    work = Path("runs") / "bench-refresh"
    shutil.rmtree(work, ignore_errors=True)
    folder = Folder(work / "data", options.seed)
    folder.start()
    run = _applied(work, options.embedder)
    embedder = embed.open_embedder(stored_embedder(run), Session(plain=True, offline=True))
    figures = measure(folder, run, embedder, options.operations)
    print(json.dumps(figures, ensure_ascii=False, indent=1))
    name = "refresh_hashing" if options.embedder == HASHING else "refresh"
    print(save(name, {"seed": options.seed, "embedder": embedder.id, **figures}))


def measure(folder: Folder, run: RunDir, embedder: Embedder, operations: int) -> dict[str, Any]:
    batches = [min(BATCH, operations - at) for at in range(0, operations, BATCH)]
    killed_in = set(folder.random.sample(range(1, len(batches)), min(KILLS, len(batches) - 1)))
    stale = missing = kills = embedded = 0
    seconds: list[float] = []
    for number, size in enumerate(batches):
        folder.change(size)
        if number in killed_in:
            before = set(open_index(run.index).ids)
            moment = folder.random.uniform(0.0, max([0.5, *seconds]))
            kills += _killed(run, embedder, moment)
            after = set(open_index(run.index).ids)
            fresh = _ids(folder.root, run, embedder)
            # Killed before the swap or after it, nothing between.
            if after not in (before, fresh):
                raise SystemExit(f"batch {number}: half a refresh is being answered from")
        told = _refreshed(run)
        seconds.append(told["seconds"])
        embedded += told["chunks_embedded"]
        index = open_index(run.index)
        fresh = _ids(folder.root, run, embedder)
        stale += len(set(index.ids) - fresh)
        missing += len(fresh - set(index.ids))
        print(f"batch {number}: {told['seconds']} s, stale {stale}, missing {missing}", flush=True)
    rebuilt = _rebuilt(folder.root, run, embedder)
    return {
        "operations": dict(folder.done),
        "files": len(folder._files()),
        "kills": kills,
        "stale_chunks": stale,
        "missing_chunks": missing,
        "chunks": len(rebuilt.chunks),
        "chunks_embedded_by_refreshes": embedded,
        "parts": len(list((run.index / "parts").iterdir())),
        "seconds_median": float(np.median(seconds)),
        "equal_to_rebuild": compared(open_index(run.index), rebuilt, embedder),
    }


def compared(index: RagIndex, rebuilt: RagIndex, embedder: Embedder) -> dict[str, Any]:
    """How far a refreshed index is from one made from scratch."""
    questions = [
        json.loads(line)["question"]
        for name in ("handbook_ja/qa_dev.jsonl", "handbook_18f/faq_dev.jsonl")
        for line in (SHARED / name).read_text(encoding="utf-8").splitlines()
    ]
    questions += [f"第{n}号の上限はいくら？" for n in range(1, 200, 7)]
    rows = range(len(rebuilt.ids))
    same_ids = index.ids == rebuilt.ids
    off = max(float(np.abs(index.vector(r) - rebuilt.vector(r)).max()) for r in rows)
    words = [content_words(question, index.facts.words_by) for question in questions]
    bm25 = max(
        float(np.abs(index.sparse.scores(w) - rebuilt.sparse.scores(w)).max()) for w in words
    )
    one, other = (_answers(made, embedder, questions) for made in (index, rebuilt))
    return {
        "same_chunk_ids": same_ids,
        "same_chunks": list(index.chunks) == list(rebuilt.chunks),
        "largest_vector_difference": off,
        "largest_bm25_difference": bm25,
        "questions": len(questions),
        "same_answers": sum(a[0] == b[0] for a, b in zip(one, other, strict=True)),
        "same_passages": sum(a[1] == b[1] for a, b in zip(one, other, strict=True)),
    }


def _answers(
    index: RagIndex, embedder: Embedder, questions: list[str]
) -> list[tuple[str, list[str]]]:
    system = RagSystem(
        Retriever(FaissStore(index), embedder, "hybrid"),
        threshold=0.0,
        top_k=5,
        lang="ja",
        generator=None,
        max_new_tokens=64,
    )
    replies = system.answer([Question(str(i), text) for i, text in enumerate(questions)])
    return [(reply.answer, [passage.text for passage in reply.passages]) for reply in replies]


def _ids(root: Path, run: RunDir, embedder: Embedder) -> set[int]:
    facts = open_index(run.index).facts
    size, overlap = facts.chunk_tokens, facts.overlap_tokens
    documents = read(root).documents
    cut = cut_documents(documents, embedder, chunk_tokens=size, overlap_tokens=overlap)
    return {chunk.id for chunk in cut.chunks}


def _rebuilt(root: Path, run: RunDir, embedder: Embedder) -> RagIndex:
    facts = open_index(run.index).facts
    return build_index(
        read(root).documents,
        embedder,
        chunk_tokens=facts.chunk_tokens,
        overlap_tokens=facts.overlap_tokens,
        ram_bytes=ram_bytes(),
    )


def _applied(work: Path, embedder: str) -> RunDir:
    plan = work / "plan.json"
    # The hashing embedder bears the name of one that a plan may name.
    named = "starter" if embedder == HASHING else embedder
    sets = ("goal=new_facts", f"data.path={work / 'data'}", "rag.answer=extractive")
    flags = [flag for one in (*sets, f"rag.embedder={named}") for flag in ("--set", one)]
    _command("advisor.commands_plan", "plan", *flags, "--option", "rag", "--out", str(plan))
    _command("executors.commands.apply", "apply", str(plan), "--run", str(work / "run"))
    return RunDir.open(work / "run")


def _refreshed(run: RunDir) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(
        _command("executors.commands.refresh", "refresh", str(run.path))
    )
    return said


def _killed(run: RunDir, embedder: Embedder, moment: float) -> int:
    """Refresh in a process of its own and kill it; 1 when it was still at work."""
    code = REFRESH.format(embedder=embedder.id, arguments=[str(run.path)])
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    process.stdout.readline()  # it has loaded what it needs and begins
    time.sleep(moment)
    process.send_signal(signal.SIGKILL)
    return int(process.wait() == -signal.SIGKILL)


def told(embedder: str, arguments: list[str]) -> None:
    """The refresh of a process that will be killed."""
    if embedder == HASHING:
        _hash()
    module = import_module("executors.commands.refresh")
    print("begins", flush=True)
    module.refresh([*arguments, "--json", "--no-input", "--offline"])


def _command(module: str, name: str, *arguments: str) -> str:
    command = getattr(import_module(module), name)
    given = [*arguments, "--json", "--no-input", "--offline"]
    result = CliRunner().invoke(command, given, catch_exceptions=False)
    if result.exit_code:
        raise SystemExit(f"{name} {arguments}: {result.output}")
    return result.stdout


def _hash() -> None:
    """Embed by hashing in this process: deterministic, and free beside what is tested."""
    for module in (embed, road):
        module.open_embedder = lambda *_: Hashing()  # type: ignore[assignment]


def _records(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _write(path: Path, title: str, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.suffix
    if kind == ".docx":
        import docx

        made = docx.Document()
        made.add_heading(title, 1)
        for paragraph in text.split("\n\n"):
            made.add_paragraph(paragraph)
        made.save(str(path))
    elif kind == ".xlsx":
        import openpyxl

        book = openpyxl.Workbook()
        for row in [("項目", "内容"), *((title, line) for line in text.split("\n") if line)]:
            book.active.append(row)
        book.save(path)
    elif kind == ".csv":
        with path.open("w", encoding="cp932", errors="replace", newline="") as stream:
            rows = [(title, line) for line in text.split("\n") if line]
            csv.writer(stream).writerows([("項目", "内容"), *rows])
    elif kind == ".html":
        body = "".join(f"<p>{part}</p>" for part in text.split("\n\n"))
        page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1>{body}</body>"
        path.write_text(f"{page}</html>", encoding="utf-8")
    else:
        head = f"# {title}\n\n" if kind == ".md" else f"{title}\n\n"
        path.write_text(head + text, encoding="utf-8")


if __name__ == "__main__":
    main()
