"""A model hub on 127.0.0.1 that speaks as much of the real hub's protocol as downloads need, faults included."""

import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, Self

Fault = Literal["none", "cut once", "short", "no hub", "slow", "unavailable"]


class LoopbackHub:
    """A hub of one repository at one commit; a context manager that serves while it is open.

    Like the real hub it answers `/{repository}/resolve/{commit}/{path}` for large files with a redirect
    (X-Repo-Commit, X-Linked-Etag, X-Linked-Size) to another host, here another port, which serves content by sha256
    and in ranges. `requests` lists every request as "METHOD path", `user_agents` who asked. `fault` makes it
    misbehave: "cut once" drops the first transfer halfway, "short" sends half a file as if it were whole, "no hub"
    leaves the hub's headers out, "slow" answers after `delay_s`, "unavailable" answers 503.
    """

    def __init__(self, repository: str, commit: str, files: dict[str, bytes]) -> None:
        self.repository = repository
        self.commit = commit
        self.files = files
        self.fault: Fault = "none"
        self.delay_s = 0.0
        self.requests: list[str] = []
        self.user_agents: set[str] = set()
        self.endpoint = self.storage = ""
        self._servers: list[ThreadingHTTPServer] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        handler = type("Handler", (_HubHandler,), {"hub": self})
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for _ in range(2)]
        self.endpoint, self.storage = (f"http://127.0.0.1:{server.server_address[1]}" for server in self._servers)
        for server in self._servers:
            self._threads.append(threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}))
            self._threads[-1].start()
        return self

    def close(self) -> None:
        """Stops serving; the addresses then refuse connections."""
        for server in self._servers:
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()
        self._servers, self._threads = [], []

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class _HubHandler(BaseHTTPRequestHandler):
    hub: LoopbackHub

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""

    def _answer(self) -> None:
        hub = self.hub
        hub.requests.append(f"{self.command} {self.path}")
        hub.user_agents.add(self.headers["User-Agent"])
        if hub.fault == "slow":
            time.sleep(hub.delay_s)
        if hub.fault == "unavailable":
            self._send(503, {}, b"")
        elif hub.fault == "no hub":
            self._send(200, {}, b"<html>Log in to the network</html>")
        elif self.path.startswith("/content/"):
            self._answer_content(self.path.removeprefix("/content/"))
        else:
            self._answer_resolve()

    def _answer_resolve(self) -> None:
        hub = self.hub
        repository, separator, rest = self.path.removeprefix("/").partition("/resolve/")
        commit, _, path = rest.partition("/")
        if not separator or repository != hub.repository:
            # What the real hub says to someone without a token.
            self._send(401, {"X-Error-Code": "RepoNotFound"}, b"")
        elif commit != hub.commit:
            self._send(404, {"X-Error-Code": "RevisionNotFound"}, b"")
        elif path not in hub.files:
            self._send(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}, b"")
        else:
            digest = hashlib.sha256(hub.files[path]).hexdigest()
            linked = {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(hub.files[path]))}
            location = {"Location": f"{hub.storage}/content/{digest}", "X-Repo-Commit": commit}
            self._send(302, linked | location, b"")

    def _answer_content(self, digest: str) -> None:
        hub = self.hub
        content = next(c for c in hub.files.values() if hashlib.sha256(c).hexdigest() == digest)
        headers = {"ETag": f'"{digest}"', "Accept-Ranges": "bytes"}
        requested = self.headers.get("Range")
        if requested:
            start = int(requested.removeprefix("bytes=").partition("-")[0])
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self._send(206, headers, content[start:])
        elif hub.fault == "short":
            self._send(200, headers, content[: len(content) // 2])
        elif hub.fault == "cut once" and self.command == "GET":
            hub.fault = "none"
            self._send(200, headers, content[: len(content) // 2], announced=len(content))
        else:
            self._send(200, headers, content)

    def _send(self, status: int, headers: dict[str, str], body: bytes, announced: int | None = None) -> None:
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if announced is None else announced))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            # The client stopped waiting.
            pass
