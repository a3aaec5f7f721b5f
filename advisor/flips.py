"""Which facts would turn the recommendation: the ranking is run again with each one changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from advisor.base_model import Estimator
from advisor.needs import count_examples, data_kind
from advisor.ranking import Ranked, leader
from advisor.texts import t
from advisor.types import Needs
from knowledge.catalog.loader import load

MOST_FLIPS = 3
EXAMPLE_STEPS = (0, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
CARD_STEPS = (3, 6, 8, 12, 16, 24, 48, 80)
TRAFFIC_STEPS = (100, 5_000, 50_000)
DEADLINE_STEPS = (3, 7, 30, 90)
BUDGET_STEPS = (0, 10_000, 100_000, 1_000_000, 10_000_000)


@dataclass(frozen=True, slots=True)
class Flip:
    """One fact that would put another road first; `fact` is a question's id or a count."""

    fact: str
    text_id: str
    value: Any
    label: str
    road: str

    def text(self) -> str:
        return t(f"change.{self.text_id}", road=self.road, n=self.label, value=self.label)


def flips(needs: Needs, ranked: tuple[Ranked, ...], estimator: Estimator) -> list[Flip]:
    """The nearest value of each fact that turns the order.

    Another approach comes before another method of the same one, another goal last; within
    these, the most telling facts first.
    """
    now = winner(ranked)
    found: list[tuple[int, Flip]] = []
    seen: set[str] = set()
    for fact, text_id, value, label, altered in _alterations(needs):
        if text_id in seen:
            continue
        then = leader(altered, estimator)
        if then is None or (now is not None and _same(then, now)):
            continue
        seen.add(text_id)
        other = now is None or then.road.approach != now.road.approach
        importance = 2 if fact == "goal" else 0 if other else 1
        found.append((importance, Flip(fact, text_id, value, label, road_label(then))))
    return [flip for _, flip in sorted(found, key=lambda item: item[0])]


def _same(one: Ranked, other: Ranked) -> bool:
    return (one.road.approach, one.road.method) == (other.road.approach, other.road.method)


def winner(ranked: tuple[Ranked, ...]) -> Ranked | None:
    """The first road, unless it is ruled out."""
    return ranked[0] if ranked and not ranked[0].blockers else None


def road_label(item: Ranked) -> str:
    """The road's name for people, with its method where it has one."""
    name = t(f"advice.approach.{item.road.approach}")
    form = item.road.method or item.road.variant
    return f"{name} / {t(f'advice.form.{form}')}" if form else name


Alteration = tuple[str, str, Any, str, Needs]


def _alterations(needs: Needs) -> Iterator[Alteration]:
    """Needs with one fact changed, nearest values first, facts in order of how telling they are."""
    yield from _examples(needs)
    yield from _choices(needs)
    yield from _cards(needs)
    yield from _permissions(needs)
    yield from _amounts(needs)
    yield from _goals(needs)


def _examples(needs: Needs) -> Iterator[Alteration]:
    n = needs.n_examples
    kind = needs.data_kind
    if kind == "none" and needs.goal != "new_facts":
        kind = "labelled_examples" if needs.goal == "classification" else "qa_pairs"
    if needs.goal == "new_facts" and kind == "documents":
        # Pairs like the real questions, made from the papers: what studies of facts needed.
        for step in (step for step in EXAMPLE_STEPS if step >= 1_000):
            altered = replace(
                needs, n_examples=step, data=None, data_kind="qa_pairs", changes="never"
            )
            yield "n_examples", "pairs", step, f"{step:,}", altered
    elif n is not None:
        for step in EXAMPLE_STEPS:
            if step > n:
                altered = replace(needs, n_examples=step, data_kind=kind)
                yield "n_examples", "n_examples.more", step, f"{step:,}", altered
        for step in reversed(EXAMPLE_STEPS):
            if step < n:
                altered = replace(needs, n_examples=step)
                yield "n_examples", "n_examples.fewer", step, f"{step:,}", altered
    if kind == "none":
        altered = replace(needs, data=None, data_kind="documents")
        yield "data.kind", "documents", "documents", "", altered


def _choices(needs: Needs) -> Iterator[Alteration]:
    for value in load("questions")["data.changes"].choices:
        if value != needs.changes:
            label = t(f"question.data.changes.choice.{value}")
            yield "data.changes", "changes", value, label, replace(needs, changes=value)
    for value in load("questions")["task.breadth"].choices:
        if value != needs.breadth:
            label = t(f"question.task.breadth.choice.{value}")
            yield "task.breadth", "breadth", value, label, replace(needs, breadth=value)
    if needs.shift != "out_of_domain" and needs.n_examples:
        altered = replace(needs, shift="out_of_domain")
        yield "data.like_use", "like_use", "no", "", altered
    if needs.per_person is not True and needs.goal in ("style_or_tone", "output_format"):
        yield "data.per_person", "per_person", "yes", "", replace(needs, per_person=True)
    if needs.citations is not True:
        yield "citations", "citations.yes", "yes", "", replace(needs, citations=True)
    else:
        yield "citations", "citations.no", "no", "", replace(needs, citations=False)


def _cards(needs: Needs) -> Iterator[Alteration]:
    for size in CARD_STEPS:
        if size > needs.vram_gib + 1.5:
            yield "gpu", "vram.more", size, str(size), _with_card(needs, size)
    for size in reversed(CARD_STEPS):
        if size < needs.vram_gib - 1.5:
            yield "gpu", "vram.less", size, str(size), _with_card(needs, size)


def _with_card(needs: Needs, size: int) -> Needs:
    record = load("gpus").get(f"vram-{size}")
    usable = record.usable_gib if record is not None else float(size)
    return replace(needs, gpu=f"vram-{size}", vram_gib=usable)


def _goals(needs: Needs) -> Iterator[Alteration]:
    data = needs.data
    for goal in load("questions")["goal"].choices:
        if goal != needs.goal:
            kind = data_kind(goal, {}, data, explicit=False) if data else needs.data_kind
            n = count_examples(goal, kind, data)
            label = t(f"question.goal.choice.{goal}")
            asked = goal in load("questions")["citations"].when["goal"]
            citations = needs.citations if asked else None
            altered = replace(needs, goal=goal, data_kind=kind, n_examples=n, citations=citations)
            yield "goal", "goal", goal, label, altered


def _permissions(needs: Needs) -> Iterator[Alteration]:
    if needs.may_send:
        yield "apis", "apis.no", "no", "", replace(needs, may_send=False)
    elif needs.confidential != "all":
        yield "apis", "apis.yes", "yes", "", replace(needs, may_send=True)


def _amounts(needs: Needs) -> Iterator[Alteration]:
    for step in DEADLINE_STEPS:
        if step != needs.deadline_days:
            altered = replace(needs, deadline_days=step)
            yield "deadline_days", "deadline", step, f"{step:,}", altered
    for step in TRAFFIC_STEPS:
        if step != needs.traffic_per_day:
            altered = replace(needs, traffic_per_day=step)
            yield "traffic_per_day", "traffic", step, f"{step:,}", altered
    for step in BUDGET_STEPS:
        if needs.budget_jpy is not None and step > needs.budget_jpy:
            yield "budget_jpy", "budget", step, f"{step:,}", replace(needs, budget_jpy=step)
    for value in load("questions")["skills"].choices:
        if value != needs.skills:
            label = t(f"question.skills.choice.{value}")
            yield "skills", "skills", value, label, replace(needs, skills=value)
