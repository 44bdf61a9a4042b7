import pytest

from vot_memory.reports.text import (
    bytes_size,
    csv_cell,
    interval,
    markdown,
    number,
    one_line,
    p_value,
    shorten,
    shorten_apart,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.61234, "0.612"), (None, "–"), (float("nan"), "–"), (-0.25, "−0.250"), (-0.0001, "0.000")],  # noqa: RUF001
)
def test_numbers(value, text):
    assert number(value) == text


def test_signed_numbers_and_intervals():
    assert number(0.02, signed=True) == "+0.020"
    assert number(-1e-6, signed=True) == "0.000"
    assert interval(-0.1, 0.2, signed=True) == "−0.100 to +0.200"  # noqa: RUF001
    assert interval(0.1, None) == "–"  # noqa: RUF001


def test_small_p_values_are_bounds():
    assert [p_value(p) for p in (0.0004, 0.04, None)] == ["< 0.001", "0.040", "–"]  # noqa: RUF001


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (41_000, "41.0 kB"),
        (248_320, "248 kB"),
        (999_700, "1.0 MB"),
        (12_345_678, "12.3 MB"),
        (3e9, "3.0 GB"),
        (float("nan"), "–"),  # noqa: RUF001
    ],
)
def test_sizes_can_be_read(value, text):
    assert bytes_size(value) == text


def test_long_names_lose_their_middle():
    assert shorten("bear-1", 6) == "bear-1"
    assert shorten("bear-1", 5) == "be…-1"
    assert shorten("bear-1", 4) == "be…1"
    assert shorten("samurai (motion_weight=0.15)", 20) == "samurai (m…ght=0.15)"


def test_shortened_names_stay_different():
    names = [
        "fifo",
        "samurai (a=1, b=2, c=3)",
        "samurai (a=1, b=3, c=3)",
        "samurai (a=1, b=2, c=4)",
    ]
    short = shorten_apart(names, 14)
    assert short == ["fifo", "samur… c=3) #2", "samur… c=3) #3", "samurai…, c=4)"]
    assert shorten_apart(names, 40) == names
    many = [f"{'w' * 20}{i:03d}{'w' * 20}" for i in range(120)]
    assert len(set(shorten_apart(many, 14))) == 120
    assert max(map(len, shorten_apart(many, 14))) == 14


def test_names_cannot_break_markdown():
    text = markdown("a|b\n# <script>alert(1)</script> [x](y) `z` *w* $v$")
    assert text == (r"a\|b # &lt;script&gt;alert(1)&lt;/script&gt; \[x\](y) \`z\` \*w\* \$v\$")


def test_names_are_no_formulas_in_spreadsheets():
    assert csv_cell("=HYPERLINK(1)") == "'=HYPERLINK(1)"
    assert csv_cell("bear-1") == "bear-1"
    assert one_line("a\r\nb\x00c\u2028d") == "a b c d"
