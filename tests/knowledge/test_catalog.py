"""The catalog's records: they parse, name their sources, find each other, and can be overlaid."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

import pytest

from knowledge.catalog import loader
from knowledge.catalog.age import age_days, day_of, is_old
from knowledge.catalog.loader import CatalogError, did_you_mean, find_gpu, find_model, load, stamp
from knowledge.catalog.records import KINDS

SHARED = Path(__file__).parents[2].parent / "shared"


@pytest.fixture
def own_folder(tmp_path, monkeypatch):
    """A company's own knowledge folder, empty at first."""
    monkeypatch.setenv("OKAKAE_CONFIG_DIR", str(tmp_path))
    folder = tmp_path / "knowledge"
    folder.mkdir()
    loader.forget()
    yield folder
    loader.forget()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_records_with_source_and_date(kind, own_folder):
    records = load(kind)
    assert records
    for id_, record in records.items():
        assert record.id == id_
        assert record.source.strip(), id_
        assert day_of(record.date), (id_, record.date)


def test_every_file_of_facts_is_of_a_known_kind():
    files = {path.stem for path in loader.FOLDER.glob("*.toml")}
    assert files == set(KINDS)


def test_the_starter_is_a_small_local_model_under_the_gemma_terms(own_folder):
    starter = load("models")["starter"]
    assert starter.local and starter.hub_id == "google/gemma-3-270m"
    assert starter.params == 268_098_176 and starter.vocab_size == 262_144
    assert starter.licence == "gemma"


@pytest.mark.parametrize("purpose", ["general", "general.ja", "code", "japanese", "offline"])
def test_each_purpose_has_exactly_one_default_model(purpose, own_folder):
    chosen = [m.id for m in load("models").values() if purpose in m.default_for]
    assert len(chosen) == 1


def test_the_named_families_are_offered(own_folder):
    for id_ in (
        "meta-llama/Llama-3.1-8B",
        "codellama/CodeLlama-7b-hf",
        "elyza/ELYZA-japanese-Llama-2-7b",
        "rinna/japanese-gpt-neox-3.6b",
        "Qwen/Qwen3-8B",
    ):
        assert load("models")[id_].purposes


def test_model_counts_follow_from_their_shapes(own_folder):
    """A plain Llama-type decoder's parameters can be counted from the record."""
    for model in load("models").values():
        if model.architecture not in ("llama", "mistral", "gemma") or model.num_local_experts:
            continue
        hidden, head = model.hidden_size, model.head_dim
        attention = 2 * hidden * head * (model.num_attention_heads + model.num_key_value_heads)
        layer = attention + 3 * hidden * model.intermediate_size + 2 * hidden
        tables = model.vocab_size * hidden * (1 if model.tied_embeddings else 2)
        counted = tables + model.num_hidden_layers * layer + hidden
        assert model.params == counted, model.id


@pytest.mark.skipif(not SHARED.is_dir(), reason="the room's shared material is not here")
def test_every_model_of_the_published_measurements_resolves(own_folder):
    path = SHARED / "measured" / "published_memory.csv"
    with path.open(encoding="utf-8") as file:
        names = {row["model"] for row in csv.DictReader(file)} - {""}
    assert [name for name in sorted(names) if find_model(name) is None] == []


def test_a_model_is_found_by_id_in_any_case_by_its_last_part_and_by_alias(own_folder):
    id_ = "meta-llama/Llama-3.1-8B-Instruct"
    for ref in (id_, id_.upper(), "llama-3.1-8b-instruct", "Llama 3.1 8B Instruct"):
        found = find_model(ref)
        assert found is not None and found.id == id_
    assert find_model("nobody/Nothing-7B") is None


def test_a_card_is_found_by_the_name_its_driver_reports(own_folder):
    assert find_gpu("Tesla T4").id == "T4"
    assert find_gpu("NVIDIA GeForce RTX 4090").id == "RTX 4090"
    assert find_gpu("NVIDIA H100 80GB HBM3").id == "H100 80GB SXM5"
    assert find_gpu("Voodoo 2") is None


