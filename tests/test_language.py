"""The Chinese words: each is for something that the program still says, and the first page has them all."""

import ast
import asyncio
import json
import re
from functools import cache
from html import unescape
from pathlib import Path

import gradio
import pytest

import heartviz
from heartviz.ui import LAUNCH_OPTIONS, build_demo
from heartviz.ui.language import LOCALE, read_chinese
from tests.drawn_report import FakeCompute

WORDS = read_chinese()
MANIFEST = Path(__file__).resolve().parents[1] / "weights" / "manifest.json"
# Names that are the same in both languages.
NAMES = {"heartviz", "VSD", "ASD", "TOF", "VGG+Mask", "Film"}


# Put together in the middle of a clause: how it starts, and the parts that must be said.
COMPOSED = {
    "against ": ("the other classes", ", by the gray values of {}", "the picture the model sees", "the original film"),
    "This is not what": (
        "This is not what {} {} of this film: choose another class above to see its map.",
        "says",
        "say",
    ),
} | {f"{name} to ": (name, "{} to {}") for name in ("Normal", "VSD", "ASD", "TOF", "Enlarged")}
# What Gradio's own elements say in English to a Chinese browser, too.
OF_GRADIO = {
    *("More tabs", "Click to upload or drop files", "File upload", "Empty value"),
    *("number input for {}", "range slider for {}", "Reset to default value", "queue: {}"),
}


@cache
def said() -> str:
    """All that the program's strings say, {} where something is put in, a line each; of HTML its texts."""
    found = []
    for path in Path(heartviz.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.append("".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    found += [path.read_text(encoding="utf-8") for path in Path(heartviz.__file__).parent.rglob("*.js")]
    cards = [of.get("card", {}) for of in json.loads(MANIFEST.read_text(encoding="utf-8"))["files"].values()]
    found += [text for card in cards for text in (card["trained_on"], *card.get("metrics", ()))]
    found += [told for each in found for told in re.findall(r"(?:aria-label|alt|title)=[\"']([^\"'<>]+)", each)]
    texts = [text for each in found for text in re.split(r"<[^>]*>|\n\n|[`*#]+", unescape(each))]
    return "\n".join(" ".join(text.split()) for text in texts)


@cache
def patterns() -> list[tuple[int, re.Pattern[str]]]:
    """The sentences with something put in, which may be words ("is {} 0.50"); the letters that stand, and a pattern."""
    sentences = {
        part.rstrip(".:;, ") for line in said().splitlines() for part in (line, *re.split(r"(?<=[.;:]) ", line))
    }
    found = [sentence.split("{}") for sentence in sentences if "{}" in sentence]
    return [(sum(map(len, parts)), re.compile(".*?".join(map(re.escape, parts)))) for parts in found]


def is_said(english: str) -> bool:
    """Whether a string has this, or, where it is put together from several, each of its clauses."""
    if english.rstrip(".:;, ") in said():
        return True
    for start, parts in COMPOSED.items():
        if english.startswith(start):
            return all(part in said() for part in parts)
    clauses = [clause.strip() for clause in re.split(r"\{\}|[,.;:] |[()%]", english)]
    return all(clause in said() for clause in clauses if len(clause) > 3) or any(
        pattern.fullmatch(english) for literal, pattern in patterns() if 2 * literal > len(english)
    )


@pytest.mark.parametrize("english", [english for english in WORDS if english not in OF_GRADIO])
def test_every_translation_is_of_something_that_is_said(english):
    assert is_said(english)


def test_what_gradio_says_has_a_translation():
    parts = (Path(gradio.__file__).parent / "templates" / "frontend" / "assets").glob("*.js")
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in parts)
    assert set(WORDS) >= OF_GRADIO
    start = {words: re.escape(words.removesuffix("{}")) for words in OF_GRADIO}
    assert [words for words in OF_GRADIO if not re.search(f'["`>]{start[words]}["`<$]', scripts)] == []


def test_words_that_nothing_says_would_be_found():
    for english in ("Click here to buy", "Heart {} wide, lungs {} narrower", "The gate: {} passed, {} mislaid"):
        assert not is_said(english)


@pytest.mark.parametrize("english", [english for english in WORDS if "{}" in english])
def test_what_is_put_in_stands_once_in_the_translation(english):
    places = re.findall(r"\{(\d*)\}", WORDS[english])
    assert len(places) == english.count("{}")
    assert sorted(places) in ([""] * len(places), [str(place) for place in range(len(places))])


def test_translations_are_chinese():
    assert all(re.search(r"[\u4e00-\u9fff]", chinese) for chinese in WORDS.values())


def test_plain_vgg16_has_one_spelling():
    said = [chinese for chinese in WORDS.values() if "普通" in chinese and "VGG16" in chinese]
    assert len(said) > 10
    assert [chinese for chinese in said if "普通VGG16" not in chinese] == []


def test_gradio_gets_the_words_with_and_without_a_full_stop():
    given = LAUNCH_OPTIONS["i18n"].translations_dict[LOCALE]
    assert given["Question"] == WORDS["Question"]
    assert given["Don't write a person's name."] == WORDS["Don't write a person's name"] + "。"


def test_no_value_of_a_control_is_translated(config):
    given = LAUNCH_OPTIONS["i18n"].translations_dict[LOCALE]
    values = {each["props"].get("value") for each in config["components"] if each["props"].get("choices")}
    assert "sensitivity" in values & set(WORDS)
    assert not values & set(given)


def is_translated(text: str) -> bool:
    """Whether a text has a translation, whole or in parts of several sentences, as `language.js` joins them."""
    parts = re.split(r"(?<=[.;:])\s+", text)
    at = 0
    while at < len(parts):
        joined = [(end, " ".join(parts[at:end])) for end in range(len(parts), at, -1)]
        found = next((end for end, part in joined if part in WORDS or part.rstrip(".:;, ") in WORDS), None)
        if found is None:
            return False
        at = found
    return True


@pytest.fixture(scope="module")
def config():
    async def build():
        return build_demo(FakeCompute().engine())

    # Inside a running loop: outside of one, Gradio opens event loops that it never closes.
    return asyncio.run(build()).get_config_file()


def test_all_that_stands_on_the_first_page_and_every_tab_has_a_translation(config):
    components = {each["id"]: each for each in config["components"]}
    texts: set[str] = set()

    def collect(node: dict, page: str) -> None:
        each = components[node["id"]]
        here = each["props"].get("label", page) if each["type"] == "tabitem" else page
        shown = each["type"] != "downloadbutton" and each["props"].get("visible") is not False
        if (here in ("Analyze", "") and shown) or each["type"] == "tabitem":
            for name in ("label", "info", "placeholder", "value"):
                value = each["props"].get(name)
                if (isinstance(value, str) and name in ("label", "info")) or each["type"] in (
                    "html",
                    "markdown",
                    "button",
                ):
                    texts.update(" ".join(part.split()) for part in re.split(r"<[^>]*>", unescape(str(value or ""))))
        for child in node.get("children") or ():
            collect(child, here)

    for node in config["layout"]["children"]:
        if components[node["id"]]["type"] != "row":  # the endpoints' parts, which are never shown
            collect(node, "")
    missing = {text for text in texts if len(text) > 1 and text not in NAMES and not is_translated(text)}
    assert missing == set()
    assert len(texts) > 50
