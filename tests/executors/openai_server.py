"""An OpenAI-compatible server in the test's own process, which fails when it is told to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Server:
    """An OpenAI-compatible server of this process that fails as told: one fault a request."""

    faults: Iterator[str] = field(default_factory=lambda: iter(()))
    """200, a status, `retry-after`, `hang`, `cut`, `no-quota`; 200 when there are no more.

    `body:` and a text: that text with status 200; `html:` likewise, and called HTML.
    """
    answered: list[str] = field(default_factory=list)
    received: int = 0
    delay_s: float = 0.0
    url: str = ""
    counts_tokens: bool = True
    says: Callable[[list[dict[str, str]]], str] = lambda _messages: "3日です。"
    """What it answers to these turns."""
    released: threading.Event = field(default_factory=threading.Event)


class Listening(ThreadingHTTPServer):
    daemon_threads = True
    state: Server


class Handler(BaseHTTPRequestHandler):
    server: Listening
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing on the screen."""

    def do_POST(self) -> None:
        state = self.server.state
        told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        state.received += 1
        fault = next(state.faults, "200")
        asked = told["messages"][-1]["content"]
        time.sleep(state.delay_s)
        if fault == "hang":
            state.released.wait(10)
            self.close_connection = True
        elif told.get("stream"):
            self.stream(cut=fault == "cut", status=int(fault) if fault.isdecimal() else 200)
        elif fault in ("200", "cut"):
            if fault == "200":
                state.answered.append(asked)
            said = completion(state.says(told["messages"]))
            if not state.counts_tokens:
                del said["usage"]
            self.send(200, said, cut=fault == "cut")
        elif fault.startswith(("body:", "html:")):
            kind = {"body": "application/json", "html": "text/html"}[fault[:4]]
            self.send(200, fault[5:], {"Content-Type": kind})
        elif fault == "retry-after":
            self.send(429, {"error": {"message": "slow down"}}, {"Retry-After": "7"})
        elif fault == "no-quota":
            error = {"message": "pay first", "code": "insufficient_quota"}
            self.send(429, {"error": error})
        else:
            self.send(int(fault), {"error": {"message": "trouble"}})

    def send(
        self, status: int, body: Any, headers: dict[str, str] | None = None, cut: bool = False
    ) -> None:
        text = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text[: len(text) // 2] if cut else text)
        self.close_connection = cut

    def stream(self, *, cut: bool, status: int) -> None:
        if status != 200:
            self.send(status, {"error": {"message": "trouble"}})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for piece in ("3日", "です。"):
            self.event({"choices": [{"index": 0, "delta": {"content": piece}}]})
        if not cut:
            end = {"index": 0, "delta": {}, "finish_reason": "stop"}
            self.event({"choices": [end]})
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def event(self, data: Any) -> None:
        self.wfile.write(b"data: " + json.dumps(data).encode() + b"\n\n")


@contextmanager
def serving() -> Iterator[Server]:
    """The server on a free port of this machine, until the test is done with it."""
    listening = Listening(("127.0.0.1", 0), Handler)
    state = listening.state = Server(url=f"http://127.0.0.1:{listening.server_port}/v1")
    threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True).start()
    yield state
    state.released.set()
    listening.shutdown()
    listening.server_close()


def completion(text: str) -> dict[str, Any]:
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16},
    }
