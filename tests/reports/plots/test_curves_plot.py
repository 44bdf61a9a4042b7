import numpy as np
import pytest
from made_up_curves import made_up_curves

from vot_memory.reports.plots.curves import curves_alt, curves_plot
from vot_memory.reports.plots.inline import inline_svg
from vot_memory.reports.style import STYLES
from vot_memory.reports.tables.curves import read_curves

HEAD = "method,sequence,seed,frames,Q"


@pytest.fixture
def read(tmp_path):
    def from_lines(*lines, head=HEAD):
        file = tmp_path / "curves.csv"
        file.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
        return read_curves([file])

    return from_lines


def lines_of(figure):
    """Line of each method in the panel of means, by what the legend says."""
    return {
        line.get_label().split()[-1]: line
        for line in figure.axes[0].lines
        if line.get_label()[0] != "_"
    }


def test_the_mean_steps_up_where_a_sequence_does(read):
    curves = read("ppo,a,0,10,0.2", "ppo,a,0,40,0.4", "ppo,b,0,20,0.6", "ppo,b,0,80,0.8")
    line = lines_of(curves_plot(curves))["ppo"]
    assert line.get_xdata().tolist() == [20, 40, 80]  # from where both have found something
    assert line.get_ydata() == pytest.approx([0.4, 0.5, 0.6])
    assert line.get_drawstyle() == "steps-post"
    assert line.get_label().startswith("0.600")


def test_seeds_are_averaged_before_sequences(read):
    curves = read("ppo,a,0,10,0.2", "ppo,a,1,10,0.4", "ppo,a,2,10,0.6", "ppo,b,0,10,0.8")
    assert lines_of(curves_plot(curves))["ppo"].get_ydata().tolist() == pytest.approx([0.6])


def test_a_run_that_ends_early_keeps_what_it_has_found(read):
    curves = read("ppo,a,0,10,0.2", "ppo,a,0,100,0.6", "ppo,b,0,10,0.4")
    assert lines_of(curves_plot(curves))["ppo"].get_ydata() == pytest.approx([0.3, 0.5])


def test_gain_is_shown_where_the_baseline_is_known(read):
    curves = read("ppo,a,0,10,0.5,0.4", "ppo,b,0,10,0.5,0.1", head=f"{HEAD},baseline")
    figure = curves_plot(curves)
    assert lines_of(figure)["ppo"].get_ydata() == pytest.approx([0.25])
    assert "+0.250" in lines_of(figure)["ppo"].get_label()
    assert "Gain over the baseline" in figure.get_suptitle()
    assert curves_alt(curves).startswith("Mean gain in Q over the baseline")


def test_methods_are_compared_on_the_sequences_that_all_have(read):
    curves = read("ppo,a,0,10,0.2", "ppo,b,0,10,0.9", "cem,a,0,10,0.3")
    figure = curves_plot(curves)
    assert lines_of(figure)["ppo"].get_ydata().tolist() == [0.2]
    assert "the 1 of 2 sequences that all methods have" in figure.get_suptitle()


def test_without_a_common_sequence_the_title_says_so(read):
    curves = read("ppo,a,0,10,0.2", "ppo,b,0,10,0.4", "cem,c,0,10,0.3")
    figure = curves_plot(curves)
    assert lines_of(figure)["ppo"].get_ydata() == pytest.approx([0.3])
    assert "not the same for all methods" in figure.get_suptitle()


@pytest.mark.parametrize(("sequences", "panels"), [(1, 1), (2, 3), (12, 13), (13, 1)])
def test_few_sequences_have_a_panel_each(tmp_path, sequences, panels):
    file = made_up_curves(tmp_path / "c.csv", sequences=sequences, seeds=1, points=4)
    assert len(curves_plot(read_curves([file])).axes) == panels


def test_the_band_holds_the_mean(tmp_path):
    for sequences in (1, 4):  # over seeds, and over sequences
        file = made_up_curves(tmp_path / "c.csv", sequences=sequences, seeds=3, points=6)
        axes = curves_plot(read_curves([file])).axes[0]
        means = [line.get_ydata()[-1] for line in axes.lines if line.get_label()[0] != "_"]
        assert len(axes.collections) == len(means) == 3
        for band, mean in zip(axes.collections, means, strict=True):
            ends = band.get_paths()[0].vertices
            last = ends[ends[:, 0] == ends[:, 0].max(), 1]
            assert last.min() < mean < last.max()


