"""Take it home and the Batch page in a real browser: files come out, and no upload is left on the server."""

import zipfile

import pytest

from tests.browser.serving import CHROMIUM, upload, wait_for_result

pytestmark = pytest.mark.browser
if CHROMIUM is None:
    pytest.skip("no Chromium on the PATH: apt-get install chromium", allow_module_level=True)
pytest.importorskip("playwright.sync_api", reason="playwright isn't installed")


def fetch(page, button: str):
    with page.expect_download() as download:
        page.get_by_role("button", name=button).click()
    return download.value


def test_a_click_gives_a_report_that_does_not_name_the_film(page, film):
    upload(page, film)
    wait_for_result(page)
    assert not page.locator("#hv-take-html").is_visible()
    page.get_by_label("Title of the report").fill("Course 3")
    download = fetch(page, "HTML: one file")
    assert download.suggested_filename == "heartviz_report.html"
    content = download.path().read_text(encoding="utf-8")
    assert "<h1>Course 3</h1>" in content
    assert "Mustermann" not in content
    download = fetch(page, "ZIP: all")
    with zipfile.ZipFile(download.path()) as archive:
        assert {"report.html", "report.pdf", "segmentation.dcm", "film.dcm"} <= set(archive.namelist())


def test_a_batch_fills_its_table_and_leaves_no_upload(page, film, uploads, tmp_path):
    bad = tmp_path / "bad"
    bad.write_text("no film")
    page.get_by_role("tab", name="Batch").click()
    page.locator("#hv-batch-upload input[type=file]").set_input_files([film, bad])
    page.get_by_text("1 of 2 films analysed, 1 not accepted.").wait_for()
    assert page.locator(".hv-batch img").count() == 1
    assert "Mustermann_Erika" in fetch(page, "Table as CSV").path().read_text(encoding="utf-8")
    assert "Mustermann_Erika" not in fetch(page, "Table as HTML").path().read_text(encoding="utf-8")
    assert [path.name for path in uploads.rglob("*") if path.is_file() and path.name in (film.name, bad.name)] == []
