"""Mail (.eml): subject, people and date, then the text; attachments are files of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.utils import parsedate_to_datetime
from pathlib import PurePosixPath

from knowledge.corpus.encoding import decode
from knowledge.corpus.html import page_sections
from knowledge.corpus.source import Reading, Refused, SourceFile, refuse
from knowledge.corpus.types import Problem, Section

_SHOWN = ("From", "To", "Cc", "Date")


def read_eml(file: SourceFile) -> Reading:
    """A message; its title is the subject.

    Raises:
        Refused: nothing in it is a mail header.
    """
    message = BytesParser(policy=policy.default).parsebytes(file.data)
    if not any(message.get(name) for name in ("From", "Subject", "Date", "Received", "To")):
        raise refuse("damaged-file", why="no mail header")
    reading = Reading("eml")
    subject = _header(message, "Subject")
    head = "\n".join(f"{name}: {value}" for name in _SHOWN if (value := _header(message, name)))
    headings = (subject,) if subject else ()
    body = _body(message, reading)
    sections = [Section(head, "head", headings)] if head else []
    sections += [Section(s.text, "body", headings + s.headings, s.kind) for s in body]
    if body:
        reading.documents = file.document(sections, title=subject, modified=_date(message))
    reading.members = _attachments(message, file)
    return reading


def _header(message: Message, name: str) -> str:
    """A header decoded; old Japanese mailers write raw bytes where words should be encoded."""
    try:
        value = message.get(name)
        text = "" if value is None else str(value)
    except Exception:  # the standard library's header parser fails on some broken headers
        text = next((v for k, v in message.raw_items() if k.lower() == name.lower()), "")
    if any("\udc80" <= c <= "\udcff" for c in text):
        try:
            text = decode(text.encode("utf-8", "surrogateescape")).text
        except Refused:
            text = text.encode("utf-8", "replace").decode()
    return " ".join(text.split())


def _body(message: EmailMessage | Message, reading: Reading) -> list[Section]:
    plain, page = _texts(message, "text/plain"), _texts(message, "text/html")
    sections: list[Section] = []
    for part in plain:
        text, problems, encoding = _decoded(part)
        reading.encoding = reading.encoding or encoding
        reading.problems += problems
        if text.strip():
            sections.append(Section(text.strip("\n")))
    if sections:
        return sections
    for part in page:
        found, decoded = page_sections(_payload(part), part.get_content_charset())
        reading.encoding = reading.encoding or decoded.encoding
        reading.problems += decoded.problems
        sections += found
    return sections


def _texts(message: Message, kind: str) -> list[Message]:
    return [
        part
        for part in message.walk()
        if part.get_content_type() == kind and part.get_content_disposition() != "attachment"
    ]


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _decoded(part: Message) -> tuple[str, list[Problem], str | None]:
    data = _payload(part)
    if not data:
        return "", [], None
    try:
        decoded = decode(data, part.get_content_charset())
    except Refused as refusal:
        return "", [refusal.problem], None
    return decoded.text, list(decoded.problems), decoded.encoding


def _date(message: Message) -> str | None:
    try:
        return parsedate_to_datetime(str(message.get("Date"))).date().isoformat()
    except (TypeError, ValueError, IndexError):
        return None


def _attachments(message: Message, file: SourceFile) -> Iterator[SourceFile]:
    number = 0
    for part in message.walk():
        if part.is_multipart() or part.get_content_disposition() != "attachment":
            continue
        number += 1
        name = PurePosixPath(str(part.get_filename() or f"attachment-{number}").replace("\\", "/"))
        data = _payload(part)
        yield SourceFile(
            file.path,
            f"{file.id}/{name.name or f'attachment-{number}'}",
            data,
            hashlib.sha256(data).hexdigest(),
            _date(message),
            file.depth + 1,
        )
