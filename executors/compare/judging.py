"""An LLM judge beside the metrics: which of two answers is nearer to the right one, asked twice.

A judge leans to the answer that it reads first (Zheng et al. 2023, arXiv 2306.05685): every pair is
shown in both orders, and who does not win both has not won. What it says stands beside the verdict
and never decides it; how often it agrees with the metric is told with it.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from advisor.session import Session
from advisor.types import Plan, Scalar
from executors.base import Generator, Message
from executors.compare.roads import Road
from executors.evaluate.heldout import ANSWERS, Scored, cluster, drop_cut_line, read_answers
from executors.evaluate.normalise import bare
from executors.evaluate.statistics import mean_interval
from executors.generator import open_generator
from knowledge.catalog.texts import text

FOLDER = "judge"
ANSWER_TOKENS = 16
SAME = 0.02
"""Figures this near count as equal where judge and metric are held together."""
Preference = Literal["first", "second", "tie"]
_SAID: Mapping[str, Preference] = {"A": "first", "B": "second", "TIE": "tie"}
_AROUND = re.compile(r"[\s\"'“”「」『』()\[\]*.。:、,]+")
_TAG = re.compile(r"<(?=/?\s*(?:question|gold|answer))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Judge:
    """A model that judges, and the plan whose settings name it: what it costs is counted by it."""

    plan: Plan
    generator: Generator

    @property
    def name(self) -> str:
        return str(self.plan.config["endpoint.model"])


def judge_plan(plan: Plan, settings: Mapping[str, Scalar]) -> Plan | None:
    """The plan of a road that would answer with the judge's model; None where none is wanted."""
    url = str(settings.get("judge.url") or "")
    if not url:
        return None
    endpoint = {
        "endpoint.url": url,
        "endpoint.model": str(settings.get("judge.model") or ""),
        "endpoint.key_env": str(settings.get("judge.key_env") or ""),
        "generate.max_new_tokens": ANSWER_TOKENS,
        "prompting.shots": 0,
    }
    return replace(
        plan,
        executor="prompting",
        approach="prompting",
        method=None,
        variant=None,
        config={**plan.config, **endpoint},
        estimates={},
    )


def open_judge(plan: Plan | None, session: Session) -> Judge | None:
    """Connect to the judge, by the rules of every endpoint.

    Raises:
        Forbidden: confidential answers would leave, or nobody has consented.
        MachineError: the openai package or the key is missing.
    """
    if plan is None:
        return None
    from executors.base import Context

    told = session.with_confidential(str(plan.answers.get("confidential", "")) or None)
    return Judge(plan, open_generator(plan.config, Context(told)))


def judge_calls(roads: int, questions: int) -> int:
    """The most calls that judging takes: every road beside the best one, in both orders."""
    return 2 * max(0, roads - 1) * questions


def judge_left(plan: Plan, roads: Sequence[Road], best: str, folder: Path) -> int:
    """The calls that judging these roads still takes, after those of an earlier attempt.

    Args:
        plan: the judge's (see `judge_plan`).
        folder: of the comparison.
    """
    first = next(road for road in roads if road.name == best)
    known = {record["key"] for record in read_answers(folder / FOLDER / ANSWERS)}
    wanted = {
        _key(plan, shown(*pair, plan.language))
        for road in roads
        if road.name != best
        for mine, theirs in zip(road.results, first.results, strict=True)
        if bare(mine.answer) != bare(theirs.answer)
        for pair in ((mine, theirs), (theirs, mine))
    }
    return len(wanted - known)


