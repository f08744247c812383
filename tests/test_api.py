"""The endpoints over loopback, as the README shows them; the server is `app.py` with small random networks."""

import asyncio
import base64
import io
import json
import re
import urllib.error
import urllib.request
from contextlib import asynccontextmanager
from pathlib import Path

import cv2
import gradio as gr
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from PIL import Image

from heartviz import __version__
from heartviz.errors import GateError
from heartviz.records import ARMS
from heartviz.ui.api import _in_words
from tests.browser.serving import ROOT
from tests.chest import HEART, SIZE, picture

ADDRESS = "http://127.0.0.1:7860/"
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture
def film(tmp_path) -> Path:
    path = tmp_path / "film.png"
    path.write_bytes(cv2.imencode(".png", np.round(picture() * 255).astype(np.uint8))[1].tobytes())
    return path


@pytest.fixture
def client(small_server):
    asking = Client(small_server[0], verbose=False)
    yield asking
    asking.close()


def run_example(importing: str, address: str, film: Path, monkeypatch, capsys) -> str:
    """What the README's example that imports this prints, in the film's folder, of the server at `address`."""
    (example,) = (each for each in EXAMPLES if f"from {importing} import" in each)
    assert ADDRESS.rstrip("/") in example
    monkeypatch.chdir(film.parent)
    exec(example.replace(ADDRESS.rstrip("/"), address.rstrip("/")), {"__name__": "example"})
    return capsys.readouterr().out


def get(address: str) -> dict:
    with urllib.request.urlopen(address) as answer:
        return json.load(answer)


def test_the_readmes_client_example(small_server, film, monkeypatch, capsys):
    printed = run_example("gradio_client", small_server[0], film, monkeypatch, capsys)
    assert re.search(r"^0\.\d+ (Normal|Enlarged) .+\.$", printed, re.MULTILINE)


def test_the_readmes_mcp_example(small_server, film, monkeypatch, capsys):
    printed = run_example("mcp", small_server[0], film, monkeypatch, capsys)
    assert re.fullmatch(r"0\.\d+ (Normal|Enlarged)\n", printed)


def test_the_endpoints_are_named_typed_and_documented(client):
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(named) == {"/analyze", "/segment", "/models"}
    assert all("not a medical device" in named[name]["description"] for name in ("/analyze", "/segment"))
    names = ["film", "task", "method", "target_class", "gradient_for", "pictures", "correct"]
    assert [parameter["parameter_name"] for parameter in named["/analyze"]["parameters"]] == names
    assert named["/analyze"]["parameters"][1]["type"]["enum"] == ["congenital", "heart_size"]


def test_a_report_comes_with_its_pictures_when_asked(client, film):
    report = client.predict(
        film=handle_file(film), target_class="TOF", method="lrp_epsilon_plus_flat", pictures=True, api_name="/analyze"
    )
    assert report["explanation"]["target_class"] == "TOF"
    assert report["explanation"]["method"] == "lrp_epsilon_plus_flat"
    assert set(report["pictures"]) == {"outlines", *(f"map_{arm}" for arm in ARMS)}
    with Image.open(io.BytesIO(_decode(report["pictures"]["outlines"]))) as shown:
        assert shown.format == "PNG"
    assert "pictures" not in client.predict(film=handle_file(film), api_name="/analyze")


def test_masks_are_of_the_films_own_size(client, film):
    found = client.predict(film=handle_file(film), api_name="/segment")
    assert found["size"] == {"height": SIZE[0], "width": SIZE[1]}
    with Image.open(io.BytesIO(_decode(found["masks"]["heart"]))) as mask:
        np.testing.assert_array_equal(np.asarray(mask.convert("L")) == 255, HEART)


def test_a_program_gets_the_name_of_the_correction():
    def refuse(*_):
        raise GateError("It is upside down.", offer="turn_half")

    with pytest.raises(gr.Error, match="upside down. Here: correct='turn_half', or 'offered' for all such films."):
        _in_words(refuse)


