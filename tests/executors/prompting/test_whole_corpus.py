"""The whole corpus in the prompt: read once, asked often, refused when it does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import byte_tokenizer, save_tiny, tiny_llama

from advisor.errors import UsageError
from executors.base import Generation, Message, Passage, Question
from executors.generator import LocalGenerator
from executors.models import load
from executors.prompting.whole_corpus import Paper, WholeCorpusSystem

DOCUMENTS = [
    Paper(Passage("parking.md", "parking.md", "駐車場", "駐車場の利用料は月4,500円とする。", 1.0)),
    Paper(Passage("leave.md", "leave.md", "休暇", "慶弔休暇は3日とする。", 1.0)),
]
PAY = Paper(
    Passage("pay.md", "pay.md", "給与", "役員の給与は月300万円とする。", 1.0),
    frozenset({"board"}),
    {"kind": "md"},
)
QUESTIONS = [Question("1", "駐車場は？"), Question("2", "休暇は？"), Question("3", "Why?")]


class Says:
    """A generator behind a URL, which keeps its own cache or none."""

    def __init__(self, said: str) -> None:
        self.said, self.told = said, list[list[Message]]()

    def complete(self, conversations, *, max_new_tokens):
        self.told += [list(c) for c in conversations]
        return [Generation(self.said, 9, 3, 0.1, "stop") for _ in conversations]

    def close(self) -> None: ...


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> LocalGenerator:
    torch.set_num_threads(1)
    folder: Path = tmp_path_factory.mktemp("m")
    model = tiny_llama(context=4096)
    return LocalGenerator(load(str(save_tiny(folder, model, byte_tokenizer())), dtype="float32"))


def test_a_local_model_answers_as_without_the_shared_beginning(local: LocalGenerator) -> None:
    system = WholeCorpusSystem(DOCUMENTS, local, lang="ja", max_new_tokens=12)
    told = [system._told((0, 1), question.text) for question in QUESTIONS]
    plain = local.complete(told, max_new_tokens=12)
    replies = system.answer(QUESTIONS)
    assert [r.answer for r in replies] == [g.text for g in plain]
    assert [r.tokens_in for r in replies] == [g.tokens_in for g in plain]
    assert [r.id for r in replies] == ["1", "2", "3"]


def test_documents_that_do_not_fit_are_refused_before_any_question(local: LocalGenerator) -> None:
    with pytest.raises(UsageError) as refused:
        WholeCorpusSystem(DOCUMENTS * 40, local, lang="ja", max_new_tokens=12)
    assert refused.value.ref == "prompts-too-long"


def test_its_passages_are_the_documents_it_rests_on() -> None:
    said = Says("利用料は月4,500円です。")
    system = WholeCorpusSystem(DOCUMENTS, said, lang="ja", max_new_tokens=12)
    (reply,) = system.answer([Question("1", "駐車場の利用料は？")])
    assert [p.doc_id for p in reply.passages] == ["parking.md"]
    prompt = said.told[0][-1]["content"]
    assert "慶弔休暇は3日" in prompt and prompt.endswith("駐車場の利用料は？")


def test_a_prompt_holds_only_what_the_asker_may_see() -> None:
    said = Says("300万円です。")
    system = WholeCorpusSystem([*DOCUMENTS, PAY], said, lang="ja", max_new_tokens=12)
    text = "役員の給与は？"
    board = frozenset({"board"})
    anybody, member, within = system.answer(
        [
            Question("1", text),
            Question("2", text, groups=board),
            Question("3", text, groups=board, within={"kind": frozenset({"md"})}),
        ]
    )
    prompts = [told[-1]["content"] for told in said.told]
    assert ["300万円" in prompt for prompt in prompts] == [False, True, True]
    assert ["駐車場" in prompt for prompt in prompts] == [True, True, False]
    assert anybody.passages == () and [r.id for r in (anybody, member, within)] == ["1", "2", "3"]
    assert [p.doc_id for p in member.passages] == ["pay.md"]


def test_where_nothing_is_open_no_model_is_asked() -> None:
    said = Says("300万円です。")
    (reply,) = WholeCorpusSystem([PAY], said, lang="ja", max_new_tokens=12).answer(QUESTIONS[:1])
    assert reply.abstained and not said.told and "300" not in reply.answer


def test_a_shared_beginning_is_one_of_those_with_the_same_rights(local: LocalGenerator) -> None:
    """The keys and values of a closed document never stand before a stranger's question."""
    system = WholeCorpusSystem([*DOCUMENTS, PAY], local, lang="ja", max_new_tokens=12)
    text = "役員の給与は？"
    asked = [Question("1", text, groups=frozenset({"board"})), Question("2", text)]
    replies = [system.answer([question])[0] for question in asked]
    told = [system._told(seen, text) for seen in ((0, 1, 2), (0, 1))]
    plain = local.complete(told, max_new_tokens=12)
    assert [r.answer for r in replies] == [g.text for g in plain]
    assert [r.tokens_in for r in replies] == [g.tokens_in for g in plain]
