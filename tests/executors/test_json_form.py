"""Reading JSON letter by letter: what can go on, what is whole, and a model kept inside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import byte_tokenizer, memorise, save_tiny, tiny_llama

from advisor.session import Session
from executors.base import Context
from executors.generate import generate
from executors.generator import open_generator
from executors.json_form import Json, is_record, record_in

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers() | FLOATS | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.lists(VALUES, max_size=3) | st.dictionaries(st.text(), VALUES, max_size=3)


def read_by_python(text: str) -> bool:
    def refuse(word: str) -> Any:
        raise ValueError(word)

    try:
        return isinstance(json.loads(text, parse_constant=refuse), dict | list)
    except (ValueError, RecursionError):
        return False


@settings(deadline=None)
@given(RECORDS, st.booleans(), st.sampled_from([None, 1]))
def test_every_record_is_read_to_its_end_and_no_part_of_it_is_refused(
    value: Any, ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent, allow_nan=False)
    assert all(Json().read(text[:end]) is not None for end in range(len(text)))
    assert not any(is_record(text[:end]) for end in range(len(text)))
    assert is_record(text)
    assert record_in(f"The record is:\n```json\n{text}\n``` [sic") == text


@settings(deadline=None)
@given(RECORDS, st.integers(0, 200), st.sampled_from(list('{}[]",:\\0e.-+tnu x\n')))
def test_a_changed_record_is_judged_as_pythons_own_parser_does(
    value: Any, place: int, letter: str
) -> None:
    text = json.dumps(value, allow_nan=False)
    at = place % (len(text) + 1)
    for changed in (text[:at] + letter + text[at:], text[:at] + letter + text[at + 1 :]):
        assert is_record(changed) == read_by_python(changed), changed


@pytest.mark.parametrize(
    "text", ["", "3", '"a"', "{", "{'a': 1}", '{"a": 01}', '{"a": 1}{}', "[1,]"]
)
def test_what_is_no_record(text: str) -> None:
    assert not is_record(text)


def test_an_answer_without_a_whole_record_has_none() -> None:
    assert record_in("none {here} [") is None
    assert record_in('a [note] and {"b": 2}') == '{"b": 2}'


def test_a_model_that_would_write_anything_writes_what_json_goes_on_with(
    tiny_folder: Path, session: Session
) -> None:
    generator = open_generator({"model": str(tiny_folder)}, Context(session))
    told = [[{"role": "user", "content": word}] for word in ("紛失", "x", "日付は?")]
    free = generator.complete(told, max_new_tokens=12)  # type: ignore[arg-type]
    kept = generator.write_records(told, max_new_tokens=12)  # type: ignore[attr-defined]
    assert not any(one.text.startswith(("{", "[")) for one in free)
    for one in kept:
        state = Json().read(one.text.rstrip("\ufffd"))
        assert state is not None and one.text[0] in "{["
        assert state.whole or one.finish_reason == "length"


def test_a_model_that_writes_json_by_itself_writes_the_same_and_stops(tmp_path: Path) -> None:
    from executors.models import load

    record = '{"日付": "3/4", "n": [1, 2.5]}'
    tokenizer, model = byte_tokenizer(), tiny_llama(context=128)
    memorise(model, tokenizer, [f"<bos>Q:{record}<eos>", f"<bos>R:{record} and more<eos>"])
    loaded = load(str(save_tiny(tmp_path / "model", model, tokenizer)))
    prompts = ["<bos>Q:", "<bos>R:"]
    free = generate(loaded, prompts, max_new_tokens=60)
    assert [one.text for one in free] == [record, f"{record} and more"]
    kept = generate(loaded, prompts, max_new_tokens=60, json_only=True)
    assert [one.text for one in kept] == [record, record]
    assert [one.finish_reason for one in kept] == ["stop", "stop"]
