"""What the advice needs to know of the data, counted."""

from __future__ import annotations

from collections import Counter

from knowledge.corpus.languages import estimate_tokens, language_shares
from knowledge.corpus.types import Corpus, DataFacts, Example

__all__ = ["estimate_tokens", "facts"]


def example_tokens(example: Example) -> int:
    """Tokens of prompt and completion together, estimated."""
    return estimate_tokens(example.prompt) + estimate_tokens(example.completion)


def facts(corpus: Corpus) -> DataFacts:
    """Counts, estimated tokens, languages by characters and the newest date of `corpus`."""
    texts = [document.text for document in corpus.documents]
    kinds = Counter(example.kind for example in corpus.examples)
    tokens = [example_tokens(example) for example in corpus.examples]
    labels = {e.completion for e in corpus.examples if e.kind == "labelled"}
    spoken = [
        f"{e.prompt}\n{e.completion if e.kind != 'labelled' else ''}" for e in corpus.examples
    ]
    return DataFacts(
        path=str(corpus.root),
        n_documents=len(corpus.documents),
        n_examples=len(corpus.examples),
        n_qa_pairs=kinds["qa"],
        n_rewrites=kinds["rewrite"],
        n_labelled=kinds["labelled"],
        n_classes=len(labels),
        n_unanswerable=sum(not example.answerable for example in corpus.examples),
        n_refused=sum(report.status == "refused" for report in corpus.files),
        corpus_characters=sum(map(len, texts)),
        corpus_tokens=sum(map(estimate_tokens, texts)),
        example_tokens_mean=round(sum(tokens) / len(tokens), 1) if tokens else 0.0,
        example_tokens_max=max(tokens, default=0),
        languages=language_shares([*texts, *spoken]),
        newest=max((d.modified for d in corpus.documents if d.modified), default=None),
        digest=corpus.digest,
        encodings=Counter(
            report.encoding
            for report in corpus.files
            if report.encoding and report.status != "refused"
        ),
        days=tuple(sorted({d.modified[:10] for d in corpus.documents if d.modified})),
    )
