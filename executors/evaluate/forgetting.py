"""What a training made worse beside its task: each change with its interval, and one light.

Green: the interval holds 0, or the change is for the better. Yellow: worse, and within the stated
bound. Red: worse by more than the bound. The bounds are settings, not facts. No light: nothing
could be judged, which is no good news.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from advisor.texts import t
from executors.evaluate.general import LANGUAGES, Measured, Probe
from executors.evaluate.statistics import Interval, mean_interval, paired_difference

Light = Literal["green", "yellow", "red"]
Measure = Literal["loss", "choices"]
Compared = Literal["adapter-off-and-on", "before-and-after"]
WORSE: tuple[Light, ...] = ("green", "yellow", "red")


@dataclass(frozen=True, slots=True)
class Bounds:
    """The worst change that is still yellow: nats per token, and share of choices."""

    loss: float
    choices: float


@dataclass(frozen=True, slots=True)
class Part:
    """One measure in one language; `change` is after minus before on the same items."""

    measure: Measure
    lang: str
    before: Interval
    after: Interval
    change: Interval
    light: Light | None
    """None where the model guessed before: who knows nothing can forget nothing."""


def judge(probe: Probe, before: Measured, after: Measured, bounds: Bounds) -> list[Part]:
    """Every measure in every language that the probe has."""
    parts: list[Part] = []
    sides: tuple[tuple[Measure, Mapping[str, float], Mapping[str, float]], ...] = (
        ("loss", before.loss, after.loss),
        ("choices", before.right, after.right),
    )
    for measure, was, now in sides:
        for lang in LANGUAGES:
            keys = [key for key in was if key.startswith(f"{lang}/")]
            if not keys:
                continue
            first, last = [was[key] for key in keys], [now[key] for key in keys]
            start = mean_interval(first)
            change = paired_difference(last, first)
            guessed = measure == "choices" and start.low <= _chance(probe, lang)
            light = None if guessed else light_of(change, measure, bounds)
            parts.append(Part(measure, lang, start, mean_interval(last), change, light))
    return parts


def light_of(change: Interval, measure: Measure, bounds: Bounds) -> Light:
    """The light of one change; a loss is worse when it rises, choices when they fall."""
    sign, bound = (1, bounds.loss) if measure == "loss" else (-1, bounds.choices)
    surely = min(sign * change.low, sign * change.high)
    if surely <= 0:
        return "green"
    return "red" if sign * change.value > bound else "yellow"


def worst(parts: list[Part]) -> Light | None:
    """The light of the whole: its worst part's; None where no part could be judged."""
    return max((p.light for p in parts if p.light), key=WORSE.index, default=None)


def named(light: str | None) -> str:
    """The light's name in texts and styles."""
    return light or "none"


def document(
    probe: Probe,
    before: Measured,
    after: Measured,
    bounds: Bounds,
    compared: Compared,
    replay: Mapping[str, Any],
) -> dict[str, Any]:
    """All of it as JSON: the light (or null), its parts, the bounds, and every item's two figures.

    Args:
        replay: the general rows that were mixed in, `rows` and `share`.
    """
    parts = judge(probe, before, after, bounds)
    return {
        "schema_version": 1,
        "light": worst(parts),
        "compared": compared,
        "probe": {
            "source": probe.source,
            "sha256": probe.sha256,
            "texts": len(probe.texts),
            "questions": len(probe.choices),
        },
        "bounds": {"loss": bounds.loss, "choices": bounds.choices},
        "replay": dict(replay),
        "parts": [
            {
                "measure": part.measure,
                "lang": part.lang,
                "n": part.change.n,
                "before": round(part.before.value, 5),
                "after": round(part.after.value, 5),
                "change": round(part.change.value, 5),
                "low": round(part.change.low, 5),
                "high": round(part.change.high, 5),
                "light": part.light,
            }
            for part in parts
        ],
        "items": {
            "loss": {key: [before.loss[key], after.loss[key]] for key in before.loss},
            "choices": {key: [before.right[key], after.right[key]] for key in before.right},
        },
    }


def words_of(part: Mapping[str, Any], lang: str) -> dict[str, str]:
    """One part of `forgetting.json` as people read it, each value a text."""
    digits = 3 if part["measure"] == "loss" else 2
    return {
        "measure": t(f"forgetting.measure.{part['measure']}", lang),
        "language": t(f"forgetting.language.{part['lang']}", lang),
        "before": f"{part['before']:.{digits}f}",
        "after": f"{part['after']:.{digits}f}",
        "change": f"{part['change']:+.{digits}f}"
        f" [{part['low']:+.{digits}f}, {part['high']:+.{digits}f}]",
        "n": str(part["n"]),
        "light": t(f"forgetting.word.{named(part['light'])}", lang),
    }


def _chance(probe: Probe, lang: str) -> float:
    """The share of right choices that guessing gives."""
    shares = [1 / len(asked.choices) for asked in probe.choices if asked.lang == lang]
    return sum(shares) / len(shares)
