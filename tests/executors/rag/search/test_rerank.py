"""A cross-encoder, trained here in seconds, reorders the first passages and is judged first."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_corpus import HashingEmbedder, document

from advisor.errors import Forbidden, MachineError
from advisor.session import Session
from executors.rag.index.build import build_index
from executors.rag.index.rag_index import RagIndex
from executors.rag.search.faiss_store import FaissStore
from executors.rag.search.fusion import judge_reranker, reciprocal_ranks
from executors.rag.search.rerank import choose_reranker, milliseconds, open_reranker
from executors.rag.search.retrieve import Reranker, Retriever
from knowledge.catalog.loader import load
from knowledge.corpus.types import Example

pytest.importorskip("sentence_transformers")
EMBEDDER = HashingEmbedder()
# Repealed versions beside the one in force: neither meaning nor keywords can tell them apart.
VERSIONS = (
    "旅費は実費を支給する。廃止。",
    "旅費の実費を支給する。廃止。",
    "旅費は、実費で支給する。廃止。",
    "旅費は実費を支給する。ただし上限を別に定める。施行中。",
)
TOPICS = ("旅費", "実費", "旅費の支給", "実費の支給", "旅費は実費", "旅費の実費")
ENDINGS = ("とは", "は？", "について", "はどうなる")


@pytest.fixture(scope="module")
def questions() -> list[Example]:
    asked = [topic + ending for topic in TOPICS for ending in ENDINGS]
    return [
        Example(f"q{n}", "qa", text, "", "qa.jsonl", "", doc_ids=("3.md",))
        for n, text in enumerate(asked)
    ]


@pytest.fixture(scope="module")
def index() -> RagIndex:
    papers = [document(f"{i}.md", text, title="規程") for i, text in enumerate(VERSIONS)]
    return build_index(papers, EMBEDDER, chunk_tokens=64, overlap_tokens=0, ram_bytes=1 << 30)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, index, questions) -> Path:
    """A character-level BERT of one layer that learned to prefer what is in force."""
    return trained(tmp_path_factory.mktemp("cross-encoder"), index, questions)


def trained(place: Path, index: RagIndex, questions: list[Example]) -> Path:
    import torch
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizer

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # so small a model only loses time between threads
    texts = [q.prompt for q in questions] + [c.embedded_text for c in index.chunks]
    letters = sorted({letter for text in texts for letter in text if not letter.isspace()})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{x}" for x in letters)]
    (place / "vocab.txt").write_text("\n".join(dict.fromkeys(pieces)), encoding="utf-8")
    tokenizer = BertTokenizer(str(place / "vocab.txt"))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=64,
        max_position_embeddings=128,
        num_labels=1,
        initializer_range=0.2,  # the usual 0.02 leaves so narrow a model blind for too long
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    model = BertForSequenceClassification(config)
    pairs = [(q, chunk) for q in questions for chunk in index.chunks]
    batch = tokenizer(
        [q.prompt for q, _ in pairs],
        [chunk.embedded_text for _, chunk in pairs],
        padding=True,
        return_tensors="pt",
    )
    right = torch.tensor([float(chunk.doc_id in q.doc_ids) for q, chunk in pairs])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    loss_of = torch.nn.BCEWithLogitsLoss(pos_weight=torch.tensor(len(VERSIONS) - 1.0))
    model.train()
    for _ in range(100):
        optimizer.zero_grad()
        loss = loss_of(model(**batch).logits.squeeze(-1), right)
        loss.backward()
        optimizer.step()
        if float(loss.detach()) < 0.05:
            break
    torch.set_num_threads(threads)
    model.save_pretrained(place)
    tokenizer.save_pretrained(place)
    return place


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(lang="en", plain=True, no_input=True, offline=True)


@pytest.fixture(scope="module")
def reranker(folder, session) -> Reranker:
    return open_reranker(str(folder), session)


def test_it_puts_the_right_passage_first_and_is_then_used(reranker, index, questions) -> None:
    plain = reciprocal_ranks(Retriever(FaissStore(index), EMBEDDER, "hybrid"), questions)
    again = reciprocal_ranks(
        Retriever(FaissStore(index), EMBEDDER, "hybrid", reranker=reranker), questions
    )
    assert sum(again) / len(again) > 0.95 > sum(plain) / len(plain) + 0.2
    judged = judge_reranker(
        FaissStore(index), EMBEDDER, "hybrid", reranker, questions, asked_for=False
    )
    assert judged.used and judged.reason == "reranker-better" and judged.questions == 24
    assert judged.difference["low"] > 0


def test_without_questions_it_is_used_only_when_asked_for(reranker, index) -> None:
    for asked_for in (True, False):
        judged = judge_reranker(
            FaissStore(index), EMBEDDER, "hybrid", reranker, [], asked_for=asked_for
        )
        assert judged.used is asked_for


def test_one_that_ranks_no_better_is_left_out(index, questions) -> None:
    class Flat:
        id = "flat"

        def scores(self, question: str, passages) -> list[float]:
            return [0.5] * len(passages)  # a constant keeps the order it was given

    judged = judge_reranker(
        FaissStore(index), EMBEDDER, "hybrid", Flat(), questions, asked_for=False
    )
    assert not judged.used and judged.reason == "reranker-no-gain"
    assert judged.difference["value"] == 0.0


def test_only_the_first_passages_are_read_and_nothing_is_lost(reranker) -> None:
    papers = [document(f"{n}.md", f"賞与の第{n}号は年{n}回支給する。") for n in range(40)]
    many = build_index(papers, EMBEDDER, chunk_tokens=64, overlap_tokens=0, ram_bytes=1 << 30)
    read: list[int] = []

    class Counting:
        id = "counting"

        def scores(self, question: str, passages) -> list[float]:
            read.append(len(passages))
            return reranker.scores(question, passages)

    plain = Retriever(FaissStore(many), EMBEDDER, "hybrid").find(["賞与は年何回？"])[0].hits
    found = (
        Retriever(FaissStore(many), EMBEDDER, "hybrid", reranker=Counting())
        .find(["賞与は年何回？"])[0]
        .hits
    )
    assert read == [20]
    assert {hit.id for hit in found} == {hit.id for hit in plain}
    assert [hit.id for hit in found[20:]] == [hit.id for hit in plain[20:]]
    scores = [hit.score for hit in found]
    assert scores == sorted(scores, reverse=True) and min(scores) >= 0


def test_its_time_is_measured(reranker, index) -> None:
    found = Retriever(FaissStore(index), EMBEDDER, "hybrid").find(["賞与"])[0]
    assert 0 < milliseconds(reranker, "賞与", found) < 60_000


def test_what_the_setting_means(monkeypatch, tmp_path) -> None:
    assert choose_reranker("none", {"ja": 1.0}).id is None
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert choose_reranker("auto", {"ja": 1.0}).reason == "reranker-not-at-hand"
    for id_ in ("BAAI/bge-reranker-v2-m3", "cross-encoder/ms-marco-MiniLM-L6-v2"):
        (tmp_path / f"models--{id_.replace('/', '--')}" / "snapshots" / "1").mkdir(parents=True)
    assert choose_reranker("auto", {"ja": 0.9, "en": 0.1}).id == "BAAI/bge-reranker-v2-m3"
    assert choose_reranker("auto", {"en": 1.0}).id == "cross-encoder/ms-marco-MiniLM-L6-v2"
    assert choose_reranker("./mine", {"en": 1.0}).asked


def test_one_that_is_not_here_or_no_reranker_is_said_plainly(session, tmp_path) -> None:
    with pytest.raises(Forbidden):
        open_reranker("cross-encoder/not-here", session)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(MachineError) as error:
        open_reranker(str(tmp_path), session)
    assert error.value.ref == "reranker-unreadable"


def test_every_known_reranker_names_its_languages_and_licence() -> None:
    for record in load("rerankers").values():
        assert {"ja", "en", "multilingual"} & set(record.languages)
        assert record.licence in load("licences")