def test_made_up_curves_say_so(tmp_path, read):
    curves = read_curves([made_up_curves(tmp_path / "c.csv", sequences=2, seeds=1, points=3)])
    assert curves_plot(curves).get_suptitle().startswith("Made-up curves, to show the plot")
    assert "made-up curves" in curves_alt(curves)
    measured = read("ppo,a,0,10,0.2")
    assert "ade-up" not in curves_plot(measured).get_suptitle() + curves_alt(measured)


def test_policies_keep_their_colours_and_names_stay_text(read):
    hostile = "<script>$x$|_"
    curves = read(f"sam2rl,{hostile},0,10,0.2", f"{hostile},{hostile},0,10,0.3")
    figure = curves_plot(curves)
    assert lines_of(figure)["sam2rl"].get_color() == STYLES["sam2rl"].color
    colors = [line.get_color() for line in lines_of(figure).values()]
    assert len(set(colors)) == len(colors)
    svg = inline_svg(figure, "curves", curves_alt(curves))
    assert "&lt;script&gt;$x$|_" in svg
    assert "<script" not in svg
    assert svg == inline_svg(curves_plot(curves), "curves", curves_alt(curves))


def test_long_curves_are_thinned_to_their_ends(read):
    budget = range(1, 400)
    curves = read(*(f"ppo,{s},0,{frames},0.{frames:03d}" for s in "ab" for frames in budget))
    line = lines_of(curves_plot(curves))["ppo"]
    x = line.get_xdata()
    assert (x[0], x[-1]) == (1, 399)
    assert len(x) <= 40
    assert np.allclose(line.get_ydata(), x / 1000)


def band(figure, place=0):
    """Lowest and highest value of a method's band by budget."""
    ends = figure.axes[0].collections[place].get_paths()[0].vertices
    return {x: (ends[ends[:, 0] == x, 1].min(), ends[ends[:, 0] == x, 1].max()) for x in ends[:, 0]}


def test_bands_span_seeds_each_the_mean_over_sequences(read):
    curves = read("ppo,a,0,10,0.1", "ppo,a,1,10,0.2", "ppo,b,0,10,0.5", "ppo,b,1,10,0.8")
    figure = curves_plot(curves)
    assert band(figure)[10] == pytest.approx((0.3, 0.5))
    assert "band: from the worst to the best seed" in figure.get_suptitle()


def test_without_several_seeds_bands_are_intervals_over_sequences(read):
    figure = curves_plot(read(*(f"ppo,{name},0,10,0.{i}" for i, name in enumerate("abcde", 1))))
    low, high = band(figure)[10]
    assert 0.1 < low < 0.3 < high < 0.5
    assert "band: 95% interval over sequences" in figure.get_suptitle()


def test_seeds_that_lack_sequences_give_no_band(read):
    lines = ("ppo,a,0,10,0.1", "ppo,b,1,10,0.8", "cem,a,0,10,0.2", "cem,a,1,10,0.3")
    figure = curves_plot(read(*lines, "cem,b,0,10,0.2", "cem,b,1,10,0.3"))
    assert lines_of(figure)["ppo"].get_ydata() == pytest.approx([0.45])
    assert not figure.axes[0].collections[0].get_paths()
    assert band(figure, 1)[10] == pytest.approx((0.2, 0.3))


def test_a_dotted_line_carries_on_what_was_found_to_the_largest_budget(read):
    curves = read("beam,a,0,10,0.2", "beam,a,0,20,0.4", "ppo,a,0,10,0.1", "ppo,a,0,900,0.3")
    axes = curves_plot(curves).axes[0]
    (dotted,) = (line for line in axes.lines if line.get_linestyle() == ":")
    assert dotted.get_xdata() == pytest.approx([20, 900])
    assert dotted.get_ydata() == pytest.approx([0.4, 0.4])
    legend = axes.figure.legends[0]
    assert len(legend.get_texts()) == 2


def test_runs_of_different_length_are_said(read):
    lines = ("ppo,a,0,10,0.2", "ppo,a,0,1000,0.6", "ppo,b,0,10,0.4", "ppo,b,0,8000,0.4")
    assert "ppo: runs of 1,000 to 8,000 frames" in curves_plot(read(*lines)).get_suptitle()
    assert "runs of" not in curves_plot(read(*lines[:2])).get_suptitle()
