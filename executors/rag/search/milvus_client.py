"""A connection to Milvus: a local file, this machine's server, or a cluster after consent."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from advisor.errors import MachineError
from advisor.hosts import is_this_machine

if TYPE_CHECKING:
    from advisor.session import Session

TOKEN_ENV = "OKAKAE_MILVUS_TOKEN"


def is_file(uri: str) -> bool:
    """Whether the URI names a local file of milvus-lite."""
    return "://" not in uri


def connect(uri: str, session: Session) -> Any:
    """A client; consent is asked before anything goes to another machine.

    Raises:
        Forbidden: the documents may not leave this machine, or nobody agreed.
        MachineError: pymilvus is not installed, or the server does not answer.
    """
    if not is_file(uri) and not is_this_machine(uri):
        session.permit("upload", uri)
    try:
        from pymilvus import MilvusClient
        from pymilvus.exceptions import MilvusException
    except ModuleNotFoundError:
        raise MachineError("package-missing", package="pymilvus") from None
    token = "" if is_file(uri) else os.environ.get(TOKEN_ENV, "")
    try:
        return MilvusClient(uri, token=token)
    except ModuleNotFoundError:
        raise MachineError("package-missing", package="milvus-lite") from None
    except (MilvusException, OSError) as error:
        why = str(error).strip().splitlines()[0][:200]
        raise MachineError("milvus-unreachable", where=uri, path=uri, why=why) from None
