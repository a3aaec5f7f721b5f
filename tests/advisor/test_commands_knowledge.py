"""`okakae knowledge`: what it prints, in both languages, and how it ends."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from advisor.commands_knowledge import knowledge
from knowledge.catalog import loader


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("OKAKAE_CONFIG_DIR", str(tmp_path))
    (tmp_path / "knowledge").mkdir()
    loader.forget()

    def call(*arguments):
        loader.forget()
        return CliRunner().invoke(knowledge, list(arguments))

    call.folder = tmp_path / "knowledge"
    yield call
    loader.forget()


def test_the_kinds_are_listed_with_their_counts(run):
    document = json.loads(run("list", "--json").stdout)
    assert document["schema_version"] == 1
    assert document["kinds"]["models"] == len(loader.load("models"))
    assert document["knowledge"]["version"] == "2026.11"


def test_a_kind_is_listed_for_people(run):
    result = run("list", "gpus", "--lang", "ja")
    assert result.exit_code == 0
    assert "RTX 4090" in result.stdout and "おもな内容" in result.stdout


def test_prices_carry_their_age(run):
    document = json.loads(run("list", "offers", "--json").stdout)
    assert all(isinstance(record["age_days"], int) for record in document["records"])


def test_a_record_shows_its_source_its_date_and_its_conditions(run):
    result = run("show", "gemma", "--lang", "ja")
    assert result.exit_code == 0
    assert "Gemma Terms of Use" in result.stdout
    assert "禁止用途" in result.stdout
    assert "2026-11-23" in result.stdout


def test_a_model_shows_the_conditions_of_its_licence(run):
    result = run("show", "starter", "--lang", "en")
    assert "conditions: Commercial use is allowed. Prohibited uses" in result.stdout


def test_an_old_price_says_so_beside_the_number(run):
    (run.folder / "offers.toml").write_text(
        '["old"]\nlike = "aws-g4dn.xlarge"\nsource = "us"\ndate = "2020-01-01"\n', encoding="utf-8"
    )
    result = run("show", "old", "--lang", "en")
    price = next(line for line in result.stdout.splitlines() if "usd_per_hour" in line)
    assert "days old" in price


def test_a_model_is_shown_by_its_alias_and_a_kind_narrows_the_search(run):
    document = json.loads(run("show", "llama 3.1 8b", "--json").stdout)
    assert [r["record"]["id"] for r in document["records"]] == ["meta-llama/Llama-3.1-8B"]
    both = json.loads(run("show", "model", "--json").stdout)
    assert {r["kind"] for r in both["records"]} == {"questions", "settings"}
    one = json.loads(run("show", "model", "--kind", "settings", "--json").stdout)
    assert one["records"][0]["texts"]["setting.model.text"]


def test_a_wrong_id_names_what_is_close(run):
    result = run("show", "Qwen3-8b-instruct", "--lang", "en")
    assert result.exit_code == 2
    assert "knowledge-no-record" in result.stderr and "Qwen/Qwen3-8B" in result.stderr


def test_a_wrong_kind_names_what_is_close(run):
    result = run("list", "modles", "--lang", "ja")
    assert result.exit_code == 2
    assert "models" in result.stderr and "種類はありません" in result.stderr


def test_check_is_content_with_what_ships(run):
    result = run("check", "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["records"] > 400
    assert {f["severity"] for f in document["findings"]} <= {"warn"}


def test_check_names_every_fault_of_an_own_file(run):
    (run.folder / "gpus.toml").write_text("[x]\nmemory = 3\n[y]\nlike = 'T4O'\n", encoding="utf-8")
    result = run("check", "--lang", "en")
    assert result.exit_code == 2
    assert "memory" in result.stderr and "T4O" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_broken_own_file_ends_list_and_show_with_a_message(run):
    (run.folder / "gpus.toml").write_text("[x", encoding="utf-8")
    for arguments in (("list", "gpus"), ("show", "T4")):
        result = run(*arguments, "--lang", "ja")
        assert result.exit_code == 2
        assert "knowledge-file" in result.stderr and "gpus.toml" in result.stderr


@pytest.mark.parametrize(("lang", "says"), [("ja", "種類"), ("en", "Kind")])
def test_the_group_takes_the_common_options_for_its_commands(run, lang, says):
    result = CliRunner().invoke(knowledge, ["--lang", lang, "list"])
    assert result.exit_code == 0
    assert says in result.stdout
    document = CliRunner().invoke(knowledge, ["--lang", lang, "--json", "list", "gpus"])
    assert json.loads(document.stdout)["kind"] == "gpus"


def test_check_says_what_it_proved_and_of_how_many(run):
    document = json.loads(run("check", "--json").stdout)
    assert document["checked"]["rules"]["proved"] == len(loader.load("rules"))
    shown = run("check", "--lang", "en").stdout
    assert "rules that can fire" in shown and "questions that are reached" in shown


def test_prices_are_marked_old_in_lists_and_records(run):
    document = json.loads(run("list", "offers", "--json").stdout)
    old = {record["id"]: record["price_old"] for record in document["records"]}
    assert old["colab-free-t4"] is True and old["runpod-rtx-4090-community"] is False
    shown = run("show", "colab-free-t4", "--lang", "en").stdout
    assert "days old" in next(line for line in shown.splitlines() if "usd_per_hour" in line)


def test_a_gated_model_tells_what_to_accept_first(run):
    shown = run("show", "meta-llama/Llama-3.1-8B", "--lang", "en").stdout
    assert "accept its terms at https://huggingface.co/meta-llama/Llama-3.1-8B" in shown
