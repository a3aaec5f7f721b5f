"""Answers from flags, environment and files: precedence, every fault at once, readable files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from advisor.answers import gather, given
from advisor.answers_file import (
    read_answers,
    restored,
    salvaged,
    set_aside,
    state_file,
    write_answers,
)
from advisor.errors import AnswersError, UsageError
from advisor.session import Session
from advisor.types import Answer, Answers

SESSION = Session(lang="en", no_input=True, plain=True)


def faults(error: AnswersError) -> dict[str, str]:
    return {fault.where: fault.ref for fault in error.faults}


def test_stronger_sources_win_and_say_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "okakae.toml").write_text(
        "goal = 'code'\nbudget_jpy = 1\ngpu = 'T4'\nskills = 'some'\n"
    )
    (home / "a.toml").write_text("budget_jpy = 2\ngpu = 'vram-8'\nskills = 'none'\n")
    monkeypatch.setenv("OKAKAE_GPU", "vram-12")
    monkeypatch.setenv("OKAKAE_SKILLS", "expert")
    answers = given(Path("a.toml"), ["skills=none"]).answers
    assert {a.id: (a.value, a.source) for a in answers} == {
        "goal": ("code", "file"),
        "budget_jpy": (2, "file"),
        "gpu": ("vram-12", "env"),
        "skills": ("none", "flag"),
    }
    assert answers.entries["goal"].why == "okakae.toml"


def test_a_relative_path_starts_at_its_file(home: Path) -> None:
    below = home / "below"
    (below / "docs").mkdir(parents=True)
    (below / "a.toml").write_text("[data]\npath = 'docs'\n")
    assert given(Path("below/a.toml"), []).answers.value("data.path") == str(below / "docs")
    assert given(None, ["data.path=below"]).answers.value("data.path") == str(below)


def test_every_fault_at_once(home: Path) -> None:
    (home / "a.toml").write_text("gaol = 'code'\ntarget.score = 80\ndata.path = 'gone'\n")
    with pytest.raises(AnswersError) as caught:
        gather(SESSION, Path("a.toml"), ["citations=perhaps", "rag.top_j=3"])
    assert faults(caught.value) == {
        "gaol (a.toml)": "answer-unknown-id-near",
        "target.score (a.toml)": "answer-out-of-range",
        "citations (--set)": "answer-not-a-choice",
        "rag.top_j (--set)": "answer-unknown-id-near",
        "goal": "answer-missing",
        "data.path": "answer-path-missing",
    }


def test_what_is_missing_is_listed_with_its_values(home: Path) -> None:
    with pytest.raises(AnswersError) as caught:
        gather(SESSION, None, [])
    assert faults(caught.value) == {"goal": "answer-missing", "data.path": "answer-missing-papers"}
    assert "new_facts | style_or_tone" in dict(caught.value.faults[0].values)["allowed"]


def test_a_fault_of_a_weaker_source_is_mended_by_a_stronger(home: Path) -> None:
    (home / "a.toml").write_text("goal = 'cod'\n")
    assert given(Path("a.toml"), ["goal=code"]).faults == []


def test_settings_are_kept_apart(home: Path, papers: Path) -> None:
    gathered = gather(
        SESSION, None, ["goal=new_facts", "data.path=papers", "rag.answer=extractive"]
    )
    assert gathered.settings == {"rag.answer": "extractive"}
    assert gathered.data is not None and gathered.data.n_documents == 1
    entries = gathered.answers.entries
    assert (entries["data.kind"].value, entries["data.kind"].source) == ("documents", "detected")
    assert entries["language"].value == "ja" and "papers" in entries["language"].why
    assert gathered.machine.ram_gib > 0


def test_a_missing_path_is_a_wrong_call_and_an_empty_folder_no_answer(home: Path) -> None:
    with pytest.raises(UsageError) as missing:
        gather(SESSION, None, ["goal=code", "data.path=gone"])
    assert missing.value.ref == "path-missing"
    (home / "empty").mkdir()
    with pytest.raises(AnswersError) as empty:
        gather(SESSION, None, ["goal=code", "data.path=empty"])
    assert empty.value.ref == "data-empty"


@pytest.mark.parametrize(
    ("content", "ref"),
    [
        ("goal = ", "answers-not-toml"),
        ("schema_version = 99\ngoal = 'code'", "file-too-new"),
        ("schema_version = '1'\ngoal = 'code'", "answers-version"),
        ("schema_version = 0\ngoal = 'code'", "answers-version"),
        ("schema_version = true\ngoal = 'code'", "answers-version"),
    ],
)
def test_files_that_cannot_be_used(home: Path, content: str, ref: str) -> None:
    (home / "a.toml").write_text(content)
    with pytest.raises(UsageError) as caught:
        read_answers(Path("a.toml"))
    assert caught.value.ref == ref


def test_a_written_file_reads_back_and_explains_itself(home: Path, papers: Path) -> None:
    answers = Answers()
    for id_, value in (
        ("goal", "new_facts"),
        ("data.path", str(papers)),
        ("budget_jpy", 50_000),
        ("target.score", 0.7),
        ("model", 'C:\\models\\"mine"'),
    ):
        answers = answers.with_answer(Answer(id_, value, "asked"))
    path = home / "sub" / "answers.toml"
    write_answers(path, answers, "ja", settings={"rag.top_k": 7})
    text = path.read_text(encoding="utf-8")
    assert "# AIに、いちばん任せたいことは何ですか。" in text
    assert 'data.path = "../papers"' in text
    assert '# data.changes = "yearly"  # 既定値' in text
    back = given(path, [])
    assert {a.id: a.value for a in back.answers} == {a.id: a.value for a in answers}
    assert back.settings == {"rag.top_k": 7}
    assert read_answers(path).sources["goal"] == "asked"
    assert [p.name for p in path.parent.iterdir()] == ["answers.toml"]


def test_a_remembered_answer_whose_choice_is_gone_is_asked_again(home: Path) -> None:
    path = state_file()
    path.parent.mkdir(parents=True)
    path.write_text("goal = 'time_travel'\nbudget_jpy = 5\n[sources]\nbudget_jpy = 'asked'\n")
    kept = restored(read_answers(path))
    assert [(a.id, a.value, a.source) for a in kept] == [("budget_jpy", 5, "asked")]


def test_every_broken_line_of_a_file_is_named(home: Path) -> None:
    (home / "a.toml").write_text("goal = 'code'\nbudget_jpy = 5万\nskills: some\ngpu = 'no")
    with pytest.raises(UsageError) as caught:
        read_answers(Path("a.toml"))
    assert [(f.where, dict(f.values)["line"]) for f in caught.value.faults] == [
        ("2", "budget_jpy = 5万"),
        ("3", "skills: some"),
        ("4", "gpu = 'no"),
    ]


def test_a_half_written_file_keeps_what_can_be_read(home: Path) -> None:
    path = home / "a.toml"
    path.write_text("goal = 'code'\n[data]\npath = 'docs'\nkind = 'documents'\nchanges = 'da")
    assert dict(salvaged(path).values) == {
        "goal": "code",
        "data.path": "docs",
        "data.kind": "documents",
    }
    kept = set_aside(path)
    assert not path.exists() and kept.name == "a-damaged.toml"
    path.write_text("again broken =")
    assert set_aside(path).name == "a-damaged-2.toml", "the first one is not written over"


CLASHES = [
    (["budget_jpy=0", "gpu=cloud"], "needs-no-money-for-cloud", "gpu, budget_jpy"),
    (["data.kind=none", "data.path=papers"], "needs-none-with-path", "data.kind, data.path"),
    (["confidential=all", "gpu=colab"], "needs-confidential-gpu", "gpu, confidential"),
    (["confidential=all", "gpu=cloud"], "needs-confidential-gpu", "gpu, confidential"),
    (["confidential=all", "apis=yes"], "needs-confidential-api", "apis, confidential"),
    (
        ["data.kind=none", "citations=yes"],
        "needs-citations-without-material",
        "citations, data.kind",
    ),
]


@pytest.mark.parametrize(("sets", "ref", "where"), CLASHES)
def test_answers_that_cannot_stand_together(
    home: Path, papers: Path, sets: list[str], ref: str, where: str
) -> None:
    with pytest.raises(AnswersError) as caught:
        gather(SESSION, None, ["goal=code", *sets])
    assert faults(caught.value) == {where: ref}


def test_hosted_apis_and_no_network_cannot_stand_together(home: Path) -> None:
    sets = ["goal=code", "apis=yes"]
    gather(SESSION, None, sets)
    with pytest.raises(AnswersError) as caught:
        gather(replace(SESSION, offline=True), None, sets)
    assert faults(caught.value) == {"apis": "needs-offline-api"}


def test_clashes_are_told_with_everything_else_that_is_wrong(home: Path) -> None:
    (home / "a.toml").write_text("goal = ['code']\nskils = 'none'\nbudget_jpy = 0\n")
    with pytest.raises(AnswersError) as caught:
        gather(
            SESSION,
            Path("a.toml"),
            [
                *("gpu=cloud", "target.score=7", "deadline_days=-1", "traffic_per_day=1.5"),
                *("rag.top_k=many", "finetune.epochs=0"),
            ],
        )
    assert faults(caught.value) == {
        "goal (a.toml)": "answer-not-a-value",
        "skils (a.toml)": "answer-unknown-id-near",
        "target.score (--set)": "answer-out-of-range",
        "deadline_days (--set)": "answer-out-of-range",
        "traffic_per_day (--set)": "answer-not-whole",
        "gpu, budget_jpy": "needs-no-money-for-cloud",
        "data.path": "answer-missing-papers",
        "rag.top_k": "setting-not-a",
        "finetune.epochs": "setting-out-of-range",
    }


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400", "true", "[1]", "1979-05-27"])
def test_values_that_no_answer_is(home: Path, value: str) -> None:
    (home / "a.toml").write_text(f"goal = 'code'\nbudget_jpy = {value}\n")
    with pytest.raises(AnswersError) as caught:
        gather(SESSION, Path("a.toml"), [])
    assert list(faults(caught.value)) == ["budget_jpy (a.toml)"]


def test_citations_need_something_to_cite(home: Path) -> None:
    with pytest.raises(AnswersError) as caught:
        gather(SESSION, None, ["goal=code", "citations=yes"])
    assert faults(caught.value) == {"data.path": "answer-missing-to-cite"}


def test_a_set_without_equals_is_named(home: Path) -> None:
    with pytest.raises(UsageError) as caught:
        given(None, ["goal"])
    assert caught.value.faults[0].where == "goal"
