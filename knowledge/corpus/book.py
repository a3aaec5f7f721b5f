"""EPUB books: the chapters in reading order, each read as the web page it is."""

from __future__ import annotations

import posixpath
import zipfile
from typing import Any
from urllib.parse import unquote

from knowledge.corpus.archive import opened
from knowledge.corpus.html import page_sections
from knowledge.corpus.source import Reading, SourceFile, ranges, refuse
from knowledge.corpus.types import Problem, Section

_CONTAINER = "META-INF/container.xml"
_PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")


def read_epub(file: SourceFile) -> Reading:
    """A book as one document; sections carry their chapter's number and headings.

    Raises:
        Refused: no package in it, or protected by DRM.
    """
    archive = opened(file)
    names = set(archive.namelist())
    package_name = _package(archive)
    package = _xml(archive, package_name)
    if package is None:
        raise refuse("damaged-file", why=package_name or _CONTAINER)
    reading = Reading("epub")
    sections: list[Section] = []
    broken: list[int] = []
    encrypted = _encrypted(archive) if "META-INF/encryption.xml" in names else set()
    for number, part in enumerate(_chapters(package, posixpath.dirname(package_name)), 1):
        if part in encrypted:
            raise refuse("locked-file")
        try:
            data = archive.read(part)
        except (KeyError, zipfile.BadZipFile, OSError, ValueError):
            broken.append(number)
            continue
        found, _ = page_sections(data)
        sections += [Section(s.text, f"chapter {number}", s.headings, s.kind) for s in found]
    if broken:
        values = {"n": len(broken), "parts": ranges(broken)}
        reading.problems.append(
            Problem("part-missing", "warn", f"chapter {ranges(broken)}", values)
        )
    title = _first(package, "title")
    modified = _first(package, "date")[:10] or None
    reading.documents = file.document(sections, title=title, modified=modified)
    return reading


def _xml(archive: zipfile.ZipFile, name: str) -> Any:
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        return etree.fromstring(archive.read(name), parser)
    except (KeyError, etree.XMLSyntaxError, zipfile.BadZipFile, OSError, ValueError):
        return None


def _package(archive: zipfile.ZipFile) -> str:
    root = _xml(archive, _CONTAINER)
    if root is None:
        return ""
    return next((n.get("full-path", "") for n in root.iter("{*}rootfile")), "")


def _chapters(package: Any, folder: str) -> list[str]:
    """The spine's pages as names in the archive."""
    items = {
        item.get("id"): item.get("href", "")
        for item in package.iter("{*}item")
        if item.get("media-type") in _PAGES
    }
    order = [ref.get("idref") for ref in package.iter("{*}itemref")]
    hrefs = [items[id_] for id_ in order if id_ in items] or list(items.values())
    return [posixpath.normpath(posixpath.join(folder, unquote(h.split("#")[0]))) for h in hrefs]


def _encrypted(archive: zipfile.ZipFile) -> set[str]:
    """Parts that only the shop's reader can open; scrambled fonts do not matter."""
    root = _xml(archive, "META-INF/encryption.xml")
    if root is None:
        return set()
    return {node.get("URI", "") for node in root.iter("{*}CipherReference")}


def _first(package: Any, name: str) -> str:
    nodes = package.iter(f"{{http://purl.org/dc/elements/1.1/}}{name}")
    return next((node.text.strip() for node in nodes if node.text), "")
