"""The back-test: what the rules would have advised in published head-to-head studies.

A study's facts reach the rules, and the list of approaches it compared; nothing else does.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from advisor.options import ROADS
from advisor.ranking import shares
from advisor.rules import FRONTIER_WINDOW, OPEN_WINDOW, score
from knowledge.catalog.records import Rule, Study

UNREAD_WEIGHT = 0.5
"""Studies whose figures were not read count half: only their direction is known."""
_FRESHNESS = {"static": "never", "changing": "monthly"}
_RENAMED = {
    "needs_citations": "citations",
    "long_tail_facts": "long_tail",
    "frontier_api_is_an_option": "frontier",
}
_SAME = ("goal", "data_kind", "n_examples", "corpus_tokens", "language", "base_params_b")


@dataclass(frozen=True, slots=True)
class Case:
    """One study as the back-test sees it: facts for the rules, outcome for the count."""

    id: str
    paper: str
    facts: Mapping[str, Any]
    option_classes: tuple[str, ...]
    acceptable: tuple[str, ...]
    winner: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Pick:
    """What was said for one case."""

    id: str
    paper: str
    said: str
    ranked: tuple[str, ...]
    confidence: float
    right: bool
    weight: float


@dataclass(frozen=True, slots=True)
class Backtest:
    """Agreement with the studies, per case and as the mean over papers."""

    picks: tuple[Pick, ...]
    per_case: float
    per_paper: float
    papers: int


Adviser = Callable[[Mapping[str, Any], Sequence[str]], tuple[tuple[str, ...], float]]


def advise(
    facts: Mapping[str, Any], option_classes: Sequence[str], rules: Sequence[Rule] | None = None
) -> tuple[tuple[str, ...], float]:
    """The compared approaches by the rules' scores, best first, and the first one's share."""
    facts = with_window(facts)
    best: dict[str, float] = {}
    for road in ROADS:
        skipped = road.method == "encoder" and facts.get("goal") != "classification"
        skipped |= road.variant == "whole_corpus" and not facts.get("has_documents")
        if road.approach in option_classes and not skipped:
            found = score(road.key, facts, rules)
            best[road.approach] = max(found, best.get(road.approach, -math.inf))
    ranked = tuple(sorted(best, key=lambda a: (-best[a], option_classes.index(a))))
    return ranked, shares(best)[ranked[0]]


def folk(facts: Mapping[str, Any], option_classes: Sequence[str]) -> tuple[tuple[str, ...], float]:
    """The rule everybody knows: knowledge by retrieval, behaviour by tuning."""
    order = ("fine_tuning", "hybrid", "prompting", "rag")
    if facts.get("goal") in ("new_facts", "domain_reasoning"):
        order = ("rag", "hybrid", "prompting", "fine_tuning")
    return tuple(a for a in order if a in option_classes), 1.0


def with_window(facts: Mapping[str, Any]) -> dict[str, Any]:
    """A study's facts with those that follow from them."""
    known = dict(facts)
    tokens = known.get("corpus_tokens")
    known["has_documents"] = known.get("data_kind") == "documents" or tokens is not None
    if tokens is not None:
        window = FRONTIER_WINDOW if known.get("frontier") else OPEN_WINDOW
        known["window_share"] = tokens / window
    return known


def cases_of(studies: Mapping[str, Study]) -> tuple[Case, ...]:
    """The catalog's studies that compare approaches."""
    return tuple(
        Case(
            study.id,
            study.paper,
            study.facts,
            study.option_classes,
            study.acceptable,
            study.winner,
            1.0 if study.scores_read else UNREAD_WEIGHT,
        )
        for study in studies.values()
        if study.decision == "approach"
    )


def cases_from(document: Mapping[str, Any]) -> tuple[Case, ...]:
    """Cases of a file of studies (`cases:` with `a_priori`, `option_classes`, `acceptable`)."""
    found = []
    for raw in document["cases"]:
        if raw["decision"] != "approach":
            continue
        given = raw["a_priori"]
        facts = {name: given.get(name) for name in _SAME}
        facts |= {ours: given.get(theirs) for theirs, ours in _RENAMED.items()}
        facts["changes"] = _FRESHNESS.get(str(given.get("freshness")))
        weight = 1.0 if raw.get("scores_read", True) else UNREAD_WEIGHT
        classes, right = tuple(raw["option_classes"]), tuple(raw["acceptable"])
        found.append(Case(raw["id"], raw["paper"], facts, classes, right, raw["winner"], weight))
    return tuple(found)


def backtest(cases: Sequence[Case], adviser: Adviser = advise) -> Backtest:
    """Ask the adviser about every case and count how often the study bears it out."""
    picks = []
    for case in cases:
        ranked, confidence = adviser(case.facts, case.option_classes)
        right = ranked[0] in case.acceptable
        picks.append(Pick(case.id, case.paper, ranked[0], ranked, confidence, right, case.weight))
    by_paper: dict[str, list[Pick]] = defaultdict(list)
    for pick in picks:
        by_paper[pick.paper].append(pick)
    papers = [_share(group) for group in by_paper.values()]
    per_paper = sum(papers) / len(papers) if papers else math.nan
    return Backtest(tuple(picks), _share(picks), per_paper, len(papers))


def _share(picks: Sequence[Pick]) -> float:
    total = sum(pick.weight for pick in picks)
    return sum(pick.weight for pick in picks if pick.right) / total if total else math.nan
