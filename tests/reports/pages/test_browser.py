"""The page in a real browser: it opens from disk, asks nothing of the network, sorts and switches.

Needs playwright and a Chromium of the machine; without them the tests are skipped.
"""

import os
import shutil

import pytest
from fake_results import Results, at, sequence

from vot_memory.datasets import splits
from vot_memory.reports import Wanted, write_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
HOSTILE = '<script>window.hacked = 1</script>"><img src=x onerror="window.hacked=1">'

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = os.environ.get("VOT_MEMORY_BROWSER") or next(
        filter(None, map(shutil.which, BROWSERS)), ""
    )
    if not path:
        pytest.skip("there is no Chromium here: install one, as Debian's package chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Three videos, one with a hostile name and one with absences and labels, four policies."""
    labels = {"occluded": at(3, 4), "lookalike_near": at(8), "absent": at(6, 7)}
    videos = [
        sequence("bear"),
        sequence(HOSTILE, absent=3),
        sequence("dog", labels=labels, away=(6, 7)),
    ]
    folder = tmp_path_factory.mktemp("browser")
    store = Results(folder / "results", videos)
    for policy, quality in {"fifo": 60, "first": 40, "random": 55, "samurai": 80}.items():
        qualities = {s.name: quality + 5 * i for i, s in enumerate(videos)}
        if policy == "random":
            del qualities["dog"]
        store.run(policy, qualities, policy_config={"note": HOSTILE} if policy == "first" else {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splits, "load_split", lambda name, data=None: store.split)
        wanted = Wanted(pictures=1, sequences=(HOSTILE,), formats=("png",))
        return write_report(store.root, "fake", "fifo", folder / "report", wanted=wanted)


@pytest.fixture
def browse(chromium, report):
    """Open the page; at the end nothing has gone wrong and nothing was asked of the network."""
    opened = []

    def browse(hash_="", **options):
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        page = context.new_page()
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(report.page.as_uri() + hash_)
        opened.append((context, page, said, asked))
        return page

    yield browse
    for context, page, said, asked in opened:
        assert said == []
        outside = [url for url in asked if not url.startswith("data:")]
        assert {url.partition("#")[0] for url in outside} == {report.page.as_uri()}
        if page.evaluate("typeof window") == "object":
            assert page.evaluate("window.hacked") is None
        context.close()


def panel(page, kind):
    """The text of an open panel."""
    page.wait_for_selector(f"#{kind} > *")
    return page.inner_text(f"#{kind}")


def shows(page, kind, text):
    """Wait for a text in a panel. The page forbids what `wait_for_function` does to wait."""
    page.locator(f"#{kind}", has_text=text).wait_for()


def column(page, table, index):
    return page.eval_on_selector_all(
        f"{table} tbody tr", f"rows => rows.map(row => row.cells[{index}].innerText.trim())"
    )


def test_tables_sort_and_undefined_values_stay_last(browse):
    page = browse()
    table = "#set0 .grid >> nth=0"
    names = lambda: page.locator(table).locator("tbody th").all_inner_texts()  # noqa: E731
    assert names()[0] == "fifo"
    head = page.locator(table).locator("thead tr:last-child th").nth(1)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert [name.split()[0] for name in names()] == ["samurai", "fifo", "random", "first"]
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert [name.split()[0] for name in names()] == ["first", "random", "fifo", "samurai"]
    videos = page.locator(".videos thead th")
    texts = videos.all_inner_texts()
    chosen = next(i for i, text in enumerate(texts) if "random" in text)
    for _ in range(2):  # the video that it has not finished is last either way
        videos.nth(chosen).locator("button").click()
        assert column(page, ".videos", 0)[-1].startswith("dog")


def test_what_counts_the_rows_stays_below_them(browse):
    page = browse()
    table = page.locator("table.grid", has_text="otherwise visible").first
    names = lambda: table.locator("tbody th").all_inner_texts()  # noqa: E731
    assert names()[-2:] == ["videos", "frames"]
    for _ in range(2):
        table.locator("thead button").first.click()
        assert names()[-2:] == ["videos", "frames"]
    assert names()[0].startswith("samurai")


def test_an_address_leads_to_its_panel_whatever_opens_above(browse):
    page = browse("#c0-2-1")
    shows(page, "c0", "samurai")
    expect = pytest.importorskip("playwright.sync_api").expect
    expect(page.locator("form[data-kind=c0]")).to_be_in_viewport()
    assert 0 <= page.locator("form[data-kind=c0]").bounding_box()["y"] < 100


def test_a_video_is_picked_by_row_by_list_by_step_and_by_address(browse):
    page = browse()
    panel(page, "s0")  # one is open at once
    page.click(".videos tbody tr:has-text('dog') td >> nth=0")
    shows(page, "s0", "dog")
    assert page.url.endswith("#s0-2")
    assert page.get_attribute(".videos tr[aria-current]", "id") == "v0-2"
    page.click("[data-kind=s0] .step >> nth=1")  # from the last to the first
    shows(page, "s0", "bear")
    page.select_option("[data-kind=s0] select", "s0-1")
    shows(page, "s0", "<script>")
    other = browse("#s0-2")
    assert "dog" in panel(other, "s0")
    assert other.input_value("[data-kind=s0] select") == "s0-2"


def test_a_video_shows_the_memory_of_every_policy(browse):
    page = browse("#s0-0")
    text = panel(page, "s0")
    for policy in ("fifo", "first", "random", "samurai"):
        assert policy in text
    assert page.locator("#s0 svg[role=img]").count() >= 4


def test_any_two_policies_are_compared(browse):
    page = browse()
    labels = page.locator("[data-kind=c0] [name=a] option").all_inner_texts()
    one, other = (
        str(next(i for i, t in enumerate(labels) if t.startswith(p))) for p in ("first", "random")
    )
    page.select_option("[data-kind=c0] [name=a]", one)
    page.select_option("[data-kind=c0] [name=b]", other)
    shows(page, "c0", "random")
    assert page.url.endswith(f"#c0-{one}-{other}")
    assert panel(page, "c0").startswith("first (")
    page.click("[data-kind=c0] .swap")
    shows(page, "c0", "random is")
    assert page.url.endswith(f"#c0-{other}-{one}")
    page.select_option("[data-kind=c0] [name=b]", other)
    shows(page, "c0", "two different")


@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_its_width_in_light_and_dark(browse, width, scheme, tmp_path):
    page = browse("#s0-2", viewport={"width": width, "height": 900}, color_scheme=scheme)
    panel(page, "s0")
    panel(page, "c0")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 29)"}[scheme]
    shot = page.screenshot(path=tmp_path / "page.png", full_page=True)
    assert len(shot) > 20_000
    page.click(".scheme")  # light, whatever the system has
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_every_picture_says_what_it_shows(browse):
    page = browse("#s0-1")
    panel(page, "s0")
    assert page.locator("img").count() > 0
    nameless = "images => images.filter(i => !(i.alt || '').trim()).length"
    assert page.eval_on_selector_all("img", nameless) == 0
    told = "s.getAttribute('aria-label') || s.querySelector('title')"
    drawings = f"list => list.filter(s => !({told})).length"
    assert page.eval_on_selector_all("svg:not([aria-hidden])", drawings) == 0


def test_it_prints_light_and_whole(browse):
    page = browse("#s0-0", color_scheme="dark")
    panel(page, "s0")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.querySelector('.pick')).display") == "none"
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.videos')).overflowY") == "visible"
    )
    assert len(page.pdf()) > 10_000


def test_without_javascript_tables_and_plots_are_there(browse):
    page = browse(java_script_enabled=False)
    assert page.locator("noscript p").is_visible()
    assert page.locator("#set0 .grid").first.is_visible()
    assert page.locator("#set0 figure svg").first.is_visible()
