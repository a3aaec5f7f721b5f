"""What can be mended without knowing the business: copies, rows without use, personal data.

Nothing is written and no text is made up: a row stays, goes, or is set aside; in what stays,
personal data gives way to its name. Which of two contradicting rows is right, people decide.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from knowledge.corpus.grade import ASIDE, MENDED
from knowledge.corpus.health import text_problems
from knowledge.corpus.patterns import MASKED, Hit, replaced, scan
from knowledge.corpus.quality import quality_problems
from knowledge.corpus.repetition import find_repetitions, is_leak
from knowledge.corpus.sketch import COPY, Copy, Sketched, find_copies
from knowledge.corpus.types import Example

Named = Callable[[str], str]
"""What stands in place of personal data of a kind, such as `[masked: phone]`."""
_MOST_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Change:
    """One thing done: `id` of the finding, where, and for a copy what it repeats."""

    done: str
    id: str
    file: str
    where: str
    of: str = ""


@dataclass(slots=True)
class Mended:
    """Examples that stay, those set aside with their reason, pairs to decide, and every change."""

    examples: list[Example]
    aside: list[tuple[str, Example]] = field(default_factory=list)
    to_decide: list[tuple[str, Example, Example]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)


def mend(examples: Sequence[Example], named: Named | None) -> Mended:
    """The examples without what is mechanically wrong with them.

    Args:
        examples: in reading order; of copies the first stays.
        named: as in `mask`; None leaves personal data as it is.
    """
    mended = Mended(list(examples))
    # Masking makes copies of rows that differed by a number, and leaving rows out brings others
    # side by side: so again, until nothing is found.
    for _ in range(_MOST_ROUNDS):
        before = len(mended.changes)
        if named is not None:
            _mask(mended, named)
        _set_aside(mended)
        _drop_copies(mended)
        if len(mended.changes) == before:
            break
    return mended


def _mask(mended: Mended, named: Named) -> None:
    by_file: dict[str, list[int]] = defaultdict(list)
    for index, example in enumerate(mended.examples):
        by_file[example.source].append(index)
    for indices in by_file.values():
        rows = [mended.examples[i] for i in indices]
        texts = [text for e in rows for text in (e.prompt, e.completion)]
        clean = mask_together(texts, named)
        for place, index in enumerate(indices):
            old = mended.examples[index]
            prompt, completion = clean[2 * place], clean[2 * place + 1]
            if (prompt, completion) == (old.prompt, old.completion):
                continue
            mended.examples[index] = replace(
                old,
                prompt=prompt,
                completion=completion,
                label=completion if old.label == old.completion else old.label,
                gold_passage=old.gold_passage and mask(old.gold_passage, named),
                must_contain=tuple(
                    tuple(mask(text, named) for text in group) for group in old.must_contain
                ),
            )
            mended.changes.append(Change("masked", "personal-data", old.source, old.where))


def mask_together(texts: Sequence[str], named: Named) -> list[str]:
    """Each text masked, searched as they stand in one file: prompt, answer, prompt, answer."""
    current = list(texts)
    for _ in range(_MOST_ROUNDS):
        joints = ["\n" if i % 2 == 0 else "\n\n" for i in range(len(current))]
        starts = list(
            accumulate((len(t) + len(j) for t, j in zip(current, joints, strict=True)), initial=0)
        )
        found: dict[int, list[Hit]] = defaultdict(list)
        whole = "".join(t + j for t, j in zip(current, joints, strict=True))
        for hit in scan(whole, MASKED):
            part = bisect_right(starts, hit.start) - 1
            end = min(hit.end - starts[part], len(current[part]))
            found[part].append(hit._replace(start=hit.start - starts[part], end=end))
        if not found:
            break
        for part, hits in found.items():
            current[part] = replaced(current[part], hits, named)
    return current


def mask(text: str, named: Named) -> str:
    """`text` with personal data and secrets replaced by their names."""
    for _ in range(_MOST_ROUNDS):
        if (clean := replaced(text, scan(text, MASKED), named)) == text:
            break
        text = clean
    return text


def _set_aside(mended: Mended) -> None:
    by_file: dict[str, list[Example]] = defaultdict(list)
    for example in mended.examples:
        by_file[example.source].append(example)
    reasons: dict[tuple[str, str], str] = {}
    for source, rows in by_file.items():
        for problem in (*text_problems(rows), *quality_problems(rows)):
            if problem.id in ASIDE:
                for place in problem.places:
                    reasons.setdefault((source, place), problem.id)
    kept = []
    for example in mended.examples:
        reason = reasons.get((example.source, example.where))
        if reason is None:
            kept.append(example)
        else:
            mended.aside.append((reason, example))
            mended.changes.append(Change("set-aside", reason, example.source, example.where))
    mended.examples = kept


def _drop_copies(mended: Mended) -> None:
    rows = mended.examples
    dropped: set[int] = set()
    mended.to_decide = []
    for one in find_repetitions(rows):
        this, other = rows[one.index], rows[one.of]
        if is_leak(other.source, this.source):
            mended.to_decide.append(("train-test-leak", other, this))
        elif one.kind not in MENDED:
            mended.to_decide.append((one.kind, other, this))
        elif one.index not in dropped:
            dropped.add(one.index)
            of = f"{other.source} {other.where}"
            mended.changes.append(Change("dropped", one.kind, this.source, this.where, of))
    mended.examples = [e for i, e in enumerate(rows) if i not in dropped]
    kept = {e.id for e in mended.examples}
    mended.to_decide = [
        (id_, a, b) for id_, a, b in mended.to_decide if a.id in kept and b.id in kept
    ]


def without_copies(documents: Sequence[Sketched]) -> tuple[dict[str, str], list[Copy]]:
    """Documents to leave out, each with the one that stays for it; and versions to decide on.

    Of nearly equal documents the newer stays; where less than 90 % of the sentences are common,
    leaving one out could lose something, so people decide.
    """
    left_out: dict[str, str] = {}
    while True:
        rest = [d for d in documents if d.id not in left_out]
        found = find_copies(rest)
        sure = [one for one in found if one.share >= COPY]
        if not sure:
            break
        for one in sure:
            this, other = rest[one.index], rest[one.of]
            newer = not one.exact and (this.modified or "") > (other.modified or "")
            loser, winner = (other, this) if newer else (this, other)
            if loser.id not in left_out and winner.id not in left_out:
                left_out[loser.id] = winner.id
    for id_ in left_out:
        while left_out[id_] in left_out:
            left_out[id_] = left_out[left_out[id_]]
    places = {d.id: i for i, d in enumerate(documents)}
    versions = [
        Copy(places[rest[one.index].id], places[rest[one.of].id], one.share) for one in found
    ]
    return left_out, versions
