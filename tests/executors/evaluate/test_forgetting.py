"""The light says what the interval says: worse, how much worse, or not shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from advisor.errors import UsageError
from executors.evaluate.forgetting import Bounds, document, judge, light_of, worst
from executors.evaluate.general import Measured, Probe, load_probe
from executors.evaluate.statistics import Interval

BOUNDS = Bounds(loss=0.1, choices=0.05)


@pytest.mark.parametrize(
    ("value", "low", "high", "light"),
    [
        (-0.2, -0.3, -0.1, "green"),  # better
        (0.02, -0.01, 0.05, "green"),  # not shown
        (0.05, 0.0, 0.1, "green"),  # the interval holds 0
        (0.05, 0.01, 0.09, "yellow"),
        (0.1, 0.05, 0.2, "yellow"),  # the bound itself
        (0.3, 0.2, 0.4, "red"),
        (0.3, -0.1, 0.7, "green"),  # large, and may be chance
    ],
)
def test_light_of_a_loss_and_of_choices_that_fall_as_much(
    value: float, low: float, high: float, light: str
) -> None:
    assert light_of(Interval(value, low, high, 20), "loss", BOUNDS) == light
    half = Interval(-value / 2, -high / 2, -low / 2, 40)
    assert light_of(half, "choices", BOUNDS) == light


@pytest.fixture(scope="module")
def probe() -> Probe:
    return load_probe()


def measured(probe: Probe, loss: float, right: float) -> Measured:
    """The same loss with a small spread on every text, and this share of choices right."""
    texts = {f"{t.lang}/{t.id}": loss + 0.01 * (n % 5) for n, t in enumerate(probe.texts)}
    asked = [f"{c.lang}/{c.id}" for c in probe.choices]
    return Measured(texts, {key: float(n % 40 < right * 40) for n, key in enumerate(asked)})


def lights(probe: Probe, before: Measured, after: Measured) -> dict[tuple[str, str], str | None]:
    return {(p.measure, p.lang): p.light for p in judge(probe, before, after, BOUNDS)}


def test_languages_are_judged_apart_and_the_worst_counts(probe: Probe) -> None:
    before, after = measured(probe, 3.0, 0.8), measured(probe, 3.0, 0.8)
    after.loss.update({k: v + 0.5 for k, v in after.loss.items() if k.startswith("en/")})
    found = lights(probe, before, after)
    assert found["loss", "en"] == "red" and found["loss", "ja"] == "green"
    assert worst(judge(probe, before, after, BOUNDS)) == "red"


def test_half_the_choices_lost_is_red_and_one_of_forty_is_not_shown(probe: Probe) -> None:
    before = measured(probe, 3.0, 0.8)
    assert lights(probe, before, measured(probe, 3.0, 0.4))["choices", "ja"] == "red"
    assert lights(probe, before, measured(probe, 3.0, 0.775))["choices", "ja"] == "green"


def test_a_model_that_guessed_before_gets_no_light_for_choices(probe: Probe) -> None:
    before, after = measured(probe, 3.0, 0.25), measured(probe, 3.0, 0.0)
    found = lights(probe, before, after)
    assert found["choices", "ja"] is None and worst(judge(probe, before, after, BOUNDS)) == "green"


def test_a_probe_of_guesses_alone_is_no_green_light(probe: Probe) -> None:
    """Without texts nothing is left to judge by."""
    before, after = (Measured({}, measured(probe, 3.0, share).right) for share in (0.25, 0.0))
    parts = judge(probe, before, after, BOUNDS)
    assert parts and all(part.light is None for part in parts)
    found = document(probe, before, after, BOUNDS, "adapter-off-and-on", {"rows": 0, "share": 0})
    assert json.loads(json.dumps(found))["light"] is None


def test_document_is_json_with_every_item(probe: Probe) -> None:
    before, after = measured(probe, 3.0, 0.8), measured(probe, 3.04, 0.8)
    found = document(probe, before, after, BOUNDS, "adapter-off-and-on", {"rows": 3, "share": 0.1})
    assert json.loads(json.dumps(found)) == found
    assert found["light"] == "yellow" and len(found["items"]["loss"]) == found["probe"]["texts"]
    part = found["parts"][0]
    assert part["low"] <= part["change"] <= part["high"] and part["n"] == 20


def test_own_probe_is_read_with_its_languages(tmp_path: Path) -> None:
    (tmp_path / "general_text.jsonl").write_text(
        '{"text": "今日は朝から雨が降っていた。"}\n{"text": "It rained all day long."}\n',
        encoding="utf-8",
    )
    found = load_probe(tmp_path)
    assert [text.lang for text in found.texts] == ["ja", "en"] and not found.choices
    with pytest.raises(UsageError, match="probe-empty"):
        load_probe(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[1]",
        '{"question": "a?", "choices": ["x", "y"], "answer_index": 2}',
        '{"question": "a?", "choices": ["x", " "], "answer_index": 0}',
        '{"choices": ["x", "y"], "answer_index": 0}',
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    good = '{"question": "a?", "choices": ["x", "y"], "answer_index": 0}'
    (tmp_path / "general.jsonl").write_text(f"{good}\n{line}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="probe-unreadable") as caught:
        load_probe(tmp_path)
    assert caught.value.where == "general.jsonl:2"
