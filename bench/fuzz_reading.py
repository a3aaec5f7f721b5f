"""Mutated files through `okakae inspect`: `python -m bench fuzz_reading [--from=0] [--to=10000]`.

File number n is made from n alone, so any range can be run again. Each batch is one real call in a
process of its own, its files, home, temporary folder and output below one folder, which is
listed before and after. A batch fails on a traceback, an unexpected exit code, a reader process
that died, a gap of over 10 s between two files, a process over 1 GB, or a file written elsewhere.
"""

from __future__ import annotations

import io
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from bench.fuzz_seeds import packed, seeds
from bench.machine import RESULTS, save
from bench.planted import option

FILES = Path(__file__).parents[2] / "shared" / "data" / "loader_torture" / "files"
ALL, BATCH = 10_000, 250
MOST_SECONDS, MOST_BYTES = 10.0, 10**9
BATCH_SECONDS = 600.0
EXIT_CODES = {0, 8}
LOST = {"reader-crashed", "reading-takes-too-long"}
_INTERESTING = (0, 1, 0x0A, 0x22, 0x28, 0x2F, 0x3C, 0x7F, 0x80, 0xFE, 0xFF)


def flip(data: bytearray, rng: random.Random) -> bytearray:
    """1 to 64 bytes set to something else."""
    for _ in range(rng.choice((1, 4, 16, 64)) if data else 0):
        new = rng.choice(_INTERESTING) if rng.random() < 0.5 else rng.randrange(256)
        data[rng.randrange(len(data))] = new
    return data


def truncate(data: bytearray, rng: random.Random) -> bytearray:
    return data[: rng.randrange(len(data) + 1)]


def splice(data: bytearray, rng: random.Random) -> bytearray:
    """A stretch of the file written once more somewhere else, or left out."""
    if len(data) < 4:
        return data
    a, b = sorted(rng.sample(range(len(data)), 2))
    if rng.random() < 0.3:
        return data[:a] + data[b:]
    at = rng.randrange(len(data))
    return data[:at] + data[a : min(b, a + 20_000)] * rng.choice((1, 2, 5)) + data[at:]


def edit_member(data: bytearray, rng: random.Random) -> bytearray:
    """One member of a ZIP mutated, renamed out of its folder, doubled or left out."""
    try:
        with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # already mutated: a broken archive breaks zipfile in any way
        return flip(data, rng)
    if not members:
        return flip(data, rng)
    name = rng.choice(sorted(members))
    how = rng.randrange(5)
    if how == 0:
        del members[name]
    elif how == 1:
        outside = rng.choice(("../../escaped", "/escaped", "C:\\escaped", "a/../../escaped"))
        members[outside] = members.pop(name)
    elif how == 2:
        members[f"again/{name}"] = members[name] * rng.choice((1, 20))
    else:
        members[name] = bytes(rng.choice((flip, truncate, splice))(bytearray(members[name]), rng))
    return bytearray(packed(members))


MUTATIONS: tuple[Callable[[bytearray, random.Random], bytearray], ...] = (flip, truncate, splice)
ARCHIVES = (".docx", ".xlsx", ".pptx", ".epub", ".zip")


def mutant(number: int, whole: dict[str, bytes]) -> tuple[str, bytes]:
    """File `number`: its name and content."""
    rng = random.Random(f"fuzz {number}")
    names = sorted(whole)
    name = names[number % len(names)]
    data = bytearray(whole[name])
    for _ in range(rng.choice((1, 1, 2, 3))):
        inside = name.endswith(ARCHIVES) and rng.random() < 0.6
        data = (edit_member if inside else rng.choice(MUTATIONS))(data, rng)
    return f"{number:05d}_{name}", bytes(data)


def run_batch(numbers: range, whole: dict[str, bytes]) -> dict[str, Any]:
    """One call of inspect on these files; `wrong` holds what must not happen."""
    with tempfile.TemporaryDirectory() as folder:
        # Two levels down, so that a name with ../.. would still land inside what is listed.
        root = Path(folder) / "a" / "b"
        root.mkdir(parents=True)
        for name in ("in", "out", "home", "temp", "here"):
            (root / name).mkdir()
        for number in numbers:
            name, data = mutant(number, whole)
            (root / "in" / name).write_bytes(data)
        before = listing(Path(folder))
        started = time.monotonic()
        done, peak = _inspect(root)
        seconds = time.monotonic() - started
        extra = sorted(listing(Path(folder)) ^ before)
        return judged(done, root, extra, peak) | {"files": len(numbers), "seconds": seconds}


def listing(root: Path) -> set[tuple[str, int]]:
    """Every file below `root` with its size, but for the output folder and our own cache."""
    names = [path for path in (*root.rglob("*"), Path("/escaped")) if path.is_file()]
    ours = [path for path in names if not {"out", "cache"} & set(path.parts)]
    return {(str(path), path.stat().st_size) for path in ours}


