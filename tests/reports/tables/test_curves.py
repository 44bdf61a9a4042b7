import pytest
from made_up_curves import METHODS, made_up_curves

from vot_memory.errors import InputError
from vot_memory.reports.tables.curves import read_curves

HEAD = "method,sequence,seed,frames,Q"


@pytest.fixture
def read(tmp_path):
    def from_text(*texts):
        files = []
        for i, text in enumerate(texts):
            files.append(tmp_path / f"{i}.csv")
            files[-1].write_text(text, encoding="utf-8")
        return read_curves(files)

    return from_text


def test_points_comments_and_further_columns(read):
    curves = read(f"# a comment\n{HEAD},note\n\nppo,a#1,0,100,0.5,x\nppo,a#1,0,200,0.6,y\n")
    assert curves.rows.drop(columns="baseline").values.tolist() == [
        ["ppo", "a#1", "0", 100, 0.5],
        ["ppo", "a#1", "0", 200, 0.6],
    ]
    assert not curves.synthetic
    assert not curves.has_baseline
    assert (curves.methods, curves.sequences) == (["ppo"], ["a#1"])


def test_several_files_stand_together_and_one_made_up_marks_all(read):
    curves = read(f"{HEAD},baseline\na,s,0,1,0.5,0.4\n", f"# synthetic\n{HEAD}\nb,s,0,1,0.5\n")
    assert curves.synthetic
    assert curves.methods == ["a", "b"]
    assert not curves.has_baseline  # only one file knows it


def test_a_baseline_may_differ_by_rounding(read):
    curves = read(f"{HEAD},baseline\na,s,0,1,0.5,0.412346\nb,s,0,1,0.5,0.412345432\n")
    assert curves.has_baseline


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    file = tmp_path / "bom.csv"
    file.write_text(f"{HEAD}\na,s,0,1,0.5\n", encoding="utf-8-sig")
    assert read_curves([file]).methods == ["a"]


def test_the_made_up_ones_are_read(tmp_path):
    curves = read_curves([made_up_curves(tmp_path / "c.csv", sequences=2, seeds=2)])
    assert curves.synthetic
    assert curves.has_baseline
    assert curves.methods == list(METHODS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no curves"),
        ("# synthetic\n", "holds no curves"),
        (f"{HEAD}\n", "holds no curves, only a head: make it again"),
        ("method,sequence,frames\na,s,1\n", "no column seed, Q"),
        (
            f"{HEAD}\na,s,0,1,0.5\na,s,0,2",
            "line 3: 4 cells, the head has 5: correct the line, or make the file again.",
        ),
        (
            f'{HEAD}\na,s,0,1,"0.5\na,s,0,2,0.6\n',
            "line 2 is no CSV (unexpected end of data): correct the line, or make the file again.",
        ),
        (f"#\n{HEAD}\na,s,0,one,0.5\n", "line 3: frames is 'one', not a number"),
        (f"{HEAD}\na,s,0,1,nan\n", "line 2: Q is 'nan', not a number: correct the line"),
        (f"{HEAD}\na,s,0,1,{'x' * 99}\n", f"{'x' * 20}…{'x' * 19}', not a number"),
        (f"{HEAD}\na,s,0,1,\n", "line 2: Q is '', not a number"),
        (f"{HEAD}\na,s,0,1.5,0.5\n", "frames is 1.5, not a whole number"),
        (f"{HEAD}\na,s,0,0,0.5\n", "frames is 0, not a whole number"),
        (f"{HEAD}\na,s,0,1,62\n", "Q is 62, but lies between 0 and 1"),
        (f"{HEAD}\n,s,0,1,0.5\n", "method is empty"),
        (
            f"{HEAD}\na,s,0,9,0.5\na,s,0,8,0.5\n",
            "line 3: frames fall from 9 to 8 in a on s, seed 0",
        ),
        (f"{HEAD}\na,s,0,1,0.5\na,s,0,2,0.4\n", "line 3: Q falls from 0.5 to 0.4"),
        (f"{HEAD},baseline\na,s,0,1,0.5,0.4\nb,s,0,1,0.5,0.3\n", "the baseline of s is 0.3"),
    ],
)
def test_one_sentence_says_what_is_wrong(read, text, said):
    with pytest.raises(InputError, match=r"0\.csv") as error:
        read(text)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_no_text_or_not_there(tmp_path):
    file = tmp_path / "c.csv"
    with pytest.raises(InputError, match="cannot be read"):
        read_curves([file])
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        read_curves([file])


def test_other_seeds_and_sequences_begin_anew(read):
    curves = read(f"{HEAD}\na,s,0,9,0.5\na,s,1,1,0.1\na,t,0,1,0.1\n")
    assert len(curves.rows) == 3
