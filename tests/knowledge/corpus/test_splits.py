"""Splits leak nothing, stay as they were when rows are added, and leave no part empty."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.corpus.near_duplicates import THRESHOLD, grams, jaccard, normalised
from knowledge.corpus.repetition import find_repetitions
from knowledge.corpus.rewording import reworded
from knowledge.corpus.splits import PARTS, Split, group_key, split
from knowledge.corpus.types import Example, Part

WORDS = [
    "有給休暇",
    "出張",
    "経費",
    "在宅勤務",
    "手当",
    "残業",
    "健康診断",
    "制服",
    "社員食堂",
    "通勤",
]
QUESTIONS = [
    "はいくらですか",
    "の申請はいつまでですか",
    "を取れるのは誰ですか",
    "の窓口はどこですか",
]
PROMPTS = st.builds(
    lambda a, b, q, n, end: f"{a}と{b}{n}号{q}{end}",
    st.sampled_from(WORDS),
    st.sampled_from(WORDS),
    st.sampled_from(QUESTIONS),
    st.integers(1, 40),
    st.sampled_from(["", "？", " ?", "。"]),
)


@st.composite
def rows(draw: st.DrawFn, prefix: str = "a", least: int = 0) -> list[Example]:
    count = draw(st.integers(least, 40))
    made = []
    for number in range(count):
        kind = draw(st.sampled_from(["qa", "qa", "unanswerable", "rewrite"]))
        documents = (f"documents/{draw(st.integers(1, 6))}.md",) if kind == "qa" else ()
        made.append(
            Example(
                id=f"{prefix}{number}",
                kind="rewrite" if kind == "rewrite" else "qa",
                prompt=draw(PROMPTS),
                completion="はい。",
                source="qa.jsonl",
                where=f"line {number + 1}",
                answerable=kind != "unanswerable",
                doc_ids=documents,
                group=f"scene{draw(st.integers(1, 5))}" if kind == "rewrite" else None,
            )
        )
    return made


def part_of(made: Split) -> dict[str, str]:
    return {example.id: part for part in PARTS for example in getattr(made, part)}


@settings(max_examples=80, deadline=None)
@given(rows(), st.integers(0, 5))
def test_nothing_is_lost_and_no_group_stands_in_two_parts(made: list[Example], seed: int) -> None:
    result = split(made, seed=seed)
    places = part_of(result)
    assert sorted([*places, *(e.id for e in result.left_out)]) == sorted(e.id for e in made)
    groups = defaultdict(set)
    for example in made:
        if example.id in places:
            groups[group_key(example)].add(places[example.id])
    assert all(len(parts) == 1 for parts in groups.values())


@settings(max_examples=80, deadline=None)
@given(rows())
def test_no_near_duplicate_of_a_test_question_is_trained_on(made: list[Example]) -> None:
    places = part_of(split(made))
    kept = [e for e in made if e.id in places]
    for i, a in enumerate(kept):
        for b in kept[:i]:
            if jaccard(grams(normalised(a.prompt)), grams(normalised(b.prompt))) >= THRESHOLD:
                assert places[a.id] == places[b.id]


# What the report calls one question in other clothes, though its 3-grams differ a good deal.
CLOTHED = st.builds(
    lambda before, a, q, end: f"{before}{a}{q}{end}",
    st.sampled_from(
        ["", "すみません、", "お世話になっております。", "【質問】", "Quick question: "]
    ),
    st.sampled_from([*WORDS, "the travel policy ", "my card "]),
    st.sampled_from([*QUESTIONS, "をいただけますか", "を頂けますか", "is not working"]),
    st.sampled_from(["", "？", "教えてください。", "よろしくお願いします", " please", " thanks"]),
)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.tuples(CLOTHED, st.sampled_from(["はい。", "いいえ。", "10日です。"])), max_size=60
    ),
    st.integers(0, 5),
)
def test_the_report_finds_no_leak_between_the_parts(made: list[tuple[str, str]], seed: int) -> None:
    result = split(
        [Example(str(i), "qa", q, a, "qa.jsonl", f"line {i}") for i, (q, a) in enumerate(made)],
        seed=seed,
    )
    for order in (PARTS, PARTS[::-1]):
        filed = [
            replace(e, source=f"{part}.jsonl") for part in order for e in getattr(result, part)
        ]
        # What is the same in other words depends on how rare words are among the rows at hand, and
        # those of a part are fewer: no split that later rows leave alone can foresee that.
        reworded_only = {(index, of) for _, index, of in reworded(filed, set())}
        found = [one for one in find_repetitions(filed) if (one.index, one.of) not in reworded_only]
        assert not [one for one in found if filed[one.index].source != filed[one.of].source]


@settings(max_examples=80, deadline=None)
@given(rows("a"), rows("b"), st.integers(0, 3))
def test_added_rows_move_nothing(old: list[Example], new: list[Example], seed: int) -> None:
    before, after = split(old, seed=seed), split([*old, *new], seed=seed)
    moved = part_of(after)
    assert part_of(before).items() <= moved.items()
    assert not {e.id for e in before.left_out} & set(moved)


@settings(max_examples=80, deadline=None)
@given(rows(least=3))
def test_no_part_is_empty_with_three_groups_of_a_kind(made: list[Example]) -> None:
    result = split(made)
    kept = [e for part in PARTS for e in getattr(result, part)]
    for kind, answerable in {(e.kind, e.answerable) for e in kept}:
        inside = [e for e in kept if (e.kind, e.answerable) == (kind, answerable)]
        if answerable and len({group_key(e) for e in inside}) >= 3:
            parts = {part_of(result)[e.id] for e in inside}
            assert parts == set(PARTS)


def test_shares_come_out_as_asked_on_many_groups() -> None:
    made = [
        Example(str(i), "qa", normal, "a", "f", f"line {i}")
        for i, normal in enumerate(
            f"{chr(0x4E00 + i)}{chr(0x5E00 + i * 3)}{i}" for i in range(3000)
        )
    ]
    result = split(made, test=0.2, validation=0.1)
    assert len(result.test) / 3000 == pytest.approx(0.2, abs=0.03)
    assert len(result.validation) / 3000 == pytest.approx(0.1, abs=0.02)
    assert split(made, test=0.2, validation=0.1) == result
    assert split(made, seed=1, test=0.2, validation=0.1).test != result.test


def test_without_validation_nothing_goes_there() -> None:
    made = [Example(str(i), "qa", "あ" * (i + 9), "a", "f", "line 1") for i in range(9)]
    assert split(made, validation=0.0).validation == ()


@pytest.mark.parametrize("shares", [(0.6, 0.4), (-0.1, 0.2)])
def test_shares_that_leave_nothing_are_refused(shares: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="below 1"):
        split([], test=shares[0], validation=shares[1])


def marked(id_: str, prompt: str, part: Part | None, document: str = "documents/1.md") -> Example:
    return Example(id_, "qa", prompt, "はい。", "qa.jsonl", id_, doc_ids=(document,), part=part)


def test_who_marked_test_rows_keeps_that_test_and_learns_from_the_same_documents() -> None:
    learned = [
        marked(f"l{n}", f"{word}の申請はどこに出しますか", None, f"documents/{n}.md")
        for n, word in enumerate(WORDS)
    ]
    tested = [
        marked(f"t{n}", f"{word}は何日までに使い切る決まりですか", "test", f"documents/{n}.md")
        for n, word in enumerate(WORDS)
    ]
    made = split([*learned, *tested], test=0.5, validation=0.2)
    assert [e.id for e in made.test] == [e.id for e in tested]
    assert sorted(e.id for e in (*made.train, *made.validation)) == sorted(e.id for e in learned)
    assert made.validation


def test_a_row_that_repeats_a_marked_test_row_is_left_out_wherever_it_stands() -> None:
    question = "出張の日当はいくらですか"
    lone = Example("lone", "labelled", question, "出張", "labels.jsonl", "1", label="出張")
    rows = [
        lone,
        marked("before", question + "？", None),
        marked("marked-train", question, "train"),
        marked("test", question, "test"),
        marked("other", "健康診断は年に何回ありますか", "train"),
    ]
    made = split(rows)
    assert {e.id for e in made.left_out} == {"lone", "before", "marked-train"}
    assert [e.id for e in made.test] == ["test"]
    assert [e.id for e in made.train] == ["other"]


@settings(max_examples=60, deadline=None)
@given(rows(), st.data())
def test_marked_rows_stand_where_they_were_put(made: list[Example], data: st.DataObject) -> None:
    parts = st.sampled_from([None, *PARTS])
    made = [replace(example, part=data.draw(parts)) for example in made]
    places = part_of(split(made))
    for example in made:
        if example.part == "test":
            assert places[example.id] == "test"
        elif example.part and example.id in places:
            assert places[example.id] == example.part
    if any(example.part == "test" for example in made):
        by_mark = {example.id for example in made if example.part == "test"}
        assert {id_ for id_, part in places.items() if part == "test"} == by_mark
