"""The pages in Chinese, for browsers that ask for it: labels by Gradio's own i18n, the rest by `language.js`.

Gradio translates the labels, infos and buttons of a page as it opens. It does not reach lists of choices, parts of a
text, or what is written later: the script looks these up in the same words, and fills the places marked {} with what
stands there. What has no translation stays English, and so do pictures.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import gradio as gr

LOCALE = "zh-CN"
# Also values of a choice, which Gradio must not translate: it gets them under another name.
VALUES = ("sensitivity",)


def read_chinese() -> Mapping[str, str]:
    """English to Chinese. Sentences stand without their full stop; {} is a number or a name, {1} the second one."""
    return json.loads(Path(__file__).with_name("chinese.json").read_text(encoding="utf-8"))


def make_i18n() -> gr.I18n:
    """What `launch` takes: the words themselves are the keys, with and without a full stop."""
    words = read_chinese()
    stopped = {f"{english}.": f"{chinese}。" for english, chinese in words.items() if english[-1] not in ".?:"}
    renamed = {f"~{english}" if english in VALUES else english: chinese for english, chinese in words.items()}
    return gr.I18n(**{LOCALE: {**stopped, **renamed}})