def ask_judge(
    judge: Judge,
    roads: Sequence[Road],
    best: str,
    folder: Path,
    session: Session,
    check: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """What the judge says of every road beside the best one, for report.json.

    Args:
        folder: of the comparison; each answer of the judge is kept there and never asked twice.
        check: called before each call; raises LimitError at a limit of the caller.
    """
    first = next(road for road in roads if road.name == best)
    others = [road for road in roads if road.name != best]
    asked = _Asked(judge, folder / FOLDER / ANSWERS, check)
    found = {}
    total = judge_calls(len(roads), len(first.results)) // 2
    with session.progress(session.t("judge.asking", n=total), total=total) as progress:
        for road in others:
            pairs = []
            for mine, theirs in zip(road.results, first.results, strict=True):
                pairs.append(asked.pair(mine, theirs))
                progress.advance()
            found[road.name] = _counted(pairs, road.results, first.results)
    return {"model": judge.name, "against": best, "calls": asked.calls, "roads": found}


@dataclass(frozen=True, slots=True)
class _Pair:
    preference: Preference
    consistent: bool
    readable: bool = True
    equal: bool = False


class _Asked:
    """The judge's answers, on disk by what it was shown."""

    def __init__(self, judge: Judge, path: Path, check: Callable[[], None]) -> None:
        self._judge, self._path, self._check = judge, path, check
        path.parent.mkdir(parents=True, exist_ok=True)
        drop_cut_line(path)
        self._known = {record["key"]: record["said"] for record in read_answers(path)}

    @property
    def calls(self) -> int:
        return len(self._known)

    def pair(self, mine: Scored, theirs: Scored) -> _Pair:
        """Which of two answers to one question is better, `mine` being the first."""
        if bare(mine.answer) == bare(theirs.answer):
            return _Pair("tie", consistent=True, equal=True)
        forth = preference(self._said(mine, theirs))
        back = preference(self._said(theirs, mine))
        if forth is None or back is None:
            return _Pair("tie", consistent=False, readable=False)
        turned: Preference = {"first": "second", "second": "first", "tie": "tie"}[back]  # type: ignore[assignment]
        return _Pair(forth, True) if forth == turned else _Pair("tie", consistent=False)

    def _said(self, one: Scored, other: Scored) -> str:
        turns = shown(one, other, self._judge.plan.language)
        key = _key(self._judge.plan, turns)
        if key not in self._known:
            self._check()
            (made,) = self._judge.generator.complete([turns], max_new_tokens=ANSWER_TOKENS)
            record = {"key": key, "id": one.example.id, "said": made.text}
            record |= {"tokens_in": made.tokens_in, "tokens_out": made.tokens_out}
            record |= {"seconds": round(made.seconds, 4)}
            with self._path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(record, ensure_ascii=False) + "\n")
            self._known[key] = made.text
        return str(self._known[key])


def _key(plan: Plan, turns: Sequence[Message]) -> str:
    """What a judge's answer is known by: the judge, and what it was shown."""
    told = json.dumps(
        [plan.config["endpoint.url"], str(plan.config["endpoint.model"]), turns], ensure_ascii=False
    )
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def shown(one: Scored, other: Scored, lang: str) -> list[Message]:
    """What a judge is shown of two answers: data between tags that the answers cannot close."""
    example = one.example
    gold = example.completion or text("judge.no-answer", lang)
    parts = {"question": example.prompt, "gold": gold, "a": one.answer, "b": other.answer}
    fenced = {name: _TAG.sub("‹", part) for name, part in parts.items()}
    return [
        {"role": "system", "content": text("judge.system", lang)},
        {"role": "user", "content": text("judge.user", lang, **fenced)},
    ]


def preference(said: str) -> Preference | None:
    """What a judge's answer or its last line says; None where it is none of the three words."""
    lines = [line for line in unicodedata.normalize("NFKC", said).splitlines() if line.strip()]
    for line in (said, *lines[-1:]):
        word = _AROUND.sub("", unicodedata.normalize("NFKC", line)).upper()
        if word in _SAID:
            return _SAID[word]
    return None


def _counted(
    pairs: Sequence[_Pair], mine: Sequence[Scored], theirs: Sequence[Scored]
) -> dict[str, Any]:
    """Wins of a road, the share it wins (a tie is half), and how far the metric says the same."""
    said = Counter(pair.preference for pair in pairs)
    points = [{"first": 1.0, "tie": 0.5, "second": 0.0}[pair.preference] for pair in pairs]
    share = mean_interval(points, [cluster(result.example) for result in mine])
    gaps = [a.figures["correct"] - b.figures["correct"] for a, b in zip(mine, theirs, strict=True)]
    both = [
        float((pair.preference == "first") == (gap > 0))
        for pair, gap in zip(pairs, gaps, strict=True)
        if pair.preference != "tie" and abs(gap) > SAME
    ]
    agreed = mean_interval(both)
    asked = [pair for pair in pairs if not pair.equal]
    return {
        "n": len(pairs),
        "wins": said["first"],
        "losses": said["second"],
        "ties": said["tie"],
        "equal": len(pairs) - len(asked),
        "inconsistent": sum(pair.readable and not pair.consistent for pair in asked),
        "unreadable": sum(not pair.readable for pair in asked),
        "win_share": _plain(share.value, share.low, share.high, share.n),
        "agreement": _plain(agreed.value, agreed.low, agreed.high, agreed.n) if both else None,
    }


def _plain(value: float, low: float, high: float, n: int) -> dict[str, Any]:
    return {"value": round(value, 4), "low": round(low, 4), "high": round(high, 4), "n": n}
