"""What stands before the pages: limits, closed addresses, who is here, and the health and version addresses."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import anyio.to_thread
import gradio as gr
from gradio import processing_utils, route_utils
from gradio.mcp import GradioMCPServer
from gradio.utils import get_upload_folder
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from heartviz.logbook import places_of, tell, tell_fault
from heartviz.ui.faults import is_disk_full, words_of
from heartviz.ui.leaving import FORGET_AFTER_S, Guests
from heartviz.ui.upload import OwnFile, save_own_base64
from heartviz.ui.waiting import describe_queue, is_awaited, is_full, list_asked, seconds_when_full, words_when_full

UPLOAD, ASK, MCP = "/gradio_api/upload", "/gradio_api/queue/join", "/gradio_api/mcp"
CALL = "/gradio_api/call/"  # As a program without Gradio's client asks.
ANSWER, HEARTBEAT = "/gradio_api/queue/data", "/gradio_api/heartbeat/"
# The most bytes of one request by how its address starts; a single film's limit is in LAUNCH_OPTIONS. A question names
# its film; one to MCP may bring it along, a third longer for being text.
LARGEST = {UPLOAD: 200_000_000, MCP: 56_000_000, "/": 2_000_000}
# Gradio's doors that heartviz does not use: they keep what a page shows, fetch other sites, or count visitors.
_UNUSED = ("deep_link", "process_recording", "proxy=", "run-history", "stream", "vibe")
MODELS = "models"  # The tool that needs no place in the queue.
_FAILED, _NO_REASON = (b'"success":false', b"event: error"), re.compile(rb'\{"error":\s*null\}|(?<=data: )null')
_REASON = json.dumps(
    {"error": "The question could not be read: a film is given as the server named it, and nothing is left out."}
).encode()
NOT_UNDERSTOOD = (
    "The question names no endpoint of this server, or not the parameters that it takes: /gradio_api/info lists both."
)
NOT_ASKED = "No question of this name waits for its answer: it was never asked, or the answer was fetched already."
LONGEST_ANSWER_S = 600.0  # A program that asks waits no longer for its answer.
CLOSED = ("/monitoring", *(f"/gradio_api/{name}" for name in _UNUSED))


class Doors:
    """Around the whole app: refuses in words what is closed, too large or too much, and notes who comes and goes."""

    def __init__(self, app: ASGIApp, demo: gr.Blocks, guests: Guests) -> None:
        self._app, self._demo, self._guests = app, demo, guests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        refusal = self._refuse(path, scope)
        if refusal is not None:
            tell("turned away", outcome=str(refusal.status_code))
            return await refusal(scope, receive, send)
        if path.startswith(HEARTBEAT):
            return await self._stay(path.removeprefix(HEARTBEAT), scope, receive, send)
        if path == ANSWER:
            session = parse_qs(scope["query_string"].decode()).get("session_hash", [""])[0]
            return await self._app(scope, receive, self._noting(session, _with_words(send)))
        if path.startswith(CALL) and scope["method"] == "POST":
            return await self._ask(scope, receive, send)
        if path.startswith(CALL) and scope["method"] == "GET":
            return await self._answer(path.rsplit("/", 1)[-1], scope, receive, send)
        if path in (UPLOAD, ASK):
            return await self._take(path, scope, receive, send)
        if path.rstrip("/") == MCP and scope["method"] == "POST" and is_full(queue := describe_queue(self._demo)):
            return await self._turn_tool_away(queue, scope, receive, send)
        return await self._app(scope, receive, send)

    def _refuse(self, path: str, scope: Scope) -> Response | None:
        if path.startswith(CLOSED):
            return PlainTextResponse("There is nothing at this address.", 404)
        if scope["method"] not in ("POST", "PUT", "PATCH"):
            return None
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        # With both, the length that is told is not the one that is sent.
        if not length.isdigit() or b"transfer-encoding" in headers:
            words = "The request does not say how long it is. Send it with a Content-Length."
            return PlainTextResponse(words, 411)
        largest = next((most for start, most in LARGEST.items() if path.startswith(start)), LARGEST["/"])
        if int(length) > largest:
            words = f"The request has {int(length) / 1e6:.0f} MB, at most {largest / 1e6:.0f} MB are taken. Send less."
            return PlainTextResponse(words, 413)
        if path == UPLOAD and is_full(queue := describe_queue(self._demo)):
            return PlainTextResponse(words_when_full(queue), 503, _when_free(queue))
        return None

    async def _answer(self, question: str, scope: Scope, receive: Receive, send: Send) -> None:
        # Without a name of its own, a question is a session of its own, which Gradio would keep with all pages.
        try:
            # Gradio would begin an answer, and then fail.
            known = is_awaited(self._demo, question)
            answer = self._app if known else JSONResponse({"detail": NOT_ASKED}, 404)
            await answer(scope, receive, _with_words(send))
        finally:
            self._guests.dismiss(question)

    async def _stay(self, session: str, scope: Scope, receive: Receive, send: Send) -> None:
        self._guests.arrive(session)
        try:
            await self._app(scope, receive, send)
        finally:
            self._guests.leave(session)

    def _noting(self, session: str, send: Send) -> Send:
        async def note(message: Message) -> None:
            if session and message["type"] == "http.response.body":
                self._guests.note_files(session, message.get("body", b""))
            await send(message)

        return note

    async def _take(self, path: str, scope: Scope, receive: Receive, send: Send) -> None:
        start, status, question = time.perf_counter(), 0, b""

        async def read() -> Message:
            nonlocal question
            message = await receive()
            if path == ASK:
                question += message.get("body", b"")
            return message

        async def see(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        if path == UPLOAD:
            await self._take_upload(scope, read, see)
        else:
            await self._ask(scope, read, see)
            if session := _session_of(question):
                self._guests.note_files(session, question)
        if path == UPLOAD or status != 200:
            event = "upload" if path == UPLOAD else "question"
            outcome = {200: "ok", 0: "went away"}.get(status, f"turned away ({status})")
            tell(event, time.perf_counter() - start, outcome)

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Others may have come since its film was uploaded: Gradio then refuses, but does not say when to come back.
        full = begun = False

        async def see(message: Message) -> None:
            nonlocal full, begun
            full = full or message.get("status") == 503
            if not full:
                begun = True
                await send(message)

        try:
            await self._app(scope, receive, see)
        except Exception as error:
            if begun or isinstance(error, OSError):
                raise
            # Nothing was asked yet: Gradio fails on an endpoint or a parameter that it does not find.
            tell("turned away", outcome="400", kind=type(error).__name__, at=places_of(error))
            await JSONResponse({"detail": NOT_UNDERSTOOD}, 400)(scope, receive, send)
        if full:
            queue = describe_queue(self._demo)
            refusal = JSONResponse({"detail": words_when_full(queue)}, 503, _when_free(queue))
            await refusal(scope, receive, send)

    async def _turn_tool_away(self, queue: Mapping[str, Any], scope: Scope, receive: Receive, send: Send) -> None:
        # Gradio asks itself for a tool, and would tell of its own address and status.
        body = await Request(scope, receive).body()
        with suppress(ValueError, AttributeError, TypeError, KeyError):
            asked = json.loads(body)
            if asked["method"] == "tools/call" and asked["params"]["name"] != MODELS:
                told = {"isError": True, "content": [{"type": "text", "text": words_when_full(queue)}]}
                answer = {"jsonrpc": "2.0", "id": asked["id"], "result": told}
                return await JSONResponse(answer, headers=_when_free(queue))(scope, receive, send)
        read: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return read.pop() if read else await receive()

        return await self._app(scope, again, send)

    async def _take_upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._guests.uploading():
                await self._app(scope, receive, send)
        except ClientDisconnect:
            pass
        except OSError as error:
            if not is_disk_full(error):
                raise
            await PlainTextResponse(words_of(error), 507)(scope, receive, send)


def _when_free(queue: Mapping[str, Any]) -> dict[str, str]:
    return {"Retry-After": str(seconds_when_full(queue))}


def _session_of(question: bytes) -> str:
    found = re.search(rb'"session_hash"\s*:\s*"([^"]*)"', question)
    return found.group(1).decode(errors="replace") if found else ""


def _with_words(send: Send) -> Send:
    async def tell_why(message: Message) -> None:
        # Gradio says nothing of a question that it could not take apart.
        if message["type"] == "http.response.body" and any(mark in message.get("body", b"") for mark in _FAILED):
            message = {**message, "body": _NO_REASON.sub(_REASON, message["body"])}
        await send(message)

    return tell_why


async def _fetch_nothing(*_: object, **__: object) -> str:
    raise gr.Error("A film is taken as an upload or within the question, not from another address.", duration=None)


def _answer_as_json(server: GradioMCPServer, answers: Sequence[Any], root_url: str) -> list[Any]:
    # Gradio would write Python, which no client reads.
    return [server.types.TextContent(type="text", text=json.dumps(answer)) for answer in answers]


def open_doors(
    demo: gr.Blocks, version: Callable[[], Mapping[str, Any]], forget_after_s: float = FORGET_AFTER_S
) -> dict[str, Any]:
    """What `launch` takes as `app_kwargs`, so that the pages stand behind these doors.

    Args:
        demo: the pages, built.
        version: what /version answers.
        forget_after_s: how long after a page has closed its film is forgotten.
    """

    def forget(session: str) -> None:
        holder = demo.app.state_holder
        holder.delete_state(session)
        holder.session_data.pop(session, None)
        holder.time_last_used.pop(session, None)
        demo._queue.pending_messages_per_session.pop(session, None)
        demo._queue.pending_event_ids_session.pop(session, None)
        tell("left")

    def forget_programs() -> None:
        # A program's question is a session without a page: Gradio would keep what it was told.
        holder, now = demo.app.state_holder, datetime.now()
        for session, used in list(holder.time_last_used.items()):
            if not guests.is_here(session) and (now - used).total_seconds() > max(forget_after_s, LONGEST_ANSWER_S):
                forget(session)

    guests = Guests(Path(get_upload_folder()), forget, forget_after_s, partial(list_asked, demo))
    route_utils.GradioUploadFile = OwnFile  # type: ignore[misc]
    processing_utils.save_base64_to_cache = save_own_base64
    GradioMCPServer.postprocess_output_data = _answer_as_json  # type: ignore[method-assign]
    # Gradio would fetch a film from any address that a question names, of any size.
    processing_utils.async_ssrf_protected_download = _fetch_nothing

    async def health(request: Request) -> JSONResponse:
        told = version()
        queue = describe_queue(demo)
        full = {"status": "busy" if is_full(queue) else "ok", "version": told["version"]}
        return JSONResponse({**full, "models": len(told["models"]), "queue": queue, "here": len(guests)})

    async def tell_version(request: Request) -> JSONResponse:
        return JSONResponse(dict(version()))

    @asynccontextmanager
    async def sweeping(app: ASGIApp) -> AsyncIterator[None]:
        async def sweep() -> None:
            while True:
                await asyncio.sleep(min(5.0, forget_after_s / 2))
                for names in demo.temp_file_sets:  # Gradio would keep all files' names; who is here has theirs.
                    names.clear()
                for tidy in (guests.sweep, forget_programs):
                    try:
                        await anyio.to_thread.run_sync(tidy)
                    except Exception as error:
                        tell_fault(error)

        task = asyncio.create_task(sweep())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    return {
        "routes": [Route("/health", health), Route("/version", tell_version)],
        "middleware": [Middleware(Doors, demo=demo, guests=guests)],
        "lifespan": sweeping,
    }
