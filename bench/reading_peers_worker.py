"""One peer reads files, in the peer's own environment: NAME WORKERS FOLDER|--texts FILE …

Prints one line of JSON: how many characters came out, or with `--texts` the texts by file.
"""

from __future__ import annotations

import json
import logging
import multiprocessing
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any


@cache
def converter() -> Any:
    from markitdown import MarkItDown

    return MarkItDown()


def by_markitdown(path: str) -> str:
    try:
        return str(converter().convert(path).text_content)
    except Exception:  # whatever it refuses is text it did not read
        return ""


def by_llamaindex(path: str) -> str:
    from llama_index.core import SimpleDirectoryReader

    try:
        found = SimpleDirectoryReader(input_files=[path]).load_data()
    except Exception:
        return ""
    return "\n".join(document.text for document in found)


READ = {"markitdown": by_markitdown, "llamaindex": by_llamaindex}


def folder_characters(name: str, folder: str, workers: int) -> int:
    """Everything below a folder, as the peer itself would be asked for it where it can be."""
    if name == "llamaindex":
        from llama_index.core import SimpleDirectoryReader

        reader = SimpleDirectoryReader(folder, recursive=True)
        return sum(len(d.text) for d in reader.load_data(num_workers=workers))
    files = sorted(str(path) for path in Path(folder).rglob("*") if path.is_file())
    with multiprocessing.Pool(workers) as pool:
        return sum(map(len, pool.imap_unordered(by_markitdown, files, chunksize=4)))


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    name, workers, *rest = sys.argv[1:]
    if rest[0] == "--texts":
        print(json.dumps({path: READ[name](path) for path in rest[1:]}))
    else:
        print(json.dumps({"characters": folder_characters(name, rest[0], int(workers))}))


if __name__ == "__main__":
    main()
