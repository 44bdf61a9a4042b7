import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vot_memory.commands.sweep import DEFAULTS, plan_sweep
from vot_memory.datasets import splits
from vot_memory.errors import InputError
from vot_memory.policies.fifo import Fifo
from vot_memory.registry import POLICIES
from vot_memory.runner import RunSettings


def plan(policy, *grid, fixed=None, baseline="fifo", split="synth-smoke", **changes):
    arguments = {k: changes.pop(k) for k in ("own_folder", "csv") if k in changes}
    settings = RunSettings(((policy, fixed or {}),), split, **changes)
    return plan_sweep(settings, grid, baseline, **arguments)


def chosen(sweep):
    return [(trial.policy, dict(trial.options)) for trial in sweep.trials]


def test_the_product_of_all_values_then_defaults_and_baseline():
    sweep = plan("random", "write_probability=0.2,0.8", "num_maskmem=4,5,6")
    grid = [
        ("random", {"write_probability": p, "num_maskmem": n})
        for p in ("0.2", "0.8")
        for n in ("4", "5", "6")
    ]
    assert chosen(sweep) == [*grid, ("random", {}), ("fifo", {})]
    assert chosen(sweep) == [(name, dict(options)) for name, options in sweep.settings.policies]
    assert [t.label for t in sweep.trials[-2:]] == [DEFAULTS, "fifo"]
    assert sweep.trials[0].label == "write_probability=0.2, num_maskmem=4"
    assert sweep.trials[0].values == {"write_probability": 0.2, "num_maskmem": 4}
    assert sweep.trials[-2].values == {"write_probability": 0.5, "num_maskmem": 7}
    assert sweep.combinations == 6


def test_what_the_grid_holds_does_not_run_twice():
    sweep = plan("fifo", "fifo.num_maskmem=4,7")
    assert chosen(sweep) == [("fifo", {"num_maskmem": "4"}), ("fifo", {"num_maskmem": "7"})]
    assert [t.label for t in sweep.trials] == ["num_maskmem=4", DEFAULTS]
    assert all(t.searched for t in sweep.trials)


def test_the_runs_seed_counts_for_the_defaults():
    sweep = plan("random", "seed=3,4", seed=3)
    assert [t.label for t in sweep.trials] == [DEFAULTS, "seed=4", "fifo"]


def test_fixed_options_are_for_combinations_only():
    sweep = plan("samurai", "stable_frames=10", fixed={"motion_weight": "0.1"}, baseline="first")
    assert chosen(sweep) == [
        ("samurai", {"motion_weight": "0.1", "stable_frames": "10"}),
        ("samurai", {}),
        ("first", {}),
    ]


@dataclass(frozen=True)
class FileConfig:
    file: Path = Path()
    num_maskmem: int = 7


class FromFile(Fifo):
    """Cannot be made without a file, and tells of its options by a fingerprint of its own."""

    name = "from-file"
    Config: Any = FileConfig

    def __init__(self, config=None):
        if config.file == Path():
            raise InputError("Policy 'from-file' needs a file: give --set from-file.file=FILE.")
        super().__init__(config)

    def fingerprint(self):
        return {"content": str(self.config.file), "memories": self.config.num_maskmem}


def test_an_option_without_default_is_everybodys(monkeypatch):
    monkeypatch.setitem(POLICIES, "from-file", f"{__name__}:FromFile")
    sweep = plan("from-file", "num_maskmem=4,5", fixed={"file": "a"})
    assert chosen(sweep)[2] == ("from-file", {"file": "a"})
    assert sweep.trials[0].values == {"num_maskmem": "4"}
    with pytest.raises(InputError, match="file of from-file has no default"):
        plan("from-file", "file=a,b")
    with pytest.raises(InputError, match="--set"):
        plan("from-file", "num_maskmem=4,5")


