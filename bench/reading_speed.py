"""Speed and memory of reading mixed files, beside markitdown and LlamaIndex's loaders.

`python -m bench reading_speed [--mb=100,300,1000] [--peers-mb=50] [--peers=VENV_PYTHON]
[--rows=5000,20000,50000,200000]`

The files are real ones repeated with variation: at least half of the bytes are PDF, Word, Excel
and HTML, the rest plain text, Markdown and CSV. Peers run in an environment of their own with as
many processes as we use: LlamaIndex has `num_workers`, markitdown's converter is called from a
pool. They only read, and so does ours as `reading`: `read(checked=False)`, the texts handed over
as theirs are. `inspect` is the whole health report beside it.
"""

from __future__ import annotations

import json
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.machine import save
from bench.planted import option
from bench.torture import DATA, MANIFEST, manifest, needles, text_of

WORKERS, ROUNDS = 2, 3
SAMPLE_SECONDS = 0.2
MOST_EXACT = 50_000
WORKER = str(Path(__file__).with_name("reading_peers_worker.py"))
RICH = (".pdf", ".docx", ".xlsx", ".html")
RICH_SHARE = 0.55
NOT_READABLE = {"locked.pdf", "not_really.pdf"}
PEERS = ("markitdown", "llamaindex")
OURS = ("reading", "inspect")


