"""What a split can show is said with its size; the figures follow the reference's formula."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.commands_inspect import inspect
from advisor.inspect_splits import split_advice
from advisor.power import detectable_difference, questions_for
from knowledge.corpus.splits import PARTS, split
from knowledge.corpus.types import Example


def test_inspect_says_sizes_and_gaps(company: Path) -> None:
    run = CliRunner().invoke(inspect, [str(company), "--json"])
    said = json.loads(run.stdout)["splits"][str(company)]
    assert sum(said[part]["examples"] for part in PARTS) + said["left_out"] == 24
    assert said["detectable_difference"] == round(
        detectable_difference(said["test"]["examples"]), 3
    )
    assert said["test_questions_missing"] == questions_for(0.1) - said["test"]["examples"]
    text = CliRunner().invoke(inspect, [str(company), "--lang", "en", "--plain"]).stdout
    assert f"With {said['test']['examples']} test questions only gaps above" in text


def asked(n: int, answerable: bool) -> Example:
    start = n * 7919 + 4000 * answerable
    letters = "".join(chr(0x4E00 + (start + i * 131) % 20000) for i in range(9))
    documents = (f"d{n}.md",) if answerable else ()
    return Example(f"{n}{answerable}", "qa", letters, "a", "f", "", answerable, documents)


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 30), st.integers(3, 30), st.randoms(use_true_random=False), st.integers(0, 9))
def test_three_unanswerable_questions_reach_every_part(
    answerable: int, none: int, random: object, seed: int
) -> None:
    made = [asked(n, True) for n in range(answerable)] + [asked(n, False) for n in range(none)]
    random.shuffle(made)  # type: ignore[attr-defined]
    parts = split(made, seed=seed)
    for part in PARTS:
        assert {example.answerable for example in getattr(parts, part)} == {True, False}
    assert seed or split_advice(made).lacking_unanswerable() == []
