"""A tuned model is asked as it was trained, and names no class but those it learned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tiny import save_tiny, tiny_llama

from executors.base import Generation, Message, Question
from executors.finetune.asking import MOST_LISTED, answered, asked, lists_labels
from executors.finetune.rows import make_rows
from executors.generator import LocalGenerator
from executors.models import load
from knowledge.corpus.types import Example

FEW = ["経理", "総務"]
MANY = [f"用件{n:02d}" for n in range(MOST_LISTED + 1)]


def words(turns: Sequence[Message]) -> str:
    return "\n".join(turn["content"] for turn in turns)


def test_a_short_list_is_named_and_a_long_one_is_left_to_the_examples(tmp_path: Path) -> None:
    assert lists_labels(FEW) and not lists_labels(MANY)
    assert "総務" in words(asked("鍵を貸して", "labelled", "ja", FEW, listed=True))
    assert "用件" not in words(asked("鍵を貸して", "labelled", "ja", MANY, listed=False))
    loaded = load(str(save_tiny(tmp_path / "base", tiny_llama(context=1024))))
    for labels in (FEW, MANY):
        row = Example("1", "labelled", "鍵を貸して", labels[0], "x", "1", label=labels[0])
        (made,) = make_rows([row], loaded.tokenizer, "ja", 2048, labels=labels).rows
        prompt = [n for n, label in zip(made.input_ids, made.labels, strict=True) if label == -100]
        seen = loaded.tokenizer.decode(prompt)
        assert (labels[1] in seen) == lists_labels(labels), seen


def test_a_text_to_classify_gets_a_learned_label_from_a_model_that_writes_nonsense(
    tmp_path: Path, plan_for: object
) -> None:
    generator = LocalGenerator(load(str(save_tiny(tmp_path / "base", tiny_llama(context=1024)))))
    plan = plan_for("finetune", config={"generate.max_new_tokens": 4})  # type: ignore[operator]
    questions = [
        Question("1", "鍵を貸して", "labelled"),
        Question("2", "会議室はどこ", "qa"),
        Question("3", "交通費の精算", "labelled"),
    ]
    told = answered(generator, questions, plan, MANY, listed=False)
    assert [reply.id for reply in told] == ["1", "2", "3"]
    assert {told[0].answer, told[2].answer} <= set(MANY)
    assert told[1].answer not in MANY


class Written:
    """A generator that only writes, as a server does."""

    def complete(
        self, conversations: Sequence[Sequence[Message]], *, max_new_tokens: int
    ) -> list[Generation]:
        return [Generation("用件は 総務 です", 1, 1, 0.0, "stop") for _ in conversations]

    def close(self) -> None: ...


def test_what_a_model_wrote_becomes_the_label_it_means(plan_for: object) -> None:
    plan = plan_for("finetune", config={"generate.max_new_tokens": 4})  # type: ignore[operator]
    (reply,) = answered(Written(), [Question("1", "鍵", "labelled")], plan, FEW, listed=True)
    assert reply.answer == "総務"