def make(folder: Path, size: int, seed: int = 1) -> dict[str, int]:
    """Write files of about `size` bytes below `folder`; bytes by suffix."""
    rng = random.Random(seed)
    real = [
        path
        for path in sorted((MANIFEST.parent / "files").iterdir())
        if path.suffix in RICH and path.name not in NOT_READABLE
    ]
    real += sorted((DATA / "manual_html_ja" / "original").glob("*.html"))
    texts = [
        json.loads(line)["text"]
        for name in ("handbook_18f", "jsquad", "handbook_ja")
        for line in (DATA / name / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    written: dict[str, int] = {}
    number, rich, total = 0, 0, 0
    while total < size:
        below = folder / f"{number // 500:04d}"
        below.mkdir(parents=True, exist_ok=True)
        if rich <= RICH_SHARE * total:
            source = rng.choice(real)
            path = below / f"{number}{source.suffix}"
            path.write_bytes(varied(source, number))
            rich += path.stat().st_size
        else:
            path = below / f"{number}{rng.choice(('.txt', '.md', '.csv'))}"
            path.write_bytes(plain(path.suffix, texts, rng))
        n = path.stat().st_size
        written[path.suffix] = written.get(path.suffix, 0) + n
        number, total = number + 1, total + n
    return written | {"files": number}


def varied(source: Path, number: int) -> bytes:
    """The file with other bytes but the same content, so that no copy of it counts as read."""
    data = source.read_bytes()
    if source.suffix == ".pdf":
        return data + f"\n% copy {number}\n".encode()
    if source.suffix == ".html":
        return data + f"\n<!-- copy {number} -->\n".encode()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "copy"
        shutil.copy(source, path)
        with zipfile.ZipFile(path, "a") as archive:
            archive.comment = f"copy {number}".encode()
        return path.read_bytes()


def plain(suffix: str, texts: list[str], rng: random.Random) -> bytes:
    if suffix != ".csv":
        return "\n\n".join(rng.choices(texts, k=rng.randint(20, 400))).encode()
    rows = ["name,body"]
    for i in range(rng.randint(50, 1000)):
        said = rng.choice(texts)[:300].replace('"', "").replace("\n", " ")
        rows.append(f'{i},"{said}"')
    text = "\r\n".join(rows)
    return text.encode("cp932", "ignore") if rng.random() < 0.5 else text.encode()


def watched(words: list[str]) -> dict[str, Any]:
    """Run a command and say what it and every process below it took.

    Returns:
        Seconds, processor seconds, the largest sum of resident memory (pages that processes share
        count once for each), and the last line of its output.
    """
    import psutil

    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(words, stdout=out, stderr=subprocess.DEVNULL)
        top, peak, spent = psutil.Process(child.pid), 0, dict[int, float]()
        while child.poll() is None:
            total = 0
            try:
                for one in (top, *top.children(recursive=True)):
                    with suppress(psutil.Error):
                        times = one.cpu_times()
                        spent[one.pid] = times.user + times.system
                        total += one.memory_info().rss
            except psutil.Error:
                pass
            peak = max(peak, total)
            time.sleep(SAMPLE_SECONDS)
        seconds = time.monotonic() - started
        out.seek(0)
        lines = out.read().splitlines()
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(sum(spent.values()), 2),
        "peak_mb": round(peak / 1e6),
        "exit_code": child.returncode,
        "said": json.loads(lines[-1]) if lines and child.returncode == 0 else None,
    }


def ours(folder: Path, cache: Path | None = None, *, how: str = "inspect") -> dict[str, Any]:
    words = [sys.executable, "-m", "bench.reading_speed", "--child", how, str(folder)]
    return watched([*words, *([str(cache)] if cache else [])])


def child(how: str, folder: Path, cache: Path | None) -> None:
    """One survey with the health report, or the texts alone, in this process and its readers."""
    from knowledge.corpus.reading import read, survey

    if how == "reading":
        corpus = read(folder, workers=WORKERS, cache=cache, checked=False)
        counted = {"files": len(corpus.files), "documents": len(corpus.documents)}
        print(json.dumps(counted | {"characters": sum(f.characters for f in corpus.files)}))
        return
    seen = survey(folder, workers=WORKERS, cache=cache)
    counted = {"files": len(seen.files), "documents": seen.facts.n_documents}
    print(json.dumps(counted | {"characters": sum(file.characters for file in seen.files)}))


def growth(sizes: list[int], work: Path) -> list[dict[str, Any]]:
    """Folders of growing size: read, read again unchanged, and with one file in 100 changed.

    The first pass fills the cache, as `okakae inspect` does.
    """
    found = []
    for mb in sizes:
        folder, cache = work / f"{mb}mb", work / f"{mb}mb-cache"
        kinds = make(folder, mb * 1_000_000)
        size = sum(n for kind, n in kinds.items() if kind != "files") / 1e6
        first, second = ours(folder, cache), ours(folder, cache)
        changed = sorted(path for path in folder.rglob("*") if path.is_file())[::100]
        for path in changed:
            path.touch()
        third = ours(folder, cache)
        row = {
            "mb": round(size, 1),
            "bytes_by_kind": kinds,
            "first": first,
            "second": second,
            "with_changes": third | {"changed_files": len(changed)},
            "mb_per_second": round(size / first["seconds"], 2),
            "mb_per_second_second": round(size / second["seconds"], 2),
        }
        found.append(row)
        print(json.dumps({k: v for k, v in row.items() if k != "bytes_by_kind"}), flush=True)
        shutil.rmtree(folder)
        shutil.rmtree(cache, ignore_errors=True)
    return found


def recall(python: str | None) -> dict[str, Any]:
    """Of the needles of the manifest, how many are in what each reader gives."""
    from knowledge.corpus.reading import read

    lines = [line for line in manifest() if list(needles(line, ""))]
    paths = [str(MANIFEST.parent / line["file"]) for line in lines]
    texts = {
        how: {
            path: text_of(read(Path(path), workers=0, checked=how == "inspect")) for path in paths
        }
        for how in OURS
    }
    for name in PEERS if python else ():
        words = [python or "", WORKER, name, "1", "--texts", *paths]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode == 0:
            texts[name] = json.loads(done.stdout.splitlines()[-1])
    found = {}
    for name, said in texts.items():
        checked = [
            (line["file"], there)
            for line, path in zip(lines, paths, strict=True)
            for _, there in needles(line, said[path])
        ]
        lost = sorted({Path(file).name for file, there in checked if not there})
        found[name] = {"needles": len(checked), "found": sum(t for _, t in checked), "lost": lost}
    return found


def beside_peers(mb: int, python: str, work: Path) -> dict[str, Any]:
    """The same folder read by each in turn, several rounds, everyone's order kept."""
    folder = work / "peers"
    kinds = make(folder, mb * 1_000_000, seed=2)
    size = sum(n for kind, n in kinds.items() if kind != "files") / 1e6
    rounds: list[dict[str, Any]] = []
    for _ in range(ROUNDS):
        taken = {how: ours(folder, how=how) for how in OURS}
        for name in PEERS:
            taken[name] = watched([python, WORKER, name, str(WORKERS), str(folder)])
        rounds.append(taken)
        print(json.dumps(taken), flush=True)
    ratios = {
        f"{name} to {how}": {
            unit: round(statistics.median(r[name][unit] / r[how][unit] for r in rounds), 2)
            for unit in ("seconds", "cpu_seconds")
        }
        for name in PEERS
        for how in OURS
        if all(r[name]["said"] for r in rounds)
    }
    return {"mb": round(size, 1), "bytes_by_kind": kinds, "rounds": rounds, "times_ours": ratios}


def repetitions(counts: list[int]) -> list[dict[str, Any]]:
    """Seconds to find copies and contradictions among many examples (in this process)."""
    from knowledge.corpus.repetition import find_repetitions
    from knowledge.corpus.types import Example

    texts = [
        json.loads(line)["text"]
        for name in ("handbook_18f", "jsquad")
        for line in (DATA / name / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    rng = random.Random(3)
    found = []
    for n in counts:
        examples = []
        for i in range(n):
            text = rng.choice(texts)
            at = rng.randrange(max(1, len(text) - 60))
            said = text[at : at + rng.randint(15, 60)]
            examples.append(Example(str(i), "qa", said, text[:80], "rows.csv", f"line {i + 2}"))
        started = time.process_time()
        repeated = find_repetitions(examples)
        row = {"rows": n, "cpu_seconds": round(time.process_time() - started, 1)}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        found.append(row | {"repeated": len(repeated), "peak_mb": peak})
        found[-1] |= joins([example.prompt for example in examples])
        print(found[-1], flush=True)
    return found


def joins(prompts: list[str]) -> dict[str, Any]:
    """Processor time and pairs of MinHash and, up to `MOST_EXACT` rows, of the exact join."""
    from knowledge.corpus import near_duplicates
    from knowledge.corpus.alike import CANDIDATES
    from knowledge.corpus.sameness import canonical

    keys = list(dict.fromkeys(map(canonical, prompts)))
    ways = {"min_hash": 0} | ({"exact_join": len(keys) + 1} if len(keys) <= MOST_EXACT else {})
    usual, told, pairs = near_duplicates.MOST_JOINED, dict[str, Any](), []
    for name, most_joined in ways.items():
        near_duplicates.MOST_JOINED = most_joined
        started = time.process_time()
        near = near_duplicates.near_keys(keys, CANDIDATES)
        told[f"{name}_cpu_seconds"] = round(time.process_time() - started, 2)
        pairs.append({(i, j) for i, others in enumerate(near) for j in others if i < j})
        told[f"{name}_pairs"] = len(pairs[-1])
    near_duplicates.MOST_JOINED = usual
    if len(pairs) == 2:
        told |= {"missed": len(pairs[1] - pairs[0]), "wrong": len(pairs[0] - pairs[1])}
    return told


def main() -> None:
    words = sys.argv[1:]
    if not MANIFEST.exists():
        print(f"skipped: {DATA} is not here", file=sys.stderr)
        return
    python = option("peers", "", words) or None
    figures: dict[str, Any] = {"recall": recall(python)}
    print(json.dumps(figures["recall"]), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if python:
            mb = int(option("peers-mb", "50", words))
            figures["peers"] = beside_peers(mb, python, work)
            save("reading_speed", figures)
            print(json.dumps(figures["peers"]["times_ours"]), flush=True)
        else:
            print("peers skipped: name an environment that has them with --peers=PYTHON")
        sizes = [int(n) for n in option("mb", "100,300,1000", words).split(",") if n]
        figures["growth"] = growth(sizes, work)
        save("reading_speed", figures)
    rows = [int(n) for n in option("rows", "5000,20000,50000,200000", words).split(",") if n]
    figures["repetitions"] = repetitions(rows)
    print(save("reading_speed", figures))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]) if sys.argv[4:] else None)
    else:
        main()
