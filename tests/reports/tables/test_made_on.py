from types import SimpleNamespace

import pytest

from vot_memory.reports.tables.csv_rows import read_csv
from vot_memory.reports.tables.made_on import find_apart, read_setting
from vot_memory.results import IMPORTED


def run(dataset="synth-val", model="nano", size=128, dtype="float32", tracker="sam2"):
    return SimpleNamespace(
        dataset=dataset, model=model, image_size=size, dtype=dtype, tracker=tracker
    )


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("# causal: synth-dev, nano, 128 px, float32\n", "synth-dev, nano, 128 px, float32"),
        ("# by hand\n# causal: second\n", "by hand"),
        ("", ""),
    ],
)
def test_the_first_comment_says_it(tmp_path, text, setting):
    file = tmp_path / "study.csv"
    file.write_text(f"{text}sequence,rule,Q\na,fifo,0.5\n")
    assert read_setting(read_csv(file, "studies")) == setting


@pytest.mark.parametrize(
    ("setting", "runs", "said"),
    [
        ("synth-val, nano, 128 px, float32, seeds 0", [run()], []),
        ("by hand, of two models, yesterday, at home", [run()], []),
        ("by hand", [run()], []),
        (
            "synth-dev, nano, 128 px, float32",
            [run(), run("davis-2017-val")],
            ["Another split than this report's: synth-dev, not davis-2017-val and synth-val."],
        ),
        (
            "synth-val, nano, 128 px, bfloat16",
            [run(), run("davis-2017-val", dtype="bfloat16")],  # the model on the same split counts
            [
                "Another model, size or precision than this report's: nano, 128 px, bfloat16, not "
                "nano, 128 px, float32."
            ],
        ),
        ("synth-val, nano, 128 px, float32", [run(model="unknown", tracker=IMPORTED)], []),
    ],
)
def test_what_differs_is_said(setting, runs, said):
    assert find_apart(setting, runs) == said
