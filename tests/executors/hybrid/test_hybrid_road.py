"""Retrieval and tuning together: what is learned from is what will be asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from made import TUNING, PlanMaker, write_company
from rag_systems import Echo, ask, open_system
from small_corpus import HashingEmbedder, document

from advisor.session import Session
from executors.base import Context, Question
from executors.compare.pilot import pilot_plan
from executors.finetune.executor import FinetuneExecutor
from executors.hybrid.executor import HybridExecutor
from executors.hybrid.rows import ground
from executors.rag.answer.system import RagSystem
from executors.rundir import RunDir
from knowledge.catalog.texts import text
from knowledge.corpus.types import Document, Example, Section

DECLINED = text("rag.abstain.answer", "ja")
RULES = {
    "leave.md": "祖父母が死亡したときの慶弔休暇は3日とする。",
    "hours.md": "正社員の1日の標準労働時間は6時間とする。",
    "parking.md": "駐車場の利用料は月4,500円とする。",
    "travel.md": "東京23区の宿泊費の上限は9,000円とする。",
    "books.md": "補助で購入した書籍は本人の所有とする。",
}


def documents(closed: str = "") -> list[Document]:
    made = [document(name, said) for name, said in RULES.items()]
    return [replace(d, groups=frozenset({"board"})) if d.id == closed else d for d in made]


def example(id_: str, question: str, doc: str = "", answer: str = "はい。", **more) -> Example:
    doc_ids = (doc,) if doc else ()
    return Example(id_, "qa", question, answer, "qa.jsonl", "", doc_ids=doc_ids, **more)


def road(closed: str = "", generator: Echo | None = None) -> RagSystem:
    return open_system(documents(closed), HashingEmbedder(), generator=generator)


def test_a_row_holds_what_the_finished_road_will_ask() -> None:
    question = "駐車場の利用料は月いくら？"
    (row,) = ground(
        [example("a", question, "parking.md", "4,500円です。")],
        road(),
        lang="ja",
        left_out_share=0.0,
    ).examples
    echo = Echo()
    ask(road(generator=echo), question)
    (asked,) = echo.prompts
    assert asked[-1]["content"] == row.prompt
    assert asked[0]["content"] == text("prompt.grounded.system", "ja")
    assert (row.kind, row.completion) == ("grounded", "4,500円です。")
    assert RULES["parking.md"] in row.prompt
    assert sum(rule in row.prompt for rule in RULES.values()) == 3, "distractors beside it"


def test_a_document_that_was_not_found_is_put_among_the_others() -> None:
    question = "東京23区の宿泊費の上限は？"
    asked = [example(str(n), question, "books.md") for n in range(12)]
    made = ground(asked, road(), lang="ja", left_out_share=0.0)
    assert (made.found, made.put_in) == (0, 12)
    places = {row.prompt.index(RULES["books.md"]) for row in made.examples}
    assert len(places) > 1, "not always in the same place"
    assert all(row.prompt.count("<passage ") == 3 for row in made.examples)
    again = ground(asked, road(), lang="ja", left_out_share=0.0)
    assert again == made


def test_without_its_document_and_without_an_answer_the_row_teaches_to_decline() -> None:
    asked = [
        example("a", "駐車場の利用料は月いくら？", "parking.md", "4,500円です。"),
        example("b", "ストックオプションの行使価格は？", answer="", answerable=False),
        example("gone", "食堂は何時から？", "canteen.md"),
    ]
    made = ground(asked, road(), lang="ja", left_out_share=1.0)
    rows = {row.id: row for row in made.examples}
    assert list(rows) == ["a", "a~left-out", "b"]
    assert RULES["parking.md"] not in rows["a~left-out"].prompt
    assert rows["a~left-out"].prompt.count("<passage ") == 3
    assert [row.completion for row in made.examples] == ["4,500円です。", DECLINED, DECLINED]
    assert (made.found, made.left_out, made.without_document) == (1, 1, 1)


HANDBOOK = [
    "慶弔休暇の申請は総務部に書面で行う。" + "申請書の控えは三年のあいだ保管する。" * 6,
    "慶弔休暇は、祖父母が死亡したときは3日とする。" + "会社は事情を聞いて配慮する。" * 6,
]


def handbook_road(*more: Document) -> RagSystem:
    pages = document("handbook.md", *(Section(said, f"§{n}") for n, said in enumerate(HANDBOOK)))
    return open_system([pages, *documents()[1:], *more], HashingEmbedder())


@pytest.mark.parametrize(
    "known",
    [
        {"gold_passage": "慶弔休暇は、祖父母が死亡したときは3日とする。"},
        {"must_contain": (("3日",),)},
        {},
    ],
)
def test_another_page_of_the_same_handbook_is_not_the_passage(known) -> None:
    asked = example(
        "a", "慶弔休暇の申請は書面で？", "handbook.md", "祖父母の場合は3日です。", **known
    )
    shown = [passage.text for passage in handbook_road().read_for(asked.prompt)]
    assert HANDBOOK[0] in shown and HANDBOOK[1] not in shown
    made = ground([asked], handbook_road(), lang="ja", left_out_share=0.0)
    assert (made.found, made.put_in) == (0, 1)
    assert "3日とする" in made.examples[0].prompt


@pytest.mark.parametrize("known", [{"must_contain": (("4500円", "4,500円"),)}, {}])
def test_what_another_document_still_tells_is_not_to_be_declined(known) -> None:
    asked = example(
        "a", "駐車場の利用料は月いくら？", "parking.md", "駐車場の利用料は月4,500円です。", **known
    )
    copy = document("faq.md", "よくある質問。駐車場の利用料は月4,500円。")
    other = open_system([*documents(), copy], HashingEmbedder())
    made = ground([asked], other, lang="ja", left_out_share=1.0)
    assert [row.id for row in made.examples] == ["a"]
    assert (made.left_out, made.told_elsewhere) == (0, 1)


def test_nothing_closed_to_some_is_learned() -> None:
    asked = [example("a", "東京23区の宿泊費の上限は？", "hours.md")]
    made = ground(
        asked, road("travel.md"), lang="ja", left_out_share=1.0, closed=["travel.md"]
    ).examples
    assert len(made) == 2
    assert not any(RULES["travel.md"] in row.prompt for row in made)


@pytest.fixture
def built(
    tmp_path: Path, tiny_folder: Path, plan_for: PlanMaker, session: Session
) -> tuple[RunDir, dict[str, float]]:
    from executors.apply import load_data

    data = write_company(tmp_path / "company", pairs=48)
    config = TUNING | {
        "model": str(tiny_folder),
        "hybrid.method": "lora",
        "hybrid.left_out_share": 0.2,
        "rag.embedder": "starter",
        "rag.top_k": 2,
        "rag.chunk_tokens": 60,
        "finetune.max_steps": 8,
        "finetune.seq_len": 3072,
    }
    plan = plan_for("hybrid", data, config=config)
    run = RunDir.create(tmp_path / "run", plan, data, tmp_path)
    context = Context(session)
    return run, HybridExecutor().build(plan, run, load_data(plan, data, session), context)


def test_it_is_indexed_tuned_and_asked(
    built: tuple[RunDir, dict[str, float]], session: Session
) -> None:
    run, actuals = built
    assert actuals["chunks"] > 0 and actuals["steps"] == 8
    assert (run.artifacts / "adapter" / "adapter_model.safetensors").is_file()
    (told,) = [e for e in _events(run) if e["event"] == "grounded"]
    assert told["left_out"] > 0 and told["found"] + told["put_in"] == 20
    system = HybridExecutor().open(run, Context(session))
    (reply,) = system.answer([Question("q", "第3部の休暇は?")])
    system.close()
    assert reply.passages[0].doc_id == "rule03.md"
    assert reply.tokens_out > 0 or reply.abstained


def test_a_part_of_the_examples_is_grounded_as_within_the_whole(
    built: tuple[RunDir, dict[str, float]], session: Session
) -> None:
    from executors.apply import load_data

    run, _ = built
    data = load_data(run.plan, run.data_root, session)
    part = replace(data, split=replace(data.split, train=data.split.train[::2]))
    whole, some = (
        HybridExecutor().grounded(run.plan, run, given, Context(session))[0].split
        for given in (data, part)
    )
    kept = {example.id for example in part.split.train}
    same = [row for row in whole.train if row.id.removesuffix("~left-out") in kept]
    assert list(some.train) == same and len(same) < len(whole.train)
    assert some.validation == whole.validation
    pilot = pilot_plan(run.plan)
    assert (pilot.executor, pilot.method) == ("finetune", "lora")


def test_what_answers_is_the_tuned_model(
    built: tuple[RunDir, dict[str, float]], session: Session
) -> None:
    run, _ = built
    generator = FinetuneExecutor().generator(run, Context(session))
    names = [name for name, _ in generator.loaded.model.named_parameters()]
    assert any("lora_B" in name for name in names)


def _events(run: RunDir) -> list[dict]:
    lines = (run.path / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
