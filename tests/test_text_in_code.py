"""No text that people read stands in Python: it would be in one language only, and out of reach.

Every string literal of the package is looked at but docstrings. Japanese stands only in files that
read Japanese; English of two words or more only in what is no text for people: commands, names,
patterns, markup, and errors that are bugs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = sorted(
    path
    for room in ("advisor", "executors", "knowledge")
    for path in (ROOT / room).rglob("*.py")
    if "samples" not in path.parts
)

READS_TEXT = {
    "advisor/questions.py": "numbers and units as people type them",
    "advisor/render.py": "the marks that may not begin or end a line",
    "advisor/doctor.py": "characters sent to the console to see whether it can draw them",
    "executors/evaluate/abstention.py": "how a model says that it does not know",
    "executors/evaluate/metrics.py": "numerals in answers",
    "executors/evaluate/normalise.py": "numerals and the analyser's word classes",
    "executors/rag/answer/cite.py": "an answer that begins with yes or no",
    "executors/rag/answer/claims.py": "numerals, units, denials and opposites in sentences",
    "executors/rag/answer/evidence.py": "letters of names in questions",
    "executors/rag/answer/expect.py": "what kind of answer a question asks for",
    "executors/rag/answer/fence.py": "instructions hidden in passages",
    "executors/rag/index/rag_index.py": "a sentence that shows whether the embedder is the same",
    "executors/rag/answer/quotable.py": "lines that announce others",
    "executors/rag/answer/quote.py": "sentences that need the one before",
    "executors/rag/chunking/sentences.py": "where sentences and list items begin",
    "executors/rag/chunking/words.py": "the analyser's word classes, and words that carry nothing",
    "knowledge/corpus/amounts.py": "numerals, units, clock times and dates in answers",
    "knowledge/corpus/faults/orders.py": "what orders look like, and talk about them",
    "knowledge/corpus/faults/persons.py": "words that stand where names do",
    "knowledge/corpus/faults/slots.py": "what forms ask for, and what buttons are called",
    "knowledge/corpus/clash.py": "numerals, denials and opposites in answers",
    "knowledge/corpus/content.py": "scripts, particles and endings that Japanese is cut at",
    "knowledge/corpus/rewording.py": "a yes or no before an answer",
    "knowledge/corpus/draft.py": "marks before the items of a list",
    "knowledge/corpus/encoding.py": "letters that tell encodings apart",
    "knowledge/corpus/examples.py": "how tables say no",
    "knowledge/corpus/garbled.py": "letters of text decoded wrongly",
    "knowledge/corpus/html.py": "letters between which no space belongs",
    "knowledge/corpus/languages.py": "letters that tell languages apart",
    "knowledge/corpus/pdf.py": "letters between which a line break is none",
    "knowledge/corpus/patterns.py": "hyphens and long vowels between digits",
    "knowledge/corpus/personal.py": "how people are named and numbered",
    "knowledge/corpus/quality.py": "how sentences end",
    "knowledge/corpus/records.py": "the names of fields",
    "knowledge/corpus/repetition.py": "how people name their test files",
    "knowledge/corpus/sameness.py": "what is said out of politeness, and in kanji or kana",
    "knowledge/corpus/tables.py": "notes below a table, cells that are numbers",
    "knowledge/corpus/word.py": "the names of styles",
}
NO_TEXT = {
    "tile:two tables": "the name of a size",
    "id in [": "Milvus's language of filters",
    " and id <= ": "the same",
    " or array_contains_any(groups, ": "the same",
    "backward end": "the name of a phase",
    "My Number": "the name of a pattern",
    "payment card": "the same",
    "bank account": "the same",
    "US social security number": "the same",
    "driving licence": "the same",
    "health record": "the same",
    "UK national insurance number": "the same",
    "no mail header": "a parser's reason, in English as those of the libraries",
    r"\b(?:beyond|exceeds?|over|larger than|longer than)\b(?: \w+){0,2} "
    r"(?:window|context)": "a pattern",
    r"\bfew \w+ (?:per|for each|of each) \w+": "a pattern",
    "A100 80GB SXM4": "the catalog's name of a card",
    "Show this message and exit.": "click's own English, which is replaced",
    "Start or resume the wizard on a terminal; show the help otherwise.": "the same",
    "fg:ansicyan bold": "a style",
    "per day": "the name of a unit",
    "per year": "the same",
    "JPY per ": "the same",
    "said by ": "where a rate comes from, in a record",
    "not needed": "a value of the report",
    "not reached": "a value of the report",
    "not shown to be met": "a value of the report",
    " et al.": "a citation, the same in both languages",
    "no difference shown": "a value of the report",
    "not enough questions": "a value of the report",
    "answered what the papers do not say": "a value of the report",
    "declined an answerable question": "a value of the report",
    "knowledge missing": "a value of the report",
    "retrieval missing": "a value of the report",
    "answer not taken from the passage": "a value of the report",
    "format wrong": "a value of the report",
    "the model alone was right": "a value of the report",
    "model too weak": "a value of the report",
    "shown worse": "a value of the report",
    "not measured": "a value of the report",
    "price unknown": "a value of the report",
    "not compared": "a value of the report",
    "Extra data": "a message of Python's parser, compared",
    "cannot allocate memory": "what libraries say when memory is refused",
    "can't start new thread": "the same",
    "failed to map segment": "the same",
    "could not create a primitive": "the same",
    "could not create a memory": "the same",
    "os error": "what libraries say of a file that cannot be written",
    "enforce fail at inline_container": "the same",
    "iostream error": "the same",
    "can't allocate memory": "a message of torch, compared",
    "not enough memory": "the same",
    "out of memory": "the same",
    "too deeply nested": "a parser's reason, as Python's own parser says its reasons in English",
    "no choices": "an endpoint's reason, as endpoints say theirs in English",
    "the file ends too early": "a damaged file that okakae brings itself",
    "set by hand": "the reason of a number format, in the record of a run",
    "cuda compute capability ": "the same",
    "cpu with ": "the same",
    "cpu without bf16 instructions": "the same",
}
BUGS = {"ValueError", "KeyError", "TypeError", "RuntimeError", "NotImplementedError", "GgufError"}
"""Errors of the program or of a file it brings itself; people see a reference, not these words."""

JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
ENGLISH = re.compile(r"[A-Za-z]{2,} [A-Za-z]{2,}")
COMMAND_OR_MARKUP = re.compile(r"^(?:okakae|pip|set|export) |^<|^\{[%-]|^\.//")


def literals(tree: ast.AST) -> Iterator[tuple[str, set[str]]]:
    """Every string in a file but docstrings, with the names of the calls around it."""

    def walk(node: ast.AST, calls: set[str]) -> Iterator[tuple[str, set[str]]]:
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            calls = calls | {name}
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue  # a docstring, of a module or of an attribute
            if isinstance(child, ast.Constant) and isinstance(child.value, str):
                yield child.value, calls
            else:
                yield from walk(child, calls)

    return walk(tree, set())


def texts_in(source: str, name: str = "") -> list[str]:
    """The strings of a file that look like text for people."""
    if name in READS_TEXT:
        return []
    return [
        value
        for value, calls in literals(ast.parse(source))
        if JAPANESE.search(value)
        or (
            ENGLISH.search(value)
            and value not in NO_TEXT
            and not COMMAND_OR_MARKUP.search(value)
            and not calls & BUGS
        )
    ]


def test_no_text_for_people_stands_in_code() -> None:
    found = {}
    for path in FILES:
        name = path.relative_to(ROOT).as_posix()
        if texts := texts_in(path.read_text(encoding="utf-8"), name):
            found[name] = texts
    assert found == {}


def test_a_sentence_in_code_would_be_found() -> None:
    assert texts_in('"""Docs are fine here."""\nclick.echo(f"{n} files were read")')
    assert texts_in('raise UsageError("x", why="資料がありません")')
    assert texts_in('def f():\n    """It is."""\n    return {"fix": "try again later"}')
    assert not texts_in('raise ValueError("not of this length")\nsay("wizard.more", n=3)')


def test_every_exception_is_still_needed() -> None:
    sources = {p.relative_to(ROOT).as_posix(): p.read_text(encoding="utf-8") for p in FILES}
    assert [name for name in READS_TEXT if not JAPANESE.search(sources.get(name, ""))] == []
    strings = {value for source in sources.values() for value, _ in literals(ast.parse(source))}
    assert set(NO_TEXT) - strings == set()


TEXT_ID = re.compile(r"[a-z][a-z0-9_-]*(?:\.[a-z0-9_.{} -]+)+")


def test_texts_are_asked_for_by_ids_that_exist() -> None:
    """An id nobody wrote would be a crash in front of a person, in one branch that no test took."""
    from advisor.texts import has_text

    missing = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            first = node.args[0]
            if name in ("t", "say", "_say") and isinstance(first, ast.Constant):
                text_id = str(first.value)
                if TEXT_ID.fullmatch(text_id) and not has_text(text_id):
                    missing.append(f"{path.name}:{node.lineno} {text_id}")
    assert missing == []