def _inspect(root: Path) -> tuple[subprocess.CompletedProcess[str], int]:
    """The call, and the most memory that one of its processes held."""
    environment = {
        **os.environ,
        "HOME": str(root / "home"),
        "TMPDIR": str(root / "temp"),
        "XDG_CACHE_HOME": str(root / "cache"),
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    words = [sys.executable, "-m", "bench.fuzz_reading", "--child", str(root)]
    with (
        (root / "out" / "stdout").open("w") as out,
        (root / "out" / "stderr").open("w") as err,
        subprocess.Popen(
            words, stdout=out, stderr=err, env=environment, cwd=root / "here"
        ) as child,
    ):
        peak = _Peak(child.pid)
        try:
            code = child.wait(BATCH_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
            code = -9
        most = peak.stop()
    said = [(root / "out" / name).read_text(errors="replace") for name in ("stdout", "stderr")]
    return subprocess.CompletedProcess(words, code, *said), most


class _Peak:
    """The largest resident memory of any one process below `pid`, looked at ten times a second."""

    def __init__(self, pid: int) -> None:
        self._pid, self._most, self._ended = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        import psutil

        while not self._ended.wait(0.1):
            try:
                top = psutil.Process(self._pid)
                for one in (top, *top.children(recursive=True)):
                    self._most = max(self._most, one.memory_info().rss)
            except psutil.Error:
                continue

    def stop(self) -> int:
        self._ended.set()
        self._thread.join()
        return self._most


def judged(
    done: subprocess.CompletedProcess[str], root: Path, extra: list[Any], peak: int
) -> dict[str, Any]:
    wrong: list[str] = []
    if "Traceback" in done.stderr + done.stdout:
        wrong.append(f"traceback: {done.stderr[-1500:]}")
    if done.returncode not in EXIT_CODES:
        wrong.append(f"exit code {done.returncode}: {done.stderr[-500:]}")
    if extra:
        wrong.append(f"written outside: {extra[:5]}")
    if peak > MOST_BYTES:
        wrong.append(f"{peak} bytes in one process")
    gaps: list[float] = []
    ids: Counter[str] = Counter()
    if (told := root / "out" / "told.json").exists():
        said = json.loads(told.read_text(encoding="utf-8"))
        gaps = said["gaps"]
        ids.update(said["problems"])
        wrong += [f"{why} {name}" for why, name in said["lost"]]
    if gaps and max(gaps) > MOST_SECONDS:
        wrong.append(f"{max(gaps):.1f} s for one file")
    return {"wrong": wrong, "peak": peak, "slowest": max(gaps, default=0.0), "problems": dict(ids)}


def child(root: Path) -> None:
    """`okakae inspect` in this process, with the time of each file and the problems kept."""
    import knowledge.corpus.reading as reading
    from advisor.cli import main as okakae

    survey, stamps = reading.survey, [time.monotonic()]

    def watched(path: Path, **options: Any) -> Any:
        on_file = options.pop("on_file", None)

        def stamp(name: str) -> None:
            stamps.append(time.monotonic())
            if on_file is not None:
                on_file(name)

        stamps[0] = time.monotonic()
        seen = survey(path, on_file=stamp, **{**options, "workers": 2})
        problems = [(p.id, file.path) for file in seen.files for p in file.problems]
        told = {
            "gaps": [b - a for a, b in pairwise(stamps)],
            "problems": Counter(id_ for id_, _ in problems),
            "lost": [one for one in problems if one[0] in LOST],
        }
        (root / "out" / "told.json").write_text(json.dumps(told), encoding="utf-8")
        return seen

    reading.survey = watched
    out = root / "out"
    words = ["inspect", str(root / "in"), "--json", "--no-input", "--offline"]
    words += [
        "--documents",
        str(out / "documents.jsonl"),
        "--examples",
        str(out / "examples.jsonl"),
    ]
    sys.argv = ["okakae", *words]
    okakae()


def main() -> None:
    words = sys.argv[1:]
    if not FILES.is_dir():
        print(f"skipped: {FILES} is not here", file=sys.stderr)
        return
    first, last = int(option("from", "0", words)), int(option("to", str(ALL), words))
    whole = seeds(FILES)
    kept = RESULTS / "fuzz_reading.json"
    figures = json.loads(kept.read_text(encoding="utf-8"))["figures"] if kept.exists() else {}
    if first == 0 or not figures:
        figures = {"from": first, "files": 0, "wrong": [], "peak_mb": 0.0, "slowest_s": 0.0}
        figures |= {"seconds": 0.0, "seeds": len(whole), "problems": {}}
    for start in range(first, last, BATCH):
        numbers = range(start, min(start + BATCH, last))
        batch = run_batch(numbers, whole)
        figures["files"] += batch["files"]
        figures["to"] = numbers.stop
        figures["seconds"] = round(figures["seconds"] + batch["seconds"], 1)
        figures["wrong"] += [f"{numbers.start}-{numbers.stop}: {why}" for why in batch["wrong"]]
        figures["peak_mb"] = max(figures["peak_mb"], round(batch["peak"] / 1e6, 1))
        figures["slowest_s"] = max(figures["slowest_s"], round(batch["slowest"], 2))
        counted = Counter(figures["problems"]) + Counter(batch["problems"])
        figures["problems"] = dict(counted.most_common())
        print(f"{numbers.stop}: {batch['seconds']:.0f} s, wrong {batch['wrong']}", flush=True)
        save("fuzz_reading", figures)
    print(kept)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(Path(sys.argv[2]))
    else:
        main()
