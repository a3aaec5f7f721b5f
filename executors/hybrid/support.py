"""Whether a passage holds what an example's answer rests on, not only comes from its document."""

from __future__ import annotations

from executors.base import Passage
from executors.evaluate.metrics import holds_all
from executors.evaluate.normalise import bare
from executors.rag.answer.cite import citations
from executors.rag.chunking.sentences import sentences
from knowledge.corpus.types import Example


def holds_gold(example: Example, passage: Passage) -> bool:
    """Whether it is the example's gold passage; without one, whether it tells the answer.

    An index may cut the gold passage in two: then the part that tells the answer counts.
    """
    gold, held = example.gold_passage, bare(passage.text)
    if not gold:
        return tells(example, passage)
    if bare(gold) in held:
        return True
    parts = [bare(span.of(gold)) for span in sentences(gold)]
    return any(part and part in held for part in parts) and tells(example, passage)


def tells(example: Example, passage: Passage) -> bool:
    """Whether the answer stands in a passage, whatever document it is of.

    By what a right answer must contain where somebody listed it, else as a written answer is
    checked: every sentence borne out, no number, name or negation against it.
    """
    if example.must_contain:
        return holds_all(passage.text, example.must_contain)
    cited = citations(example.completion, [passage], question=example.prompt)
    return bool(cited) and all(citation.passage for citation in cited)
