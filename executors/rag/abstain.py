"""Whether the papers answer a question at all: a confidence, and where to draw the line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

from executors.rag.quote import Quote
from executors.rag.retrieve import Signals

SCHEMA_VERSION = 1
LEAST_UNANSWERABLE = 4
LEAST_ANSWERABLE = 10
_LEAST_GAIN = 0.05
_PRIOR_QUESTIONS = 10
"""The default line counts as much as this many questions of the company's own."""
# Set by hand with the sample company's 144 questions (ja and en, unanswerable ones near misses)
# and handbook_ja's 50 in view, so figures on those are optimistic: .85–.92 of the answerable ones
# are answered at the default line. A company's questions move the line, not the weights.
CENTRE: Mapping[str, float] = {"contrast": 3.0, "coverage": 0.5, "agreement": 0.7, "form": 0.7}
WEIGHTS: Mapping[str, float] = {"contrast": 0.4, "coverage": 2.0, "agreement": 1.2, "form": 0.8}
BIAS = 0.8
DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Threshold:
    """Below `value` the system says that the papers do not say."""

    value: float
    basis: str
    """`calibrated` on the company's own questions, or `default`."""
    n_answerable: int
    n_unanswerable: int
    coverage: float | None = None
    """Share of the answerable calibration questions that are answered."""
    false_answers: float | None = None
    """Share of the unanswerable calibration questions that are answered nevertheless."""

    def record(self) -> dict[str, object]:
        return {"schema_version": SCHEMA_VERSION, **asdict(self)}


def features(signals: Signals, quote: Quote | None) -> dict[str, float]:
    """The signs of an answer in the papers, each limited to the range in which it tells."""
    return {
        "contrast": min(max(signals.contrast, 0.0), 6.0),
        "coverage": min(max(signals.coverage, 0.0), 1.0),
        "agreement": signals.agreement,
        "form": 0.0 if quote is None else quote.form,
    }


def confidence(signals: Signals, quote: Quote | None) -> float:
    """How likely the papers hold the answer; never NaN, 0 when nothing was found."""
    if quote is None:
        return 0.0
    found = features(signals, quote)
    z = BIAS + sum(WEIGHTS[name] * (found[name] - CENTRE[name]) for name in WEIGHTS)
    return 1 / (1 + math.exp(-z)) if math.isfinite(z) else 0.0


def calibrate(answerable: Sequence[float], unanswerable: Sequence[float]) -> Threshold:
    """The line for these confidences, drawn towards the default while there are few of them.

    The line is where answered-and-answerable minus answered-but-unanswerable is greatest
    (Youden's J), in the middle between the neighbouring confidences.
    """
    n, m = len(answerable), len(unanswerable)
    if n < LEAST_ANSWERABLE or m < LEAST_UNANSWERABLE:
        return _threshold(DEFAULT_THRESHOLD, "default", answerable, unanswerable)
    seen = sorted({*answerable, *unanswerable})
    lines = [0.0, *((a + b) / 2 for a, b in pairwise(seen)), 1.0]

    def gain(line: float) -> tuple[float, float]:
        kept = sum(value >= line for value in answerable) / n
        false = sum(value >= line for value in unanswerable) / m
        return kept - false, -abs(line - DEFAULT_THRESHOLD)

    best = max(lines, key=gain)
    share = _PRIOR_QUESTIONS / (_PRIOR_QUESTIONS + min(n, m))
    drawn = share * DEFAULT_THRESHOLD + (1 - share) * best
    # Where no line parts them, the best one is chance: it must beat the default plainly.
    if gain(drawn)[0] < gain(DEFAULT_THRESHOLD)[0] + _LEAST_GAIN:
        return _threshold(DEFAULT_THRESHOLD, "default", answerable, unanswerable)
    return _threshold(drawn, "calibrated", answerable, unanswerable)


def _threshold(
    value: float, basis: str, answerable: Sequence[float], unanswerable: Sequence[float]
) -> Threshold:
    def above(values: Sequence[float]) -> float | None:
        return round(sum(v >= value for v in values) / len(values), 4) if values else None

    return Threshold(
        round(value, 6),
        basis,
        len(answerable),
        len(unanswerable),
        above(answerable),
        above(unanswerable),
    )


def risk_coverage(
    answerable: Sequence[float], unanswerable: Sequence[float]
) -> list[dict[str, float]]:
    """At every possible line, the shares of either kind of question that would be answered."""
    points = []
    for line in sorted({*answerable, *unanswerable}):
        kept = sum(value >= line for value in answerable)
        false = sum(value >= line for value in unanswerable)
        points.append(
            {
                "threshold": round(line, 6),
                "coverage": kept / len(answerable) if answerable else 0.0,
                "false_answers": false / len(unanswerable) if unanswerable else 0.0,
            }
        )
    return points
