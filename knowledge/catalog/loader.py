"""Reads the catalog's TOML files into typed records, with a company's own files laid over them.

`$OKAKAE_CONFIG_DIR/knowledge/<kind>.toml` adds records or replaces those of the same id. A record
may say `like = "<id>"` to take over every field it does not name itself.
"""

from __future__ import annotations

import functools
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast, overload

from knowledge.catalog import texts
from knowledge.catalog.records import (
    KINDS,
    Api,
    Embedder,
    Extrapolation,
    Gpu,
    KnowledgeStamp,
    Licence,
    Measurement,
    Method,
    Model,
    Offer,
    Question,
    Rate,
    Record,
    RerankerModel,
    Rule,
    Setting,
    Source,
    Study,
    Subscription,
)

FOLDER = Path(__file__).parent
VERSION = "2026.11"

_PYTHON_TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "Scalar": (str, int, float, bool),
    "None": (type(None),),
}


@dataclass(frozen=True, slots=True)
class RecordFault:
    """One thing wrong with a file of facts; its text stands under `record-fault.<ref>`."""

    ref: str
    values: Mapping[str, Any]

    def told(self, lang: str) -> str:
        return texts.text(f"record-fault.{self.ref}", lang, **self.values)

    def __str__(self) -> str:
        return self.told("en")


class CatalogError(ValueError):
    """A TOML file of facts that cannot be used, with every fault that was found in it."""

    def __init__(self, path: Path, faults: tuple[RecordFault, ...]) -> None:
        super().__init__(f"{path}: " + "; ".join(map(str, faults)))
        self.path = path
        self.faults = faults


@overload
def load(kind: Literal["models"]) -> Mapping[str, Model]: ...
@overload
def load(kind: Literal["licences"]) -> Mapping[str, Licence]: ...
@overload
def load(kind: Literal["gpus"]) -> Mapping[str, Gpu]: ...
@overload
def load(kind: Literal["offers"]) -> Mapping[str, Offer]: ...
@overload
def load(kind: Literal["apis"]) -> Mapping[str, Api]: ...
@overload
def load(kind: Literal["subscriptions"]) -> Mapping[str, Subscription]: ...
@overload
def load(kind: Literal["rates"]) -> Mapping[str, Rate]: ...
@overload
def load(kind: Literal["methods"]) -> Mapping[str, Method]: ...
@overload
def load(kind: Literal["rules"]) -> Mapping[str, Rule]: ...
@overload
def load(kind: Literal["questions"]) -> Mapping[str, Question]: ...
@overload
def load(kind: Literal["evidence"]) -> Mapping[str, Study]: ...
@overload
def load(kind: Literal["measurements"]) -> Mapping[str, Measurement]: ...
@overload
def load(kind: Literal["sources"]) -> Mapping[str, Source]: ...
@overload
def load(kind: Literal["settings"]) -> Mapping[str, Setting]: ...
@overload
def load(kind: Literal["embedders"]) -> Mapping[str, Embedder]: ...
@overload
def load(kind: Literal["rerankers"]) -> Mapping[str, RerankerModel]: ...
@overload
def load(kind: Literal["curves"]) -> Mapping[str, Extrapolation]: ...
@overload
def load(kind: str) -> Mapping[str, Any]: ...
def load(kind: str) -> Mapping[str, Any]:
    """Every record of a kind by id, in the order of the files; read once per process.

    Raises:
        KeyError: there is no such kind.
        CatalogError: a file cannot be read, or a record has wrong, unknown or missing fields.
    """
    return _load(kind, _environment("OKAKAE_CONFIG_DIR"), _environment("XDG_CONFIG_HOME"))


@functools.cache
def _load(kind: str, *places: str | None) -> Mapping[str, Record]:
    overlay = _overlay_folder(*places)
    type_ = KINDS[kind]
    records: dict[str, Record] = {}
    raw: dict[str, dict[str, Any]] = {}
    for path in (FOLDER / f"{kind}.toml", overlay / f"{kind}.toml"):
        if path.is_file():
            records |= _records(path, type_, raw)
    return MappingProxyType(records)


def forget() -> None:
    """Read the files again at the next call, for those who changed one."""
    _load.cache_clear()
    _names.cache_clear()


def _records(path: Path, type_: type[Record], raw: dict[str, dict[str, Any]]) -> dict[str, Record]:
    made: dict[str, Record] = {}
    faults: list[RecordFault] = []
    for id_, own in _tables(path).items():
        if not isinstance(own, dict):
            faults.append(RecordFault("no-table", {"record": id_}))
            continue
        values = _inherited(id_, own, raw, faults)
        raw[id_] = values
        if found := _faults(id_, values, type_):
            faults += found
        else:
            made[id_] = type_(id=id_, **{k: _frozen(v) for k, v in values.items()})
    if faults:
        raise CatalogError(path, tuple(faults))
    return made


def _tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise CatalogError(path, (RecordFault("unreadable", {"why": str(error)}),)) from None


def _inherited(
    id_: str, own: dict[str, Any], raw: Mapping[str, dict[str, Any]], faults: list[RecordFault]
) -> dict[str, Any]:
    like = own.get("like")
    if like is None:
        return own
    if like not in raw:
        faults.append(_with_near("like", str(like), raw, record=id_))
        return own
    # A default, another name or a publisher's gate belongs to the one model it was written for.
    personal = ("default_for", "aliases", "gated", "gated_source") if like != id_ else ()
    base = {k: v for k, v in raw[like].items() if k not in personal}
    return {**base, **{k: v for k, v in own.items() if k != "like"}}


