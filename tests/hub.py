"""A model hub on 127.0.0.1 that speaks as much of the real hub's protocol as downloads and a push need."""

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, Self

Fault = Literal["none", "cut once", "short", "no hub", "slow", "unavailable"]


class LoopbackHub:
    """A hub of one repository at one commit; a context manager that serves while it is open.

    Like the real hub it answers `/{repository}/resolve/{commit}/{path}` for large files with a redirect
    (X-Repo-Commit, X-Linked-Etag, X-Linked-Size) to another host, here another port, which serves content by sha256
    and in ranges. A push makes one new commit, whose files replace old ones. `requests` lists every request as
    "METHOD path", `user_agents` who asked. `fault` makes it misbehave: "cut once" drops the first transfer halfway,
    "short" sends half a file as if it were whole, "no hub" leaves the hub's headers out, "slow" answers after
    `delay_s`, "unavailable" answers 503.
    """

    def __init__(self, repository: str, commit: str, files: dict[str, bytes]) -> None:
        self.repository = repository
        self.commit = commit
        self.files = files
        self.fault: Fault = "none"
        self.delay_s = 0.0
        self.stored: dict[str, bytes] = {}
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

    def do_POST(self) -> None:
        self._take()

    def do_PUT(self) -> None:
        self._take()

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

    def _take(self) -> None:
        """One step of a push: make the repository, say how each file goes, store large files, commit."""
        hub, body = self.hub, self.rfile.read(int(self.headers["Content-Length"] or 0))
        hub.requests.append(f"{self.command} {self.path}")
        repository = hub.repository
        if self.path == "/api/repos/create":
            wanted = json.loads(body)
            if f"{wanted.get('organization')}/{wanted['name']}" == repository:
                self._send_json({"url": f"{hub.endpoint}/{repository}"})
            else:
                self._send(403, {"X-Error-Message": "You may not write there"}, b"")
        elif self.path == "/api/validate-yaml":
            self._send_json({"warnings": [], "errors": []})
        elif self.path == f"/api/models/{repository}/preupload/main":
            files = json.loads(body)["files"]
            modes = {True: "lfs", False: "regular"}
            answer = [{"path": f["path"], "uploadMode": modes[f["path"].endswith(".safetensors")]} for f in files]
            self._send_json({"files": [file | {"shouldIgnore": False, "oid": None} for file in answer]})
        elif self.path == f"/{repository}.git/info/lfs/objects/batch":
            stored = json.loads(body)["objects"]
            actions = {o["oid"]: {"upload": {"href": f"{hub.storage}/content/{o['oid']}"}} for o in stored}
            self._send_json({"objects": [o | {"actions": actions[o["oid"]]} for o in stored]})
        elif self.path.startswith("/content/"):
            hub.stored[self.path.removeprefix("/content/")] = body
            self._send(200, {}, b"")
        elif self.path == f"/api/models/{repository}/commit/main":
            hub.commit = hashlib.sha1(body).hexdigest()
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    hub.files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    hub.files[value["path"]] = hub.stored[value["oid"]]
            self._send_json({"commitUrl": f"{hub.endpoint}/{repository}/commit/{hub.commit}", "commitOid": hub.commit})
        else:
            self._send(404, {}, b"")

    def _send_json(self, answer: dict) -> None:
        self._send(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def _send(self, status: int, headers: dict[str, str], body: bytes, announced: int | None = None) -> None:
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body) if announced is None else announced))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            # The client stopped waiting.
            pass
