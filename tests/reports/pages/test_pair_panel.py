import re
from html.parser import HTMLParser

import pytest
from fake_results import sequence

from vot_memory.reports.pages.pair_panel import pair_panel
from vot_memory.reports.scores import score_runs
from vot_memory.reports.tables.comparison import compare
from vot_memory.reports.tables.table import make_table

HOSTILE = '<script>alert("1")</script> $x$ |'
VOID = {"rect", "path"}


class Elements(HTMLParser):
    """Start tags and texts of well-formed HTML."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.texts = [], [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def link(name):
    return f"#s0-{name}"


@pytest.fixture
def panel(results):
    """The panel of two runs with given qualities, in per cent by sequence."""

    def make(a, b, policy="first", **options):
        names = list(dict.fromkeys([*a, *b]))
        store = results(*(sequence(name) for name in names))
        runs = [store.run(policy, a, **options), store.run("fifo", b)]
        table = make_table(score_runs(runs, store.sequences), "fifo", len(names))
        return pair_panel(compare(table, policy, "fifo"), table, link)

    return make


def test_the_panel_says_what_was_found_and_links_every_video(panel):
    a = {f"s{i}": 40 + i for i in range(12)}
    b = {f"s{i}": 45 for i in range(12)}
    html = panel(a, b)
    page = Elements(html)
    assert page.tags[0] == ("div", {"class": "pair-panel"})
    assert "first is 0.005 above fifo in Q" in html
    assert "better on 6, equal on 1, worse on 5 of 12 videos" in html
    links = [own["href"] for tag, own in page.tags if tag == "a"]
    assert links[:12] == [f"#s0-s{i}" for i in range(11, -1, -1)]  # the chart, sorted
    assert links[12:17] == [f"#s0-s{i}" for i in range(11, 6, -1)]  # the best
    assert links[17:] == [f"#s0-s{i}" for i in range(5)]  # the worst
    titles = [text for text in page.texts if text.startswith("s11: ")]
    assert titles == ["s11: +0.060 (0.510 − 0.450)"]  # noqa: RUF001


def test_bars_are_to_scale(panel):
    html = panel({"a": 90, "b": 30}, {"a": 50, "b": 50})
    good, bad = (re.search(rf'<path class="{side}" d="(.*?)"', html)[1] for side in ("good", "bad"))
    assert good == "M0 66.7v-66.7h1V66.7z"  # +0.4 of 0.6
    assert bad == "M1 66.7v33.3h1V66.7z"
    row = html[html.index(">both track</th>") :]
    assert '<rect class="good" y="2" width="100.0" height="8"/>' in row
    assert '<rect class="bad" x="-50.0" y="2" width="50.0" height="8"/>' in row
    assert '<path class="net" d="M50.0 0V12"/>' in row


def test_names_are_text(panel):
    page = Elements(panel({HOSTILE.replace("/", "-"): 60, "b": 50}, {"b": 40}, policy=HOSTILE))
    assert not any(tag == "script" for tag, _ in page.tags)
    assert any(HOSTILE in text for text in page.texts)
    page = Elements(panel({HOSTILE.replace("/", "-"): 60}, {HOSTILE.replace("/", "-"): 40}))
    assert not any(tag == "script" for tag, _ in page.tags)


def test_remarks_stand_with_the_names(panel):
    html = panel({"a": 60}, {"a": 50}, policy="sam3")
    assert "sam3‡</span></th>" in html
    assert "<li>nano is a laboratory animal" in html
    assert "<li>‡ re-implemented from the description, not parity-checked</li>" in html


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ({"a": 60}, {"b": 50}, "have finished no video in common"),
        ({"a": 60}, {"a": 50}, "an anecdote, no finding"),
        ({"a": 60, "b": 50}, {"a": 60, "b": 50}, "have the same Q on all 2 videos"),
    ],
)
def test_little_is_no_crash(panel, a, b, said):
    html = panel(a, b)
    Elements(html)
    assert said in html
    assert not re.search(r"\bnan\b", html, re.IGNORECASE)


def test_the_same_comparison_gives_the_same_bytes(panel):
    a, b = {"a": 60, "b": 55}, {"a": 50, "b": 70}
    assert panel(a, b) == panel(a, b)
