"""What the advice needs to know of the data, counted file by file and then summed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from knowledge.corpus.languages import estimate_tokens, language
from knowledge.corpus.sketch import sketch
from knowledge.corpus.types import Corpus, DataFacts, Document, Example, FileReport

__all__ = ["DocumentFacts", "ExampleFacts", "estimate_tokens", "facts", "summed"]


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """A document without its text: what is counted of it and what ties it to others."""

    id: str
    source: str
    characters: int
    tokens: int
    language: str
    modified: str | None
    record: bool = False
    """Whether it is a record of a corpus.jsonl and not a file of its own."""
    text_digest: str = ""
    sketch: tuple[int, ...] = ()
    """What `sketch.sketch` makes of the text, by which copies are found."""


@dataclass(frozen=True, slots=True)
class ExampleFacts:
    """Sums over the examples of one file."""

    kinds: Mapping[str, int] = field(default_factory=dict)
    labels: frozenset[str] = frozenset()
    unanswerable: int = 0
    tokens: int = 0
    tokens_max: int = 0
    languages: Mapping[str, int] = field(default_factory=dict)
    """Characters by language."""


def document_facts(
    document: Document, *, record: bool = False, counted: bool = True
) -> DocumentFacts:
    """What is counted of one document; its names and characters alone without `counted`."""
    text = document.text
    if not counted:
        named = document.id, document.source, len(text)
        return DocumentFacts(*named, 0, "", document.modified, record)
    digest, hashes = sketch(text)
    return DocumentFacts(
        document.id,
        document.source,
        len(text),
        estimate_tokens(text),
        language(text) if text.strip() else "",
        document.modified,
        record,
        digest,
        hashes,
    )


def example_tokens(example: Example) -> int:
    """Tokens of prompt and completion together, estimated."""
    return estimate_tokens(example.prompt) + estimate_tokens(example.completion)


def example_facts(examples: Sequence[Example]) -> ExampleFacts:
    """What is counted of the examples of one file."""
    tokens = [example_tokens(example) for example in examples]
    languages: Counter[str] = Counter()
    for example in examples:
        labelled = example.kind == "labelled"
        spoken = example.prompt if labelled else f"{example.prompt}\n{example.completion}"
        if spoken.strip():
            languages[language(spoken)] += len(spoken)
    return ExampleFacts(
        dict(Counter(example.kind for example in examples)),
        frozenset(e.completion for e in examples if e.kind == "labelled"),
        sum(not example.answerable for example in examples),
        sum(tokens),
        max(tokens, default=0),
        dict(languages),
    )


def facts(corpus: Corpus) -> DataFacts:
    """Counts, estimated tokens, languages by characters and the newest date of `corpus`."""
    counted = [document_facts(document) for document in corpus.documents]
    return summed(
        str(corpus.root), counted, [example_facts(corpus.examples)], corpus.files, corpus.digest
    )


def summed(
    path: str,
    documents: Sequence[DocumentFacts],
    examples: Iterable[ExampleFacts],
    reports: Iterable[FileReport],
    digest: str,
) -> DataFacts:
    """The facts of a whole folder from those of its files."""
    parts, read = list(examples), list(reports)
    kinds: Counter[str] = Counter()
    languages: Counter[str] = Counter()
    for document in documents:
        if document.language:
            languages[document.language] += document.characters
    for part in parts:
        kinds.update(part.kinds)
        languages.update(part.languages)
    n = kinds.total()
    total = languages.total()
    shares = {name: round(c / total, 4) for name, c in languages.most_common()} if total else {}
    return DataFacts(
        path=path,
        n_documents=len(documents),
        n_examples=n,
        n_qa_pairs=kinds["qa"],
        n_rewrites=kinds["rewrite"],
        n_labelled=kinds["labelled"],
        n_classes=len(frozenset().union(*(part.labels for part in parts))),
        n_unanswerable=sum(part.unanswerable for part in parts),
        n_refused=sum(report.status == "refused" for report in read),
        corpus_characters=sum(document.characters for document in documents),
        corpus_tokens=sum(document.tokens for document in documents),
        example_tokens_mean=round(sum(part.tokens for part in parts) / n, 1) if n else 0.0,
        example_tokens_max=max((part.tokens_max for part in parts), default=0),
        languages=shares,
        newest=max((d.modified for d in documents if d.modified), default=None),
        digest=digest,
        encodings=Counter(r.encoding for r in read if r.encoding and r.status != "refused"),
        days=tuple(sorted({d.modified[:10] for d in documents if d.modified})),
    )