def test_a_film_is_put_right_first_when_asked(client, film):
    words = (
        "The film was corrected before it was analysed (left and right swapped): masks and maps lie on the corrected "
        "film."
    )
    for correct, corrected in (("as it is", False), ("mirror", True), ("offered", False)):
        # The server's networks find the chest upright on every film, so that nothing is offered.
        report = client.predict(film=handle_file(film), correct=correct, api_name="/analyze")
        assert (words in report["messages"]) == corrected
        found = client.predict(film=handle_file(film), correct=correct, api_name="/segment")
        assert (words in found["messages"]) == corrected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"target_class": "Enlarged"},
            "target_class can't be 'Enlarged': give one of own answer, Normal, VSD, ASD, TOF",
        ),
        ({"task": "age"}, "not in the list of choices"),
        ({"correct": "upright"}, "not in the list of choices"),
        ({"film": handle_file(ROOT / "README.md")}, "The file is a text file, not a film"),
        ({"film": None}, "No film was given"),
        ({"task": None}, "task can't be None: give one of congenital, heart_size"),
        ({"method": None}, "method can't be None"),
        ({"gradient_for": None}, "gradient_for can't be None: give one of picture_seen, film"),
        ({"pictures": "false"}, "pictures can't be 'false': give one of True, False"),
        ({"correct": None}, "correct can't be None"),
    ],
)
def test_what_can_not_be_answered_is_refused_in_words(client, film, given, words):
    with pytest.raises(AppError, match=words):
        client.predict(**{"film": handle_file(film), "api_name": "/analyze", **given})


def test_no_file_of_the_server_can_be_named_as_a_film(small_server, film):
    address, folder = small_server
    data = json.dumps({"data": [{"path": str(ROOT / "docs" / "analyze.png"), "meta": {"_type": "gradio.FileData"}}]})
    asked = urllib.request.Request(
        f"{address}gradio_api/call/segment", data.encode(), {"Content-Type": "application/json"}
    )
    event = get(asked)["event_id"]
    with urllib.request.urlopen(f"{address}gradio_api/call/segment/{event}") as answer:
        said = answer.read().decode()
    assert "event: error" in said
    assert "mask" not in said
    assert "analyze.png" not in (folder / "server.log").read_text()
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{address}gradio_api/file={ROOT / 'docs' / 'analyze.png'}")


@pytest.mark.parametrize(
    "path",
    [
        "monitoring",
        "monitoring/summary",
        *(f"gradio_api/{name}" for name in ("deep_link", "proxy=http://127.0.0.1/", "vibe-code/")),
    ],
)
def test_what_the_pages_do_not_use_is_closed(small_server, path):
    for data in (None, b""):
        asked = urllib.request.Request(f"{small_server[0]}{path}", data)
        with pytest.raises(urllib.error.HTTPError, match="404") as refused:
            urllib.request.urlopen(asked)
        assert refused.value.read() == b"There is nothing at this address."


def test_a_film_that_is_too_large_is_refused_by_the_server(small_server):
    address, _ = small_server
    body = (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="f"\r\n\r\n' + bytes(45_000_000) + b"\r\n--x--"
    )
    asked = urllib.request.Request(
        f"{address}gradio_api/upload", body, {"Content-Type": "multipart/form-data; boundary=x"}
    )
    with pytest.raises(urllib.error.HTTPError, match="413") as refused:
        urllib.request.urlopen(asked)
    assert "maximum allowed size" in refused.value.read().decode()


@asynccontextmanager
async def talking_mcp(address: str):
    async with (
        streamable_http_client(f"{address}gradio_api/mcp/") as (read, write, *_),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


def test_tools_are_the_endpoints(small_server):
    async def list_tools():
        async with talking_mcp(small_server[0]) as session:
            return (await session.list_tools()).tools

    tools = {tool.name: tool for tool in asyncio.run(list_tools())}
    assert set(tools) == {"analyze", "segment", "models"}
    asked = tools["analyze"].inputSchema["properties"]
    assert asked["task"]["enum"] == ["congenital", "heart_size"]
    assert "simulated" in asked["task"]["description"]


def test_the_same_film_of_two_mcp_clients_is_two_files(small_server, film):
    # Named by its content, one's film would be deleted with the other's when that one's time is over.
    address, home = small_server
    content = "data:image/png;base64," + base64.b64encode(film.read_bytes()).decode()

    async def ask() -> dict:
        async with talking_mcp(address) as session:
            answer = await session.call_tool("segment", {"film": content})
        return json.loads(answer.content[0].text)

    async def ask_at_once():
        return await asyncio.gather(ask(), ask())

    first, second = asyncio.run(ask_at_once())
    assert first == second
    assert first["size"] == {"height": SIZE[0], "width": SIZE[1]}
    kept = [path for path in home.rglob("*") if path.is_file() and path.read_bytes() == film.read_bytes()]
    assert len(kept) == 2


def test_health_and_version(small_server):
    address, _ = small_server
    health, version = get(f"{address}health"), get(f"{address}version")
    assert health["status"] == "ok"
    assert health["queue"]["most"] == 20
    assert health["version"] == version["version"] == __version__
    assert version["models"] == {"trunk": "00"}  # small_models


def _decode(address: str) -> bytes:
    return base64.b64decode(address.removeprefix("data:image/png;base64,"))
