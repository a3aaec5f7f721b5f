"""Held-out questions are asked once each, survive an interruption, and are scored in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from advisor.errors import RunError
from executors.base import Passage, Question, Reply
from executors.evaluate.heldout import (
    ANSWERS,
    BATCH,
    ask,
    cluster,
    read_answers,
    retrieval_figures,
    scored,
    summarise,
)
from knowledge.corpus.types import Example


class Echo:
    """Answers with the question; stops with Ctrl-C after so many answers."""

    def __init__(self, stop_after: int | None = None, suffix: str = "") -> None:
        self.asked: list[str] = []
        self._stop_after = stop_after
        self._suffix = suffix

    def answer(self, questions: Sequence[Question], *, passages: int = 5) -> list[Reply]:
        if self._stop_after is not None and len(self.asked) >= self._stop_after:
            raise KeyboardInterrupt
        self.asked += [q.id for q in questions]
        found = (Passage("d1", "d1.md", "題", "本文", 0.5, "p.1"),)
        return [Reply(q.id, q.text, q.text + self._suffix, passages=found) for q in questions]

    def close(self) -> None: ...


def examples(n: int) -> list[Example]:
    return [
        Example(
            f"e{i}", "qa", f"質問{'あ' * (i % 7)}{i}", f"答{i}", "q.csv", "", doc_ids=(f"d{i}",)
        )
        for i in range(n)
    ]


def test_an_interrupted_asking_goes_on_and_asks_nothing_twice(tmp_path: Path) -> None:
    first = Echo(stop_after=BATCH)
    with pytest.raises(KeyboardInterrupt):
        ask(first, examples(20), tmp_path)
    second, done = Echo(), []
    ask(second, examples(20), tmp_path, on_done=done.append)
    assert len(first.asked) == BATCH
    assert sorted(first.asked + second.asked) == sorted(e.id for e in examples(20))
    assert done[0] == BATCH and done[-1] == 20
    third = Echo()
    ask(third, examples(20), tmp_path)
    assert third.asked == []


@pytest.mark.parametrize("cut", [1, 2, 30, 41])
def test_a_last_line_cut_anywhere_is_asked_again(tmp_path: Path, cut: int) -> None:
    ask(Echo(suffix="：漢字の答え"), examples(5), tmp_path)
    path = tmp_path / ANSWERS
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(read_answers(path)) == 4
    again = Echo()
    ask(again, examples(5), tmp_path)
    assert len(again.asked) == 1
    assert {r["id"] for r in read_answers(path)} == {e.id for e in examples(5)}


def test_reading_leaves_a_file_alone_that_is_still_being_written(tmp_path: Path) -> None:
    path = tmp_path / ANSWERS
    path.write_bytes(b'{"id": "a"}\n{"id": "b"')
    assert read_answers(path) == [{"id": "a"}]
    assert path.read_bytes().endswith(b'"b"')


def test_answers_may_hold_every_kind_of_line_end(tmp_path: Path) -> None:
    ask(Echo(suffix="a\u2028b\u0085c\x0bd\r\ne"), examples(3), tmp_path)
    assert len(read_answers(tmp_path / ANSWERS)) == 3
    assert scored(examples(3), tmp_path)[0].answer.endswith("a\u2028b\u0085c\x0bd\r\ne")


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / ANSWERS
    path.write_bytes(b'{"id": "a"}\n{"id" "b"}\n{"id": "c"}\n')
    with pytest.raises(RunError) as caught:
        read_answers(path)
    assert caught.value.ref == "artifact-changed"
    assert caught.value.where == str(path)


def test_results_stand_in_the_order_of_the_questions(tmp_path: Path) -> None:
    ask(Echo(), examples(12), tmp_path)
    results = scored(examples(12), tmp_path)
    assert [r.example.id for r in results] == [e.id for e in examples(12)]
    assert json.loads((tmp_path / ANSWERS).read_text("utf-8").splitlines()[0])["passages"]
    assert scored(examples(13), tmp_path) == results


@pytest.mark.parametrize(
    ("ids", "hit1", "hit3", "rank"),
    [
        (["g", "x"], 1, 1, 1),
        (["x", "g"], 0, 1, 0.5),
        (["x", "y", "z", "g"], 0, 0, 0.25),
        (["x", "y"], 0, 0, 0),
    ],
)
def test_retrieval_is_judged_by_the_gold_document(
    ids: list[str], hit1: float, hit3: float, rank: float
) -> None:
    example = Example("1", "qa", "q", "a", "", "", doc_ids=("g",))
    figures = retrieval_figures(example, [{"doc_id": id_} for id_ in ids])
    assert figures == {"hit_at_1": hit1, "hit_at_3": hit3, "reciprocal_rank": rank}
    assert retrieval_figures(example, []) == {}


def test_a_summary_has_every_figure_with_its_own_n(tmp_path: Path) -> None:
    mixed = [
        *examples(6),
        Example("u", "qa", "ない質問", "記載がありません", "", "", answerable=False),
    ]
    ask(Echo(), mixed, tmp_path)
    summary = summarise(scored(mixed, tmp_path))
    assert summary["correct"].n == 7
    assert summary["f1"].n == 6
    assert summary["hit_at_1"].n == 6


def test_a_cluster_is_the_document_else_the_scene_else_the_row() -> None:
    assert cluster(Example("1", "qa", "", "", "", "", doc_ids=("d",), group="g")) == "d"
    assert cluster(Example("1", "qa", "", "", "", "", group="g")) == "g"
    assert cluster(Example("1", "qa", "", "", "", "")) == "1"