def test_a_card_without_bf16_trains_at_its_fp16_rate(own_folder):
    gpus = load("gpus")
    assert not gpus["T4"].bf16_native and gpus["T4"].tensor_tflops == 65
    assert gpus["L4"].tensor_tflops == 121
    assert gpus["vram-8"].generic and gpus["vram-8"].tensor_tflops is None


def test_no_offer_has_more_memory_than_its_card_is_sold_with(own_folder):
    gpus = load("gpus")
    for offer in load("offers").values():
        if offer.gpu:
            assert abs(offer.gpu_memory_gib - gpus[offer.gpu].memory_gib) <= 1, offer.id


def test_out_of_memory_rows_have_no_peak_and_the_others_have_one(own_folder):
    for measured in load("measurements").values():
        assert measured.out_of_memory is (measured.peak is None), measured.id
        assert not (measured.calibrate and measured.out_of_memory), measured.id


def test_an_own_file_adds_a_record_and_replaces_one(own_folder):
    before = load("offers")
    t4 = before["aws-g4dn.xlarge"]
    (own_folder / "offers.toml").write_text(
        '["aws-g4dn.xlarge"]\nlike = "aws-g4dn.xlarge"\nusd_per_hour = 0.4\n'
        'source = "our contract"\ndate = "2026-11-01"\n\n'
        '["our-server"]\nplatform = "own"\nproduct = "rack 3"\ngpu = "L40S"\n'
        'gpu_name = "L40S"\ngpu_memory_gib = 48\nusd_per_hour = 0.2\nsends_data_out = false\n'
        'source = "accounting"\ndate = "2026-11-01"\n',
        encoding="utf-8",
    )
    loader.forget()
    after = load("offers")
    assert after["aws-g4dn.xlarge"].usd_per_hour == 0.4
    assert after["aws-g4dn.xlarge"].gpu_name == t4.gpu_name
    assert after["our-server"].sends_data_out is False
    assert set(after) == {*before, "our-server"}


def test_an_own_model_may_take_over_a_shape(own_folder):
    (own_folder / "models.toml").write_text(
        '["our/tuned-8b"]\nlike = "Qwen/Qwen3-8B"\nsource = "us"\ndate = "2026-11-01"\n',
        encoding="utf-8",
    )
    loader.forget()
    ours = find_model("tuned-8b")
    assert ours.hidden_size == load("models")["Qwen/Qwen3-8B"].hidden_size
    assert ours.default_for == () and ours.source == "us"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('["x"]\nmemory_gb = 8\n', "memory_gib"),
        ('["x"]\nmemory_gib = "8"\nusable_gib = 7\nusable_basis = "stated"\n', "memory_gib = '8'"),
        ('["x"]\nmemory_gib = 8\nusable_gib = 7\nusable_basis = "guessed"\n', "stated, assumed"),
        ('["x"]\nlike = "RTX 4O90"\n', "RTX 4090"),
        ('["x"]\nlike = "T4"\nbf16_native = 1\n', "bf16_native = 1"),
        ('["x\n', "gpus.toml"),
        ("x = 1\n", "must be a table"),
    ],
)
def test_a_wrong_own_file_says_where_and_what(own_folder, content, says):
    (own_folder / "gpus.toml").write_text(content, encoding="utf-8")
    loader.forget()
    with pytest.raises(CatalogError) as caught:
        load("gpus")
    assert says in str(caught.value)
    assert caught.value.path == own_folder / "gpus.toml"


def test_all_faults_of_a_file_come_at_once(own_folder):
    (own_folder / "rates.toml").write_text("[a]\nlow = 1\n[b]\nhihg = 2\n", encoding="utf-8")
    loader.forget()
    with pytest.raises(CatalogError) as caught:
        load("rates")
    said = " ".join(map(str, caught.value.faults))
    assert "a: likely is missing" in said
    assert "b: unknown field 'hihg' (did you mean high?)" in said


def test_an_unknown_kind_is_a_mistake_of_the_caller():
    with pytest.raises(KeyError):
        load("modles")