@functools.cache
def _shape(name: str) -> tuple[Mapping[str, tuple[Any, ...]], frozenset[str]]:
    """What each field of the record type called `name` accepts, and which are required."""
    type_ = next(t for t in KINDS.values() if t.__name__ == name)
    accepts = {f.name: _accepts(str(f.type)) for f in fields(type_) if f.name != "id"}
    required = frozenset(
        f.name
        for f in fields(type_)
        if f.name != "id" and f.default is MISSING and f.default_factory is MISSING
    )
    return accepts, required


def _accepts(annotation: str) -> tuple[Any, ...]:
    if annotation.startswith("tuple["):
        return (list,)
    if annotation.startswith("Mapping["):
        return (dict,)
    if annotation.startswith("Literal["):
        return tuple(part.strip().strip("'\"") for part in annotation[8:-1].split(","))
    return tuple(t for part in annotation.split(" | ") for t in _PYTHON_TYPES[part])


def _faults(id_: str, values: Mapping[str, Any], type_: type[Record]) -> list[RecordFault]:
    accepts, required = _shape(type_.__name__)
    missing = sorted(required - values.keys())
    found = [RecordFault("missing", {"record": id_, "name": name}) for name in missing]
    for name, value in values.items():
        if name not in accepts:
            found.append(_with_near("unknown", name, accepts, record=id_))
        elif not _fits(value, accepts[name]):
            wanted = ", ".join(getattr(a, "__name__", str(a)) for a in accepts[name])
            said = {"record": id_, "name": name, "value": repr(value), "wanted": wanted}
            found.append(RecordFault("form", said))
    return found


def _fits(value: Any, accepted: tuple[Any, ...]) -> bool:
    if isinstance(accepted[0], str):
        return value in accepted
    if isinstance(value, bool):
        return bool in accepted
    return isinstance(value, accepted)


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    if isinstance(value, dict):
        return {key: _frozen(item) for key, item in value.items()}
    return value


def _with_near(ref: str, name: str, ids: Iterable[str], *, record: str) -> RecordFault:
    """The fault of a name that nobody knows, with those it looks like."""
    values = {"record": record, "name": name}
    if near := did_you_mean(name, ids):
        return RecordFault(f"{ref}-near", {**values, "near": ", ".join(near)})
    return RecordFault(ref, values)


def overlay_folder() -> Path:
    """Where a company keeps its own facts."""
    return _overlay_folder(_environment("OKAKAE_CONFIG_DIR"), _environment("XDG_CONFIG_HOME"))


def _environment(name: str) -> str | None:
    """`os.environ.get`, which takes three times as long for a name that is not there."""
    return os.environ[name] if name in os.environ else None


@functools.cache
def _overlay_folder(configured: str | None, _xdg: str | None) -> Path:
    if configured:
        return Path(configured) / "knowledge"
    from platformdirs import user_config_dir

    return Path(user_config_dir("okakae", appauthor=False)) / "knowledge"


def did_you_mean(id_: str, ids: Iterable[str], *, most: int = 3) -> list[str]:
    """Up to `most` of the ids that look like `id_`, best first; none if nothing is close."""
    from difflib import get_close_matches

    wanted = id_.casefold()
    by_fold: dict[str, str] = {}
    for known in ids:
        by_fold.setdefault(known.casefold(), known)
        by_fold.setdefault(known.casefold().rsplit("/", 1)[-1], known)
    close = get_close_matches(wanted, by_fold, n=most * 2, cutoff=0.6)
    stems = [fold for fold in by_fold if len(fold) >= 4 and wanted.startswith(fold)]
    longer = [fold for fold in by_fold if len(wanted) >= 3 and wanted in fold]
    ranked = [*sorted(stems, key=len, reverse=True), *close, *longer]
    return list(dict.fromkeys(by_fold[fold] for fold in ranked))[:most]


def find_model(ref: str) -> Model | None:
    """The model meant by an id, in any case, by an alias, or by the last part of its path."""
    return cast("Model | None", _find("models", ref))


def find_embedder(ref: str) -> Embedder | None:
    """The model that turns text into vectors meant by an id, in any case, or its last part."""
    return cast("Embedder | None", _find("embedders", ref))


def find_gpu(ref: str) -> Gpu | None:
    """The GPU meant by a catalog id or by the name a driver reports."""
    plain = ref.removeprefix("NVIDIA ").removeprefix("GeForce ").removeprefix("Tesla ")
    return cast("Gpu | None", _find("gpus", ref) or _find("gpus", plain))


def _find(kind: str, ref: str) -> Record | None:
    records = load(kind)
    if ref in records:
        return cast("Record", records[ref])
    id_ = _names(kind, overlay_folder()).get(ref.strip().casefold())
    return cast("Record", records[id_]) if id_ else None


@functools.cache
def _names(kind: str, overlay: Path) -> Mapping[str, str]:
    """Every other name → id; a last path part counts only where it names one record."""
    del overlay  # the cache's key: other files give other names
    names: dict[str, str] = {}
    last: dict[str, set[str]] = {}
    for id_, record in load(kind).items():
        for name in (id_, *getattr(record, "aliases", ())):
            names[name.casefold()] = id_
        last.setdefault(id_.rsplit("/", 1)[-1].casefold(), set()).add(id_)
    unique = {part: ids.copy().pop() for part, ids in last.items() if len(ids) == 1}
    return unique | names


def stamp() -> KnowledgeStamp:
    """Version of the catalog and digest over all of its files and a company's own."""
    from hashlib import sha256

    digest = sha256()
    overlay = overlay_folder()
    paths = [(p.relative_to(FOLDER).as_posix(), p) for p in FOLDER.rglob("*.toml")]
    paths += [(f"overlay/{kind}.toml", overlay / f"{kind}.toml") for kind in KINDS]
    for name, path in sorted(paths):
        if path.is_file():
            content = path.read_bytes()
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
    return KnowledgeStamp(VERSION, digest.hexdigest())
