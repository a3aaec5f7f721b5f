"""What a road may show or learn: nothing that is closed to some of those who will ask it.

A prompt's examples and a model's weights are the same for everybody. An index can leave out a
closed document for one person; a model that has learned it cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from advisor.session import Session
from executors.base import RunData
from knowledge.corpus.permissions import Permissions
from knowledge.corpus.permissions import load as load_permissions
from knowledge.corpus.types import Document, Example


def open_to_all(
    examples: Sequence[Example], documents: Sequence[Document], permissions: Permissions
) -> list[Example]:
    """Examples that may be shown to whoever asks: a prompt has the same ones for everybody.

    Closed are those of a file that is not open to all, those that rest on a closed document, and,
    where any document is closed, questions of which nobody wrote down what they rest on.
    """
    closed = {document.id for document in documents if document.groups}

    def is_open(example: Example) -> bool:
        if permissions.of_file(example.source) or closed & set(example.doc_ids):
            return False
        known = example.doc_ids or example.kind != "qa" or not example.answerable
        return bool(known) or not closed

    return [example for example in examples if is_open(example)]


def learnable(data: RunData, session: Session) -> RunData:
    """`data` with those training and validation examples only that everybody may see; said."""
    corpus, parts = data.corpus, data.split
    permissions = load_permissions(corpus.root)
    train, validation = (
        tuple(open_to_all(part, corpus.documents, permissions))
        for part in (parts.train, parts.validation)
    )
    learned = len(train) + len(validation)
    if closed := len(parts.train) + len(parts.validation) - learned:
        session.say("learning.examples-closed", n=closed)
    return replace(data, split=replace(parts, train=train, validation=validation))