def test_did_you_mean_finds_what_looks_alike_and_nothing_else():
    ids = ["Qwen/Qwen3-8B", "Qwen/Qwen3-4B", "meta-llama/Llama-3.1-8B", "rag.top_k"]
    assert did_you_mean("qwen3-8b", ids)[0] == "Qwen/Qwen3-8B"
    assert did_you_mean("rag.topk", ids)[0] == "rag.top_k"
    assert did_you_mean("zzzzzz", ids) == []


def test_the_stamp_follows_every_change_of_an_own_file(own_folder):
    first = stamp()
    assert first == stamp() and len(first.sha256) == 64
    own = own_folder / "rates.toml"
    own.write_text('[usd_jpy]\nlike = "usd_jpy"\nlikely = 155.0\n', encoding="utf-8")
    second = stamp()
    assert second.sha256 != first.sha256 and second.version == first.version
    own.unlink()
    assert stamp() == first


@pytest.mark.parametrize(
    ("text", "days"), [("2026-11-23", 0), ("2026-11", 22), ("2026", 326), ("soon", None)]
)
def test_a_date_without_a_day_counts_from_the_start_of_its_period(text, days, own_folder):
    class Price:
        date = text

    today = date(2026, 11, 23)
    assert age_days(Price(), today) == days
    assert is_old(Price(), today) is (days is None or days > 90)


def test_settings_keep_their_defaults_within_their_bounds(own_folder):
    settings = load("settings")
    assert settings["prompting.shots"].default == 8
    assert settings["rag.answer"].choices == ("generate", "extractive")
    for setting in settings.values():
        if setting.choices:
            assert setting.default in setting.choices
        if setting.min is not None:
            assert setting.min <= setting.default <= setting.max


def test_the_english_only_embedder_does_not_claim_japanese(own_folder):
    embedders = load("embedders")
    assert "ja" not in embedders["sentence-transformers/all-MiniLM-L6-v2"].languages
    assert embedders["intfloat/multilingual-e5-small"].query_prefix == "query: "
    assert embedders["intfloat/multilingual-e5-base"].dimension == 768


def test_records_cost_little_more_than_parsing_their_files(tmp_path):
    """Against the parser itself, since others may be using the machine; best of seven."""
    script = (
        "import time, tomllib\n"
        "from knowledge.catalog.loader import FOLDER, load, forget\n"
        "kinds = ('models', 'gpus', 'offers')\n"
        "texts = [(FOLDER / f'{k}.toml').read_text(encoding='utf-8') for k in kinds]\n"
        "def best(call):\n"
        "    took = []\n"
        "    for _ in range(7):\n"
        "        forget(); start = time.process_time(); call()\n"
        "        took.append(time.process_time() - start)\n"
        "    return min(took)\n"
        "print(best(lambda: [load(k) for k in kinds]))\n"
        "print(best(lambda: [tomllib.loads(text) for text in texts]))\n"
    )
    root = Path(loader.__file__).parents[2]
    environment = {**os.environ, "OKAKAE_CONFIG_DIR": str(tmp_path), "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
    )
    loading, parsing = map(float, done.stdout.split())
    assert loading < 3 * parsing
    assert loading < 0.1


def test_loading_imports_nothing_heavy(tmp_path):
    script = (
        "import sys\n"
        "from knowledge.catalog.loader import load\n"
        "from knowledge.catalog.texts import text\n"
        "load('models'); text('error.label', 'ja')\n"
        "print([m for m in ('pydantic', 'yaml', 'numpy', 'torch', 'rich') if m in sys.modules])\n"
    )
    root = Path(loader.__file__).parents[2]
    environment = {**os.environ, "OKAKAE_CONFIG_DIR": str(tmp_path), "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == "[]"


def test_every_toml_file_of_the_catalog_parses():
    paths = list(loader.FOLDER.rglob("*.toml"))
    assert len(paths) > len(KINDS)
    for path in paths:
        assert tomllib.loads(path.read_text(encoding="utf-8")), path
