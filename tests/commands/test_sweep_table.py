"""The table over a store whose scores are known: a video is followed perfectly or lost at once."""

import hashlib
import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from vot_memory.commands import sweep as planning
from vot_memory.commands.sweep_table import default_csv, print_table, tabulate, write_csv
from vot_memory.datasets.rle import encode
from vot_memory.datasets.sequence import ObjectTrack, Sequence
from vot_memory.datasets.splits import Split
from vot_memory.errors import InputError
from vot_memory.registry import seeded_policy
from vot_memory.results import Failure, Identity, Record, Store
from vot_memory.runner import RunSettings, config_of
from vot_memory.statistics import paired_difference

FRAMES, SIZE = 5, (4, 6)
THERE = encode(np.ones(SIZE, bool))
LOST = encode(np.zeros(SIZE, bool))


def video(name):
    track = ObjectTrack("1", 0, (THERE,) * FRAMES)
    pictures = np.zeros((FRAMES, *SIZE, 3), np.uint8)
    return Sequence(name, pictures, (track,), SIZE, 24.0, hashlib.sha256(name.encode()).hexdigest())


def record(name, policy, found):
    masks = [THERE["counts"]] + [(THERE if found else LOST)["counts"]] * (FRAMES - 1)
    return Record(
        sequence=name,
        object="1",
        policy=policy,
        first_frame=0,
        num_frames=FRAMES,
        size=SIZE,
        offline=False,
        masks=masks,
        ious=[[0.5]] * FRAMES,
        object_score=[1.0] * FRAMES,
        chosen=[0] * FRAMES,
        written=[0] * FRAMES,
        memory=[[0]] * FRAMES,
        tags=[[0]] * FRAMES,
    )


class Swept:
    """A sweep and its results."""

    def __init__(self, root, *grid, policy="fifo", baseline="first"):
        settings = RunSettings(((policy, {}),), "clips", out=root)
        self.sweep = planning.plan_sweep(settings, grid, baseline)
        self.folders = [self._open(root, trial) for trial in self.sweep.trials]

    def _open(self, root, trial):
        identity = Identity(
            tracker="sam2",
            model="nano@0123456789ab",
            image_size=128,
            dtype="float32",
            protocol="common",
            prompt="mask",
            policy=trial.policy,
            policy_config=config_of(seeded_policy(trial.policy, trial.options, 0)),
            policy_source="0" * 64,
            dataset="clips",
            dataset_digest="0" * 64,
            seed=0,
            non_overlap=False,
        )
        return Store(root).run(identity)

    def follow(self, label, found, lost=""):
        """Give a row its records: names of videos, a letter each."""
        (folder,) = [
            folder
            for folder, trial in zip(self.folders, self.sweep.trials, strict=True)
            if trial.label == label
        ]
        folder.write(*(record(n, folder.identity.policy, n in found) for n in found + lost))
        return folder

    def table(self):
        return tabulate(self.sweep, self.folders)


@pytest.fixture
def swept(tmp_path, monkeypatch):
    """Rows num_maskmem = 2 and 4, defaults and `first`, without records."""
    split = Split("clips", [video(name) for name in "abcd"], "nano", "dev", "0" * 64)
    monkeypatch.setattr(planning, "load_split", lambda *_, **__: split)
    return Swept(tmp_path / "results", "num_maskmem=2,4")


@pytest.fixture
def full(swept):
    swept.follow("num_maskmem=2", "abc", "d")
    swept.follow("num_maskmem=4", "a", "bcd")
    swept.follow("defaults", "ab", "cd")
    swept.follow("first", "bc", "ad")
    return swept


def printed(table, width):
    text = io.StringIO()
    print_table(table, Console(file=text, width=width))
    return text.getvalue()


def test_rows_by_falling_quality_with_differences_to_the_defaults(full):
    table = full.table()
    rows = table.rows
    assert table.title.startswith("fifo; clips: 4 sequences")
    assert list(rows["row"]) == ["num_maskmem=2", "defaults", "first", "num_maskmem=4"]
    assert list(rows["policy"]) == ["fifo", "fifo", "first", "fifo"]
    assert list(rows["fifo.num_maskmem"]) == [2, 7, None, 4]
    assert list(rows["Q"]) == pytest.approx([0.75, 0.5, 0.5, 0.25])
    assert list(rows["difference"].fillna(9)) == pytest.approx([0.25, 9, 0, -0.25])
    assert list(rows["wins"].fillna(9)) == [1, 9, 1, 0]
    assert list(rows["losses"].fillna(9)) == [0, 9, 1, 1]
    for place, quality in ((0, [1, 1, 1, 0]), (2, [0, 1, 1, 0]), (3, [1, 0, 0, 0])):
        paired = paired_difference(quality, [1, 1, 0, 0])
        found = rows.iloc[place]
        assert (found["difference_low"], found["difference_high"]) == (paired.low, paired.high)
        assert found["p"] == paired.p_value


