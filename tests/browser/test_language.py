"""The pages in a browser that asks for Chinese, and in one that does not."""

import re

import pytest

from tests.browser.serving import CHROMIUM, SHOW_WITHIN_MS, upload, wait_for_result

pytestmark = pytest.mark.browser
if CHROMIUM is None:
    pytest.skip("no Chromium on the PATH: apt-get install chromium", allow_module_level=True)
pytest.importorskip("playwright.sync_api", reason="playwright isn't installed")

# Letters of visible texts that hold a Chinese sign, and of those that hold none but three Latin letters in a row.
COUNT = """() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), count = [0, 0];
  while (texts.nextNode()) {
    const text = texts.currentNode.data.trim(), element = texts.currentNode.parentElement;
    if (!element.checkVisibility() || element.closest("script, style, svg")) continue;
    if (/[\\u4e00-\\u9fff]/.test(text)) count[0] += text.length;
    else if (/[A-Za-z]{3}/.test(text)) count[1] += text.length;
  }
  return count;
}"""


@pytest.fixture
def open_page(browser, address):
    """Opens the demo in a browser of a language, in a window of a width."""
    contexts = []

    def open_in(locale: str, width: int):
        contexts.append(browser.new_context(locale=locale, viewport={"width": width, "height": 900}))
        page = contexts[-1].new_page()
        page.set_default_timeout(SHOW_WITHIN_MS)
        page.goto(address)
        page.locator("#hv-upload").wait_for()
        return page

    yield open_in
    for context in contexts:
        context.close()


def numbers_of(page) -> list[str]:
    texts = page.locator(".hv-ratio, .hv-answer, .hv-shares").all_text_contents()
    return sorted(re.findall(r"\d+(?:\.\d+)?", " ".join(texts)))


def test_a_chinese_browser_gets_chinese_and_the_same_numbers(open_page, film):
    english = open_page("en-US", 1280)
    upload(english, film)
    wait_for_result(english)
    assert english.evaluate(COUNT)[0] == 0
    for locale, width in (("zh-CN", 1280), ("zh-TW", 390)):
        page = open_page(locale, width)
        page.get_by_text("胸片模型看的是心脏吗？").wait_for()
        page.get_by_role("tab", name="分析").wait_for()
        page.get_by_text("请拖入一张正位胸片，或选择绘制的示例").wait_for()
        upload(page, film)
        wait_for_result(page)
        page.get_by_text("正常心影也会增宽").wait_for()
        page.get_by_test_id("answer-mask").get_by_text("判断为").wait_for()
        page.get_by_role("radio", name="心脏大小").first.wait_for(state="attached")
        page.get_by_role("slider", name="窗宽").wait_for()
        page.locator(".hv-end[aria-valuetext^=第]").first.wait_for()
        assert numbers_of(page) == numbers_of(english)
        chinese, left = page.evaluate(COUNT)
        assert left < 0.25 * chinese  # names, and what the fake engine says of its made-up models
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        # What is chosen is told in the program's own words.
        page.get_by_role("radio", name="心脏大小").first.check(force=True)
        page.get_by_text("由真实成人胸片学习而得").wait_for()


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("2 of 3 films analysed, 1 not accepted.", "3张胸片中已分析2张，1张未接受。"),
        # What is put in is translated, too, and never goes over the end of a sentence.
        (
            "VGG+Mask has 14 % of its sensitivity in the heart, about as much as its area (1.1 times chance); the "
            "hardened model has 21 % of its sensitivity in the heart, 1.7 times what its area would give by chance.",
            "VGG+Mask有14 %的敏感性落在心脏，与其面积相当（随机水平的1.1倍）；"
            "强化模型有21 %的敏感性落在心脏，为其面积随机水平的1.7倍。",
        ),
        (
            "This looks like a frontal chest film, but it is inverted: bone dark, air bright. Invert it, and it will "
            "be analysed.",
            "看起来是正位胸片，但灰度反相：骨黑气亮。请反相，即可分析。",
        ),
        (
            "Something that nobody has translated. The file gives no age.",
            "Something that nobody has translated. 文件未提供年龄。",
        ),
        ("Mustermann, Erika", "Mustermann, Erika"),
        # Names one after another, in a sentence and by themselves.
        (
            "This is not what Plain VGG16 and VGG+Mask say of this film: choose another class above to see its map.",
            "这并非普通VGG16、VGG+Mask对本片的判断：请在上方选择其他类别查看其图。",
        ),
        (
            "Picture shown to Hardened. Its answer: Normal 18 %, VSD < 1 %, ASD < 1 %, TOF 81 %.",
            "展示给强化模型的图像。其答案：正常18 %、VSD < 1 %、ASD < 1 %、TOF 81 %。",
        ),
        ("Film read: PNG, 512 x 480 px, 8 bit gray", "已读取：PNG，512 x 480像素，8位灰度"),
        ("Normal, VSD, Normal", "正常、VSD、正常"),
        # A few words that may stand in any sentence.
        ("3 of 7 films", "7张胸片中的第3张"),
        ("The segmenter learnt most of these films", "The segmenter learnt most of these films"),
    ],
)
def test_what_is_written_later_is_translated_sentence_by_sentence(open_page, english, chinese):
    page = open_page("zh-CN", 1280)
    page.get_by_text("胸片模型看的是心脏吗？").wait_for()
    page.evaluate(
        "words => { const told = document.createElement('p'); told.id = 'told'; told.textContent = words; "
        "document.body.append(told); }",
        english,
    )
    page.wait_for_function("words => document.getElementById('told').textContent === words", arg=chinese)


def test_every_example_of_an_ill_heart_is_named_in_one_form(open_page):
    page = open_page("zh-CN", 1280)
    page.get_by_role("button", name="室间隔缺损（VSD）", exact=True).wait_for()
    names = page.locator(".hv-example button.sm").all_inner_texts()
    ill = [name for name in names if re.search("[A-Z]", name)]
    assert len(ill) == 6
    assert all(re.fullmatch(r"[\u4e00-\u9fff]+（(VSD|ASD|TOF)）(，\w+)?", name) for name in ill), ill
