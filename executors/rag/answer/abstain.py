"""Whether the papers answer a question at all: a confidence, and where to draw the line.

The confidence is a logistic model over the signs of evidence.py. Its weights were fitted once on
public questions (`python -m bench abstention --fit`) and lie in confidence.toml with their origin.
A company's own questions move the line, not the weights – and they need no unanswerable ones:
an answerable question whose documents are left out of the index is one.
"""

from __future__ import annotations

import functools
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

SCHEMA_VERSION = 1
LEAST_ANSWERABLE = 10
LEAST_UNANSWERABLE = 4
TARGET_FALSE_ANSWERS = 0.05
"""Share of the unanswerable questions that may be answered nevertheless."""
LEAST_COVERAGE = 0.7
"""The line is not raised past this share of answerable questions: a help desk must help."""
_PRIOR_QUESTIONS = 10
"""The shipped line counts as much as this many questions of the company's own."""
_RECORD = "confidence.toml"


@dataclass(frozen=True, slots=True)
class Weights:
    """A logistic model over signs: standardised by `centre` and `scale`, then weighted."""

    centre: Mapping[str, float]
    scale: Mapping[str, float]
    weights: Mapping[str, float]
    bias: float
    threshold: float

    def probability(self, signs: Mapping[str, float]) -> float:
        """How likely the papers hold the answer; never NaN, 0 when nothing was found."""
        if not signs or any(math.isnan(signs[name]) for name in self.weights):
            return 0.0
        z = self.bias + sum(
            weight * _limited((signs[name] - self.centre[name]) / self.scale[name])
            for name, weight in self.weights.items()
        )
        return 1 / (1 + math.exp(-z))


@dataclass(frozen=True, slots=True)
class Threshold:
    """Below `value` the system says that the papers do not say."""

    value: float
    basis: str
    """`calibrated` on the company's own questions, or `default`."""
    n_answerable: int
    n_unanswerable: int
    n_left_out: int = 0
    """Answerable questions asked once more without their documents."""
    coverage: float | None = None
    """Share of the answerable calibration questions that are answered."""
    false_answers: float | None = None
    """Share of the unanswerable calibration questions that are answered nevertheless."""
    false_answers_left_out: float | None = None
    """The same of the questions whose documents were left out."""

    def record(self) -> dict[str, object]:
        return {"schema_version": SCHEMA_VERSION, **asdict(self)}


@functools.cache
def weights_for(embedder: str) -> Weights:
    """The fitted weights for an embedder; those without absolute cosines for an unknown one."""
    stored = tomllib.loads(files("executors.rag.answer").joinpath(_RECORD).read_text("utf-8"))
    models: list[dict[str, Any]] = stored["model"]
    known = next((m for m in models if embedder in m["embedders"]), models[-1])
    signs = known["signs"]
    return Weights(
        {name: sign["centre"] for name, sign in signs.items()},
        {name: sign["scale"] for name, sign in signs.items()},
        {name: sign["weight"] for name, sign in signs.items()},
        known["bias"],
        known["threshold"],
    )


def _limited(standardised: float) -> float:
    # A sign far outside of what was seen in fitting says no more than one at its edge.
    return max(-4.0, min(4.0, standardised))


def calibrate(
    answerable: Sequence[float],
    unanswerable: Sequence[float],
    left_out: Sequence[float] = (),
    *,
    default: float,
) -> Threshold:
    """The line for these confidences, drawn towards the default while there are few of them.

    The lowest line that at most `TARGET_FALSE_ANSWERS` of the unanswerable questions pass, unless
    fewer than `LEAST_COVERAGE` of the answerable ones would pass it too: then the highest one that
    this share passes. The company's own unanswerable questions decide where there are enough;
    else those whose documents were left out, which are harder.

    Args:
        answerable: confidences of questions that the papers answer.
        unanswerable: of questions that they do not.
        left_out: of the answerable questions, their documents left out of the index.
        default: the line for companies without questions.
    """
    hard = unanswerable if len(unanswerable) >= LEAST_UNANSWERABLE else left_out
    if len(answerable) < LEAST_ANSWERABLE or len(hard) < LEAST_UNANSWERABLE:
        return _threshold(default, "default", answerable, unanswerable, left_out)
    allowed = math.floor(TARGET_FALSE_ANSWERS * len(hard))
    strict = _just_above(sorted(hard, reverse=True)[allowed])
    must_pass = math.ceil(LEAST_COVERAGE * len(answerable))
    helpful = sorted(answerable, reverse=True)[must_pass - 1]
    line = min(strict, helpful)
    share = _PRIOR_QUESTIONS / (_PRIOR_QUESTIONS + min(len(answerable), len(hard)))
    drawn = share * default + (1 - share) * line
    return _threshold(drawn, "calibrated", answerable, unanswerable, left_out)


def _just_above(value: float) -> float:
    return min(1.0, value + 1e-6)


def _threshold(
    value: float,
    basis: str,
    answerable: Sequence[float],
    unanswerable: Sequence[float],
    left_out: Sequence[float],
) -> Threshold:
    def above(values: Sequence[float]) -> float | None:
        return round(sum(v >= value for v in values) / len(values), 4) if values else None

    return Threshold(
        round(value, 6),
        basis,
        len(answerable),
        len(unanswerable),
        len(left_out),
        above(answerable),
        above(unanswerable),
        above(left_out),
    )


def risk_coverage(
    answerable: Sequence[float], unanswerable: Sequence[float]
) -> list[dict[str, float]]:
    """At every possible line, the shares of either kind of question that would be answered.

    `risk` is the share of unanswerable ones among all answers; without questions there are no
    points, and no share is ever NaN.
    """
    points = []
    for line in sorted({*answerable, *unanswerable}):
        kept = sum(value >= line for value in answerable)
        false = sum(value >= line for value in unanswerable)
        points.append(
            {
                "threshold": round(line, 6),
                "coverage": kept / len(answerable) if answerable else 0.0,
                "false_answers": false / len(unanswerable) if unanswerable else 0.0,
                "risk": false / (kept + false),
            }
        )
    return points
