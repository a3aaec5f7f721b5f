"""The texts: both languages, the same placeholders, found by slices as by a full parse."""

from __future__ import annotations

import tomllib

import pytest

from knowledge.catalog import texts
from knowledge.catalog.checker import placeholders

PATHS = sorted(texts.FOLDER.glob("*.toml"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_text_has_both_languages_with_the_same_placeholders(path):
    for id_, languages in tomllib.loads(path.read_text(encoding="utf-8")).items():
        assert set(languages) == {"ja", "en"}, id_
        assert placeholders(languages["ja"]) == placeholders(languages["en"]), id_
        assert bool(languages["ja"].strip()) == bool(languages["en"].strip()), id_


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_the_quick_index_finds_what_a_full_parse_finds(path):
    for id_, languages in tomllib.loads(path.read_text(encoding="utf-8")).items():
        assert texts.has(id_)
        assert dict(texts.languages_of(id_)) == languages, id_


def test_no_id_is_defined_twice():
    ids = [id_ for path in PATHS for id_ in tomllib.loads(path.read_text(encoding="utf-8"))]
    assert len(ids) == len(set(ids)) == len(list(texts.ids()))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_japanese_texts_are_japanese_and_english_ones_are_not(path):
    """A swapped or forgotten translation shows by its letters."""
    for id_, languages in tomllib.loads(path.read_text(encoding="utf-8")).items():
        kana = any("\u3041" <= letter <= "\u30ff" for letter in languages["en"])
        assert not kana, id_


def test_a_text_is_filled_in_either_language():
    assert "x.toml" in texts.text("error.knowledge-file.what", "ja", path="x.toml", fault="?")
    assert texts.text("error.knowledge-no-kind.what", "en", name="gpu") == (
        "There is no kind called “gpu”."
    )


def test_a_missing_text_language_or_value_is_a_bug_that_shows():
    with pytest.raises(KeyError):
        texts.text("no.such.text", "ja")
    with pytest.raises(KeyError):
        texts.text("error.label", "fr")
    with pytest.raises(KeyError):
        texts.text("error.knowledge-no-kind.what", "ja")


def test_the_same_id_in_two_files_is_refused(tmp_path, monkeypatch):
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text('["x"]\nja = "あ"\nen = "a"\n', encoding="utf-8")
    monkeypatch.setattr(texts, "FOLDER", tmp_path)
    texts.forget()
    try:
        with pytest.raises(ValueError, match=r"defined twice.*b\.toml"):
            texts.has("x")
    finally:
        monkeypatch.undo()
        texts.forget()
