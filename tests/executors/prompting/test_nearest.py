"""Examples nearest to each question: from training data, never a held-out question's twin."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import PlanMaker, write_company

from advisor.errors import RunError
from advisor.session import Session
from executors.base import Context, Question, RunData
from executors.prompting.executor import PromptingExecutor
from executors.prompting.material import PROMPT_FILE
from executors.prompting.nearest import (
    VECTORS_FILE,
    NearestExamples,
    apart_from,
    embed,
    load_vectors,
    save_vectors,
)
from executors.rag.embedding import choose, open_embedder
from executors.rag.embedding.protocol import unit
from executors.rundir import RunDir
from knowledge.corpus.reading import read
from knowledge.corpus.splits import split
from knowledge.corpus.types import Example, ExampleKind


class OnALine:
    """Embeds a number as a direction: nearer numbers, nearer directions."""

    id, dimension, max_tokens = "line", 2, 512

    def passages(self, texts):
        angles = np.array([float(text) / 100 for text in texts])
        return unit(np.stack([np.cos(angles), np.sin(angles)], axis=1))

    queries = passages

    def count_tokens(self, text: str) -> int:
        return len(text)


def numbered(n: int, kind: ExampleKind = "qa", answerable: bool = True) -> Example:
    return Example(f"e{n}", kind, str(n), f"a{n}", "", "", answerable=answerable)


def nearest(pool: dict[ExampleKind, list[Example]], shots: int) -> NearestExamples:
    embedder = OnALine()
    prompts = [example.prompt for examples in pool.values() for example in examples]
    return NearestExamples(pool, embedder.queries(prompts), embedder, shots)


def test_the_nearest_come_last_and_a_refusal_first() -> None:
    pool: dict[ExampleKind, list[Example]] = {
        "rewrite": [numbered(n, "rewrite") for n in (50, 51)],
        "qa": [*(numbered(n) for n in range(0, 100, 10)), numbered(90, answerable=False)],
    }
    shown = nearest(pool, 4).choose("42", "qa")
    assert [e.prompt for e in shown] == ["90", "30", "50", "40"]
    assert [e.answerable for e in shown] == [False, True, True, True]
    assert [e.prompt for e in nearest(pool, 1).choose("42", "qa")] == ["40"]
    assert [e.prompt for e in nearest(pool, 9).choose("0", "rewrite")] == ["51", "50"]
    assert nearest(pool, 3).choose("42", "labelled") == []
    assert nearest({"qa": []}, 3).choose("42", "qa") == []


@given(st.integers(0, 12), st.integers(0, 100))
def test_never_more_than_asked_and_never_twice(shots: int, asked: int) -> None:
    pool: dict[ExampleKind, list[Example]] = {"qa": [numbered(n) for n in range(0, 100, 9)]}
    shown = nearest(pool, shots).choose(str(asked), "qa")
    assert len(shown) == min(shots, 12)
    assert len({e.id for e in shown}) == len(shown)
    away = [abs(int(e.prompt) - asked) for e in shown]
    assert away == sorted(away, reverse=True)


def test_what_is_nearly_asked_in_the_test_is_taken_out() -> None:
    def asked(id_: str, prompt: str) -> Example:
        return Example(id_, "qa", prompt, "3日", "", "")

    held = [asked("t", "慶弔休暇は何日もらえますか?")]
    train = [
        asked("same", "慶弔休暇は、何日もらえますか？"),
        asked("near", "慶弔休暇は何日もらえますか"),
        asked("other", "駐車場の利用料はいくらですか?"),
        asked("like", "夏季休暇は何日ですか?"),
    ]
    assert [e.id for e in apart_from(train, held)] == ["other", "like"]
    assert apart_from(train, []) == train
    assert apart_from([], held) == []


def test_the_road_finds_examples_by_question_with_a_real_embedder_and_model(
    tmp_path: Path, tiny_folder: Path, plan_for: PlanMaker, session: Session
) -> None:
    data = write_company(tmp_path / "data")
    config = {"model": str(tiny_folder), "prompting.shots": 2, "prompting.choice": "nearest"}
    plan = plan_for("prompting", data, config=config)
    corpus = read(data)
    parts = split(corpus.examples, test=0.25, validation=0.15)
    run = RunDir.create(tmp_path / "run", plan, data)
    road, context = PromptingExecutor(), Context(session)
    assert road.check(plan, data) == []
    road.build(plan, run, RunData(corpus, parts), context)
    stored = json.loads((run.artifacts / PROMPT_FILE).read_text(encoding="utf-8"))
    kept = {e["id"] for e in stored["examples"]["qa"]}
    assert kept and kept <= {e.id for e in parts.train}
    system = road.open(run, context)
    wanted = parts.train[0]
    shown = system._shown(Question("x", wanted.prompt))  # type: ignore[attr-defined]
    assert len(shown) == 2
    # In use who asks what is known is shown the known answer.
    assert wanted.id in kept and shown[-1].id == wanted.id
    (reply,) = system.answer([Question("x", wanted.prompt)])
    assert reply.tokens_in > len(wanted.prompt)
    system.close()
    (run.artifacts / VECTORS_FILE).write_bytes(b"damaged")
    with pytest.raises(RunError, match="artifact-changed"):
        road.open(run, context)


def test_vectors_of_other_examples_are_refused(tmp_path: Path, session: Session) -> None:
    embedder = open_embedder(choose("starter").id, session)
    pool: dict[ExampleKind, list[Example]] = {"qa": [numbered(1), numbered(2)]}
    save_vectors(embed(pool, embedder), tmp_path / VECTORS_FILE)
    assert load_vectors(tmp_path / VECTORS_FILE, 2).shape == (2, embedder.dimension)
    with pytest.raises(RunError, match="artifact-changed"):
        load_vectors(tmp_path / VECTORS_FILE, 3)
