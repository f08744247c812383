"""The paper's tables: read as written, refused when they are something else, shown whole."""

import asyncio
import json

import gradio as gr
import pytest

from heartviz.errors import WeightsError
from heartviz.paper_results import PAPER_RESULTS, ResultTable, read_paper_results
from heartviz.ui.results import table_html
from heartviz.ui.shell import build_demo
from tests.drawn_report import FakeCompute

TABLE = {"title": "T", "columns": ["a", "b"], "rows": [["x", 0.5], ["y", None]], "under": "n", "finding": "f"}


def test_tables_come_back(tmp_path):
    path = tmp_path / "results.json"
    assert read_paper_results(path) == ()
    path.write_text(json.dumps({"tables": [TABLE]}))
    assert read_paper_results(path) == (ResultTable("T", ("a", "b"), (("x", 0.5), ("y", None)), "n", "f"),)


@pytest.mark.parametrize("content", ["", "[]", '{"tables": [1]}', '{"tables": [{"title": "T"}]}'])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "results.json").write_text(content)
    with pytest.raises(WeightsError, match=r"results.json holds no tables of results"):
        read_paper_results(tmp_path / "results.json")


def test_a_table_is_shown_whole_and_escaped():
    table = ResultTable("<b>", ("<i>", "n"), (("<u>", 3), ("y", 0.12345), ("z", None)), "<p>", "<s>")
    html = table_html(table)
    for shown in ("&lt;b&gt;", "&lt;i&gt;", "&lt;u&gt;", "&lt;p&gt;", "&lt;s&gt;", "<td>3</td>", "0.123", "\u2013"):
        assert shown in html
    assert 'scope="col"' in html
    assert 'tabindex="0"' in html  # a keyboard can scroll it


def test_the_page_says_that_signs_are_simulated_and_where_there_are_no_results(monkeypatch):
    def texts(engine):
        async def build():
            return build_demo(engine)

        # Inside a running loop: outside of one, Gradio opens event loops that it never closes.
        blocks = asyncio.run(build()).blocks.values()
        return "\n".join(str(block.value) for block in blocks if isinstance(block, gr.HTML | gr.Markdown))

    compute = FakeCompute()
    shown = texts(compute.engine())
    assert "signs are simulated" in shown
    assert "Made up for this test" in shown
    monkeypatch.setattr(FakeCompute, "tables", ())
    assert "No results lie beside this copy" in texts(compute.engine())


def test_shipped_results_are_of_a_whole_run():
    tables = read_paper_results()
    results = json.loads(PAPER_RESULTS.read_text(encoding="utf-8"))
    assert results["quick"] is False
    assert "not a medical device" in results["notice"]
    assert len(tables) > len(results["steps"])  # cross-validation has two
    assert all(table.rows and table.under for table in tables)
