import itertools

import pytest

from vot_memory.reports.style import (
    METHODS,
    PAPER,
    STYLES,
    dark_color,
    distinct_styles,
    overlap_bin,
    style_of,
    styles_for,
)

OTHERS = [f"rule-{i}" for i in range(60)]  # fall on all colours that unknown names choose from


def luminance(color):
    """WCAG's relative luminance of "#rrggbb"."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("policy", [*STYLES, *OTHERS])
def test_colours_have_contrast_with_light_and_dark_ground(policy):
    style = style_of(policy)
    assert contrast(style.color, "#FFFFFF") >= 3
    assert contrast(style.dark, PAPER) >= 3


def test_colours_of_policies_differ_on_dark_ground_too():
    assert len({style.dark for style in STYLES.values()}) == len(STYLES)
    assert len({style_of(name).dark for name in OTHERS}) == 6


def test_greys_turn_around_and_colours_of_nobody_stay():
    assert dark_color("#000000") == "#E6E8EB"
    assert dark_color("#ffffff") == "#15181D"
    assert contrast(dark_color("#808080"), PAPER) > 3
    assert dark_color("#123456") == "#123456"


def test_names_get_colours_of_their_own_while_there_are_some():
    styles = distinct_styles(["fifo", *OTHERS[:6]])
    assert list(styles) == ["fifo", *OTHERS[:6]]
    assert styles["fifo"] == STYLES["fifo"]
    assert all(a.color != b.color for a, b in itertools.combinations(styles.values(), 2))
    many = distinct_styles(OTHERS[:12])
    assert len(set(many.values())) == 12
    assert many == dict(reversed(distinct_styles(OTHERS[11::-1]).items()))


def test_methods_of_search_have_colours_of_their_own():
    styles = distinct_styles([*METHODS, "cem"])
    assert {name: styles[name] for name in METHODS} == METHODS
    assert len({style.color for style in styles.values()}) == len(METHODS) + 1
    assert len({style.marker for style in styles.values()}) == len(METHODS) + 1
    both = distinct_styles(["ppo", "sam2rl"])
    assert both["ppo"].color != both["sam2rl"].color
    assert both["ppo"].marker != both["sam2rl"].marker


@pytest.mark.parametrize(
    ("overlap", "place"), [(0, 0), (0.19, 0), (0.2, 1), (0.79, 3), (1, 4), (float("nan"), None)]
)
def test_overlaps_fall_into_fifths(overlap, place):
    assert overlap_bin(overlap) == place


def test_styles_are_fixed_by_name():
    assert style_of("fifo") == STYLES["fifo"]
    assert style_of("my-rule") == style_of("my-rule")
    assert len({style.color for style in STYLES.values()}) == len(STYLES)
    assert style_of("my-rule").color not in {style.color for style in STYLES.values()}
    twins = styles_for(["fifo", "random", "fifo", "fifo"])
    assert twins[0] == STYLES["fifo"]
    assert len(set(twins)) == 4
    assert {style.color for style in (twins[0], twins[2], twins[3])} == {STYLES["fifo"].color}
