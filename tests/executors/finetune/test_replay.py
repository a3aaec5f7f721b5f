"""General rows are mixed in by the planned share, the same ones for a seed, none of the probe's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny import byte_tokenizer

from advisor.errors import UsageError
from bench.tuning import SETTINGS, rows
from executors.evaluate.general import load_probe
from executors.evaluate.normalise import bare
from executors.finetune.replay import PREFIX, apart, general_examples, mix
from executors.finetune.rows import IGNORED, Rows
from knowledge.corpus.types import Example

CONFIG = SETTINGS | {"finetune.replay_share": 0.2}


def mixed(n: int = 40, **over: object) -> tuple[Rows, float]:
    both, replayed = mix(Rows(rows(0, n), {}), CONFIG | over, byte_tokenizer(), general_examples())
    assert replayed.rows == sum(row.id.startswith(PREFIX) for row in both.rows)
    return both, replayed.share


def test_the_share_is_of_all_rows_trained_on() -> None:
    both, share = mixed(40)
    assert len(both.rows) == 50 and share == 0.2
    assert [row.id for row in both.rows[:40]] == [row.id for row in rows(0, 40)]


def test_a_seed_always_draws_the_same_rows_and_another_draws_others() -> None:
    first, again = mixed()[0], mixed()[0]
    assert first.rows == again.rows
    assert {row.id for row in mixed(seed=1)[0].rows} != {row.id for row in first.rows}


def test_no_general_row_is_taken_twice() -> None:
    both, share = mixed(400)
    ids = [row.id for row in both.rows if row.id.startswith(PREFIX)]
    assert len(ids) == len(set(ids)) == len(general_examples()) and share < 0.2


@pytest.mark.parametrize("config", [{"finetune.replay_share": 0.0}, None])
def test_without_a_share_nothing_changes(config: dict[str, float] | None) -> None:
    whole = Rows(rows(0, 4), {})
    both, replayed = mix(whole, SETTINGS | (config or {}), byte_tokenizer(), general_examples())
    assert both is whole and (replayed.rows, replayed.share) == (0, 0.0)


def test_general_rows_carry_no_instruction_of_the_task() -> None:
    tokenizer = byte_tokenizer()
    general = [row for row in mixed()[0].rows if row.id.startswith(PREFIX)]
    for row in general:
        text = tokenizer.decode(row.input_ids)
        assert "### System" not in text and text.startswith("<bos>### User")
        trained = [label for label in row.labels if label != IGNORED]
        assert trained[-1] == tokenizer.eos_token_id


def test_no_general_row_stands_in_the_probe() -> None:
    probe = load_probe()
    asked = {bare(item.question) for item in probe.choices}
    texts = [bare(item.text) for item in probe.texts]
    for example in general_examples():
        assert bare(example.prompt) not in asked
        assert not any(bare(example.completion) in text for text in texts)


def own(*pairs: tuple[str, str]) -> list[Example]:
    return [Example(f"r{n}", "qa", *pair, "own.jsonl", "") for n, pair in enumerate(pairs)]


def test_what_will_be_asked_is_not_learned_by_heart() -> None:
    question = "How many days of paid leave does a new employee get in the first year?"
    text = "The tide comes in twice a day, because the moon pulls at the water of the sea."
    rows = own(
        ("HOW many days of paid leave does a new employee get in the first year", "Ten."),
        ("How many days of paid leave does a new employee get in their first year?", "Ten."),
        ("Continue.", text.upper()),
        (text, "Yes."),
        ("How does a new employee ask for a parking space?", "By mail."),
        ("…", "!"),
    )
    assert [e.id for e in apart(rows, [question], [text])] == ["r4", "r5"]
    assert apart(rows, []) == rows


def test_the_sample_is_apart_from_its_probe() -> None:
    probe, sample = load_probe(), general_examples()
    asked, texts = [c.question for c in probe.choices], [t.text for t in probe.texts]
    assert apart(sample, asked, texts) == sample


def test_a_file_of_the_company_takes_the_place_of_the_sample(tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    lines = [json.dumps({"prompt": f"{n}?", "completion": f"{n}!"}) for n in range(30)]
    own.write_text("\n".join(lines), encoding="utf-8")
    config = CONFIG | {"finetune.replay": str(own)}
    both, replayed = mix(Rows(rows(0, 40), {}), config, byte_tokenizer(), general_examples(own))
    assert (replayed.rows, replayed.source) == (10, "own")
    assert len({tuple(row.input_ids) for row in both.rows[40:]}) == 10


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    own.write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "c"}\n', encoding="utf-8")
    with pytest.raises(UsageError, match="replay-unreadable") as caught:
        general_examples(own)
    assert caught.value.where == "own.jsonl:2"
