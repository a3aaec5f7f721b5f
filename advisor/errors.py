"""The errors people meet, each with a stable reference and the exit code of the contract.

OkakaeError                 what happened, where, what to do; texts by reference
├── UsageError           2  a wrong flag, an id that does not exist, a path that does not exist
├── AnswersError         3  answers missing or invalid without a terminal
├── MachineError         4  this machine cannot: what is missing and the command that fixes it
├── PlanError            5  the plan is stale or was edited
├── RunError             6  the run failed; resumable
├── LimitError           7  the limit of money or time was reached
├── RefusedInput         8  some input was refused, the rest was done
├── Forbidden            9  the answers forbid it (confidential data, licence, no consent)
└── Interrupted        130  Ctrl-C; says how to resume
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong; an error may carry several so that a file's faults come all at once."""

    ref: str
    where: str = ""
    values: tuple[tuple[str, Any], ...] = ()


class OkakaeError(Exception):
    """An error with a stable reference `ref`; its text stands in the texts catalog.

    `error.<ref>.what` says what happened, `error.<ref>.fix` what to do; `values` fill both.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self, ref: str, *, where: str = "", faults: tuple[Fault, ...] = (), **values: Any
    ) -> None:
        super().__init__(f"{ref} {where} {values}" if values else f"{ref} {where}".rstrip())
        self.ref = ref
        self.where = where
        self.faults = faults
        self.values = values


class UsageError(OkakaeError):
    exit_code = 2


class AnswersError(OkakaeError):
    exit_code = 3


class MachineError(OkakaeError):
    exit_code = 4


class PlanError(OkakaeError):
    exit_code = 5


class RunError(OkakaeError):
    exit_code = 6


class LimitError(OkakaeError):
    exit_code = 7


class RefusedInput(OkakaeError):
    exit_code = 8


class Forbidden(OkakaeError):
    exit_code = 9


class Interrupted(OkakaeError):
    exit_code = 130