def test_the_announcement_counts():
    sweep = plan("samurai", "stable_frames=10,15", "motion_weight=0,0.1,0.2", shard="1/4")
    assert sweep.announcement() == (
        "samurai: 6 combinations of stable_frames, motion_weight + defaults + fifo, on 1 video of "
        "synth-smoke, one pass over each"
    )
    assert "1 combination of" in plan("fifo", "num_maskmem=7", limit=2).announcement()
    assert "on 2 videos of" in plan("fifo", "num_maskmem=7", limit=2).announcement()


@pytest.mark.parametrize(
    ("policy", "grid", "says"),
    [
        ("fifo", ["num_maskmen=2"], "did you mean 'num_maskmem'?"),
        ("fifo", ["num_maskmem=2,x"], "num_maskmem='x'"),
        ("fifo", ["num_maskmem=2,9"], "num_maskmem='9'"),
        ("fifo", ["num_maskmem"], "OPTION=VALUE,VALUE"),
        ("fifo", ["num_maskmem="], "OPTION=VALUE,VALUE"),
        ("fifo", ["num_maskmem=2,,3"], "OPTION=VALUE,VALUE"),
        ("fifo", ["=2"], "OPTION=VALUE,VALUE"),
        ("fifo", [], "--grid"),
        ("fifo", ["num_maskmem=4,4"], "num_maskmem=4 and num_maskmem=4 are the same"),
        ("fifo", ["num_maskmem=7,07"], "num_maskmem=7 and num_maskmem=07 are the same"),
        ("fifo", ["num_maskmem=4", "num_maskmem=5"], "two grids"),
        ("first", ["num_maskmem=4"], "no options"),
        ("samurai", ["motion_weight=0,1.5", "stable_frames=9"], "motion_weight=1.5"),
        (
            "samurai",
            ["memory_motion_score=0,0.5", "motion_in_memory=true,false"],
            "With memory_motion_score=0.5, motion_in_memory=false: ",
        ),
    ],
)
def test_grids_that_are_refused(policy, grid, says):
    with pytest.raises(InputError) as refusal:
        plan(policy, *grid)
    assert says in str(refusal.value)


def test_other_refusals(tmp_path):
    with pytest.raises(InputError, match="leave out its --set"):
        plan("fifo", "num_maskmem=4", fixed={"num_maskmem": "5"})
    with pytest.raises(InputError, match="did you mean 'first'"):
        plan("fifo", "num_maskmem=4", baseline="firs")
    with pytest.raises(InputError, match="is a folder"):
        plan("fifo", "num_maskmem=4", csv=tmp_path)


def test_no_tuning_on_what_judges(tmp_path, monkeypatch):
    """Refused before any data are looked for."""

    def load(name, **changes):
        raise AssertionError(f"{name} was loaded")

    monkeypatch.setattr("vot_memory.commands.sweep.load_split", load)
    for name, spec in splits.split_specs().items():
        refusal = f"role {spec.role}" if spec.role in ("val", "test") else None
        error = InputError if refusal else AssertionError
        with pytest.raises(error, match=refusal or "was loaded"):
            plan("fifo", "num_maskmem=4", split=name, own_folder=True)
    with pytest.raises(InputError, match="--as-dev"):
        plan("fifo", "num_maskmem=4", split=str(tmp_path))
    with pytest.raises(AssertionError, match="was loaded"):
        plan("fifo", "num_maskmem=4", split=str(tmp_path), own_folder=True)


def test_everything_else_of_the_run_is_kept(tmp_path):
    sweep = plan("fifo", "num_maskmem=4", out=tmp_path, limit=2, threads=1)
    kept = dataclasses.replace(sweep.settings, policies=(("fifo", {}),))
    assert kept == RunSettings((("fifo", {}),), "synth-smoke", out=tmp_path, limit=2, threads=1)
    assert [s.name for s in sweep.split.sequences] == ["synth-dev-00048", "synth-dev-00049"]
