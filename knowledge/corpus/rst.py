"""reStructuredText: underlined titles become headings, directives and roles become what they show.

Not docutils: it drops the content of every directive it does not know, and manuals are written
with Sphinx, whose directives it does not know.
"""

from __future__ import annotations

import re

from knowledge.corpus.encoding import decode
from knowledge.corpus.source import Reading, SourceFile
from knowledge.corpus.types import Section

_RULE = re.compile(r"^([!-/:-@\[-`{-~])\1{2,}\s*$")
_DIRECTIVE = re.compile(r"^(\s*)\.\. +(?:[\w:-]+:: ?)(.*)$")
_NAME = re.compile(r"^\s*\.\. +([\w:-]+)::")
_COMMENT = re.compile(r"^(\s*)\.\.(?: +(?!\[|_|\|).*)?$")
_TARGET = re.compile(r"^\s*\.\. +_[^:]*:.*$|^__ .*$")
_OPTION = re.compile(r"^\s+:[\w-]+:(\s.*)?$")
_FIELD = re.compile(r"\A(?::[\w-]+:.*\n)+")
_NUMBERED = re.compile(r":(pep|rfc):`(\d+)`")
_ROLE = re.compile(r":[\w:+.-]+:`([^`]*)`")
_LINK = re.compile(r"`([^`<]*?)\s*<[^`>]*>`__?")
_QUOTED = re.compile(r"``([^`]+)``|`([^`]+)`_{0,2}")
_GRID = re.compile(r"^\s*\+(?:[-=]+\+)+\s*$")
_SIMPLE = re.compile(r"^\s*=+(?: +=+)+\s*$")
# Directives that show nothing of their own, and those whose argument is a setting and not text.
_SILENT = {"toctree", "contents", "highlight", "index", "sectnum", "raw", "include", "image"}
_SILENT |= {"module", "currentmodule", "default-domain", "meta", "tabularcolumns"}
_SET = {"only", "ifconfig", "code-block", "code", "sourcecode", "literalinclude", "figure"}
_SET |= {"list-table", "container", "role", "default-role", "productionlist"}


def read_rst(file: SourceFile) -> Reading:
    """A manual's source as sections under its headings; its title is the first heading."""
    decoded = decode(file.data)
    sections = rst_sections(decoded.text)
    first = next((s.headings[0] for s in sections if s.headings), "")
    documents = file.document(sections, title=first)
    return Reading("rst", decoded.encoding, documents, problems=list(decoded.problems))


def rst_sections(text: str) -> list[Section]:
    """The sections with their heading paths; levels by the order in which marks first appear."""
    lines = [line.expandtabs(8).rstrip() for line in _FIELD.sub("", text).split("\n")]
    marks: list[str] = []
    path: list[str] = []
    found: list[Section] = []
    gathered: list[str] = []
    seen: tuple[str, ...] | None = None

    def close() -> None:
        nonlocal seen
        body = _inline("\n".join(_shown(gathered))).strip("\n")
        gathered.clear()
        headings = tuple(path)
        if body or (headings and headings != seen):
            found.append(Section(body, "", headings))
            seen = headings

    index = 0
    while index < len(lines):
        heading = _heading(lines, index)
        if heading is None:
            gathered.append(lines[index])
            index += 1
            continue
        title, mark, used = heading
        close()
        if mark not in marks:
            marks.append(mark)
        level = marks.index(mark)
        path[level:] = [title]
        index += used
    close()
    return [s for i, s in enumerate(found) if s.text or not _heads_next(found, i)]


def _heads_next(found: list[Section], index: int) -> bool:
    """Whether an empty section only leads to deeper ones, which carry its heading anyway."""
    after = found[index + 1].headings if index + 1 < len(found) else ()
    return after[: len(found[index].headings)] == found[index].headings


def _heading(lines: list[str], index: int) -> tuple[str, str, int] | None:
    """(title, mark, lines used); an overlined mark is another level than the bare one."""
    line = lines[index]
    after = lines[index + 1] if index + 1 < len(lines) else ""
    last = lines[index + 2] if index + 2 < len(lines) else ""
    if _RULE.match(line) and after.strip() and line == last and not _RULE.match(after):
        return _inline(after.strip()), line[0] * 2, 3
    above = lines[index - 1].strip() if index else ""
    if line and not line.startswith(" ") and not above and _RULE.match(after):
        wide = sum(2 if ord(c) > 0x2E7F else 1 for c in line)
        if len(after.strip()) >= min(wide, 4) and not _RULE.match(line):
            return _inline(line.strip()), after[0], 2
    return None


def _shown(lines: list[str]) -> list[str]:
    """Body lines as a reader sees them: no comments, targets, options or directive marks."""
    out: list[str] = []
    skip_deeper_than: int | None = None
    after_directive = False
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if skip_deeper_than is not None:
            if not line or indent > skip_deeper_than:
                continue
            skip_deeper_than = None
        if _TARGET.match(line):
            continue
        if directive := _DIRECTIVE.match(line):
            named = _NAME.match(line)
            name = named[1].split(":")[-1] if named else ""
            if name in _SILENT:
                skip_deeper_than = len(directive[1])
                continue
            after_directive = True
            if directive[2].strip() and name not in _SET:
                out.append(directive[1] + directive[2])
            continue
        if comment := _COMMENT.match(line):
            skip_deeper_than = len(comment[1])
            continue
        if after_directive and _OPTION.match(line):
            continue
        after_directive = after_directive and not line
        if _GRID.match(line) or _SIMPLE.match(line):
            continue
        out.append(line[:-1] if line.endswith("::") else line)
    return out


def _inline(text: str) -> str:
    """Roles, links and quotes as the words they show; they may run over a line's end."""
    text = _NUMBERED.sub(lambda m: f"{m[1].upper()} {m[2]}", text)
    text = _ROLE.sub(lambda m: m[1].split(" <")[0].lstrip("~!") or m[1], text)
    text = _LINK.sub(lambda m: m[1] or m[0], text)
    return _QUOTED.sub(lambda m: m[1] or m[2], text)