def test_a_reader_is_told_what_the_best_row_is_worth(full):
    table = full.table()
    assert "best of 2 combinations is optimistic" in table.advice
    assert "another split" in table.advice
    assert table.command == (
        "vot-memory run --policy fifo --policy first --set fifo.num_maskmem=2 --split SPLIT"
    )
    text = printed(table, 60)
    assert table.command in text, "can be copied"
    assert table.advice in " ".join(text.split())


def test_no_advice_to_change_defaults_that_are_best(full):
    full.follow("defaults", "abcd")
    table = full.table()
    assert "defaults have the highest Q" in table.advice
    assert table.command == ""


def test_defaults_that_tie_stay_first(full):
    full.follow("num_maskmem=2", "ab", "cd")
    assert full.table().rows["row"].iloc[0] == "defaults"


@pytest.mark.parametrize(("width", "parts"), [(200, 1), (80, 1), (60, 2)])
def test_no_number_is_cut_on_a_narrow_terminal(full, width, parts):
    text = printed(full.table(), width)
    assert "…" not in text
    lines = text.splitlines()
    assert max(len(line.rstrip()) for line in lines if "--split" not in line) <= width
    heads = [line for line in lines if line.split()[:1] == ["maskmem"]]
    assert len(heads) == parts
    (row,) = [line.split() for line in lines if line.split()[:2] == ["2", "0.750"]]
    assert row[2] == "+0.250"
    assert ("0.750" in row[7:]) == (parts == 1)  # R, beside it or in the second part


def test_only_videos_that_all_rows_have_count(full):
    folder = full.follow("num_maskmem=4", "a")
    for name in "bc":
        (folder.path / "records" / name / "1.json").unlink()
    table = full.table()
    assert list(table.rows["sequences"]) == [2] * 4
    assert dict(zip(table.rows["row"], table.rows["Q"], strict=True)) == pytest.approx(
        {"num_maskmem=2": 0.5, "num_maskmem=4": 0.5, "defaults": 0.5, "first": 0}
    )
    assert "2 of 4 videos are finished by all rows and count here." in table.notes


def test_rows_without_a_common_video_get_no_advice(swept):
    swept.follow("num_maskmem=2", "a")
    swept.follow("defaults", "", "b")
    table = swept.table()
    assert table.advice == table.command == ""
    assert any("cannot be compared" in note for note in table.notes)
    assert any("num_maskmem=4; first" in note for note in table.notes)


def test_defaults_that_failed_are_replaced_by_no_other_row(full):
    (folder,) = [f for f in full.folders if f.identity.policy_config == {"num_maskmem": 7}]
    for name in "abcd":
        (folder.path / "records" / name / "1.json").unlink()
        folder.fail(Failure(sequence=name, error="no memory", type="InputError"))
    table = full.table()
    assert "defaults" not in set(table.rows["row"])
    assert table.rows["difference"].isna().all()
    assert any("row: defaults" in note for note in table.notes)
    assert "…" not in printed(table, 100)


def test_policies_that_were_not_checked_say_so(swept, tmp_path):
    other = Swept(tmp_path / "other", "memory_iou=0.4", policy="mosam", baseline="sam3")
    for label in ("memory_iou=0.4", "defaults", "sam3"):
        other.follow(label, "abcd")
    table = other.table()
    assert table.title.startswith("mosam‡; clips")
    text = printed(table, 100)
    assert "defaults‡" in text
    assert "sam3‡" in text
    assert "‡ re-implemented from the description, not parity-checked" in text
    assert (
        list(table.rows["parity"])
        == ["re-implemented from the description, not parity-checked"] * 3
    )


def test_a_table_of_the_baseline_alone_and_of_nothing(swept):
    assert swept.table() is None
    swept.follow("first", "a")
    table = swept.table()
    assert list(table.rows["row"]) == ["first"]
    assert table.advice == table.command == ""


def test_the_file_has_every_number(full, tmp_path):
    table = full.table()
    path = write_csv(table, tmp_path / "new" / "table.csv")
    read = pd.read_csv(path)
    assert list(read["fifo.num_maskmem"].fillna(0)) == [2, 7, 0, 4]
    for column in ("Q", "A", "NRE", "difference", "difference_low", "p_holm", "key"):
        assert list(read[column].fillna(9)) == list(table.rows[column].fillna(9))
    assert [file.name for file in path.parent.iterdir()] == ["table.csv"]
    with pytest.raises(InputError, match="name another file"):
        write_csv(table, path / "below")


def test_names_in_the_file_are_no_formulas(full, tmp_path):
    table = full.table()
    table.rows["row"] = "=1+1"
    assert "'=1+1" in write_csv(table, tmp_path / "table.csv").read_text()


def test_another_sweep_is_another_file(full):
    mine = default_csv(full.folders)
    assert mine == default_csv(full.folders[::-1])
    assert mine.parent == full.folders[0].path.parent
    assert mine != default_csv(full.folders[1:])
