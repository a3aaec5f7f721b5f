"""Text and Markdown files: headings become the path of what is under them, tables stay whole."""

from __future__ import annotations

import re

from knowledge.corpus.encoding import decode
from knowledge.corpus.source import Reading, SourceFile
from knowledge.corpus.types import Section

_ATX = re.compile(r"^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_SETEXT = re.compile(r"^ {0,3}(=+|-{2,})\s*$")
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_TABLE_RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$")
_FRONT = re.compile(r"\A---\n(.*?)\n(?:---|\.\.\.)\n", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def read_text(file: SourceFile) -> Reading:
    """A plain text file as one section."""
    decoded = decode(file.data)
    sections = [Section(decoded.text.strip("\n"))]
    return Reading(
        "txt",
        decoded.encoding,
        file.document(sections),
        problems=list(decoded.problems),
    )


def read_markdown(file: SourceFile) -> Reading:
    """A Markdown file; its title is that of the front matter, else its first heading."""
    decoded = decode(file.data)
    text, front = decoded.text, {}
    if match := _FRONT.match(text):
        front = dict(re.findall(r"^(\w+):\s*[\"']?(.*?)[\"']?\s*$", match[1], re.MULTILINE))
        text = text[match.end() :]
    sections = markdown_sections(text)
    first = next((s.headings[0] for s in sections if s.headings), "")
    changed = front.get("date") or front.get("updated")
    return Reading(
        "md",
        decoded.encoding,
        file.document(
            sections,
            title=front.get("title") or first,
            modified=changed[:10] if changed and re.match(r"\d{4}-\d\d-\d\d", changed) else None,
        ),
        problems=list(decoded.problems),
    )


def markdown_sections(text: str) -> list[Section]:
    """The sections of Markdown text with their heading paths."""
    return _Markdown().sections(_COMMENT.sub("", text))


class _Markdown:
    def __init__(self) -> None:
        self.path: list[tuple[int, str]] = []
        self.found: list[Section] = []
        self.lines: list[str] = []

    def sections(self, text: str) -> list[Section]:
        lines = text.split("\n")
        fence = ""
        index = 0
        while index < len(lines):
            line = lines[index]
            after = lines[index + 1] if index + 1 < len(lines) else ""
            mark = _FENCE.match(line)
            if fence or mark:
                fence = self._fence(fence, mark, line)
            elif heading := _ATX.match(line):
                self._heading(len(heading[1]), heading[2])
            elif self._underlined(line, after):
                self._heading(1 if after.strip()[0] == "=" else 2, line.strip())
                index += 1
            elif "|" in line and "|" in after and _TABLE_RULE.match(after):
                index = self._table(lines, index)
                continue
            else:
                self.lines.append(line)
            index += 1
        self._close(last=True)
        return self.found

    def _fence(self, fence: str, mark: re.Match[str] | None, line: str) -> str:
        self.lines.append(line)
        if not fence:
            return mark[1] if mark else ""
        closes = mark and mark[1][0] == fence[0] and len(mark[1]) >= len(fence)
        return "" if closes and line.strip() == (mark[1] if mark else "") else fence

    def _underlined(self, line: str, after: str) -> bool:
        above = self.lines[-1].strip() if self.lines else ""
        plain = line.strip() and not line.lstrip().startswith(("-", "*", "+", ">", "|"))
        return bool(plain and not above and _SETEXT.match(after))

    def _heading(self, level: int, title: str) -> None:
        self._close(deeper=bool(self.path) and level > self.path[-1][0])
        self.path = [(depth, name) for depth, name in self.path if depth < level]
        if title:
            self.path.append((level, title))

    def _table(self, lines: list[str], index: int) -> int:
        end = index
        while end < len(lines) and "|" in lines[end] and lines[end].strip():
            end += 1
        self._close(deeper=True)
        self.found.append(Section("\n".join(lines[index:end]), "", self._headings(), "table"))
        return end

    def _headings(self) -> tuple[str, ...]:
        return tuple(name for _, name in self.path)

    def _close(self, *, deeper: bool = False, last: bool = False) -> None:
        text = "\n".join(self.lines).strip("\n")
        self.lines = []
        said = self.found and self.found[-1].headings == self._headings()
        # A heading with nothing under it is kept: it may be all that is said ("廃止", a link).
        if text.strip() or (self.path and not deeper and not said):
            self.found.append(Section(text if text.strip() else "", "", self._headings()))
