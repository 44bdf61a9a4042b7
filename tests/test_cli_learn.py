"""Commands that search and learn: what they refuse, how they stop, and once from end to end."""

import json
import re

import pytest
from short import short_videos

from vot_memory.datasets.splits import load_split
from vot_memory.learn.imitation.fitting import FitSettings
from vot_memory.learn.imitation.imitate import ImitateSettings
from vot_memory.learn.imitation.labels import LabelSettings

SMOKE = ("--split", "synth-smoke", "--limit", "1")
SEARCH = ("search", *SMOKE, "--method", "random", "--budget", "60")
TRAIN = ("train", "--method", "ppo", *SMOKE, "--iterations", "2", "--samples", "60")
IMITATE = ("train", "--method", "imitate", "--split", "synth-tune", "--limit", "1")


@pytest.fixture
def _short():
    with short_videos(16):
        yield


def test_help_names_the_commands(vot):
    said = vot("--help").out
    for command in ("search", "train", "study"):
        assert f"\n  {command} " in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--method", "bem"), "Unknown method 'bem': did you mean 'beam'"),
        (("--split", "synth-smok"), "Unknown split 'synth-smok'"),
        (("--video", "none"), "Unknown video 'none': known are synth-dev-00048"),
        (("--budget", "20"), "20 forward passes does not pay for one rollout .* at least 29"),
        (("--rows", "age"), "Unknown rows 'age': known are offset, rank"),
        (("--pointers", "all"), "Unknown pointers 'all': known are bank, recent"),
        (("--shard", "3/2"), "--shard 3/2 is not i/n"),
    ],
)
def test_search_refuses(refuses, words, says):
    assert_says(refuses(*SEARCH, "--out", "found", *words), says)


def test_a_place_of_results_that_is_a_file_is_refused(refuses, tmp_path):
    (tmp_path / "file").write_text("x")
    assert "file/runs cannot be" in refuses(*SEARCH, "--out", "file")
    assert "file/seed0 cannot be" in refuses(*TRAIN, "--out", "file")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--method", "pro"), "Unknown method 'pro': did you mean 'ppo'"),
        (("--video", "none"), "Unknown video 'none'"),
        (("--slots", "15"), "15 slots are numbered by rank, the model has 7"),
        (("--slots", "15", "--rows", "age"), "Unknown rows 'age'"),
        (("--shard", "0/2"), "--shard 0/2 is not i/n"),
        (("--rounds", "2"), "Method ppo has no --rounds: leave it out"),
    ],
)
def test_train_refuses(refuses, words, says):
    assert_says(refuses(*TRAIN, "--out", "agents", *words), says)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--samples", "9"), "Method imitate has no --samples: leave it out"),
        (("--shard", "1/2"), "Method imitate makes one policy"),
        (("--seed", "1", "--seed", "2"), "Method imitate makes one policy"),
        (("--split", "synth-val"), "synth-val has role val"),
        (("--dev", "synth-test"), "synth-test has role test"),
    ],
)
def test_imitation_refuses(refuses, words, says):
    assert_says(refuses(*IMITATE, "--out", "policy", *words), says)


def test_imitation_is_given_its_options(vot, monkeypatch, tmp_path):
    asked = []

    def train(backbone, sequences, dev, out, settings, **_):
        asked.append((len(sequences), len(dev), settings))
        return out / "policy.safetensors"

    monkeypatch.setattr("vot_memory.learn.train.train_imitate", train)
    options = ("--dev", "synth-smoke", "--rounds", "2", "--visits", "3", "--seed", "5")
    options += ("--finetune", "7")
    result = vot(*IMITATE, *options, "--out", "policy")
    assert result.out == "policy/policy.safetensors\n"
    ((videos, dev, settings),) = asked
    assert (videos, dev) == (1, len(load_split("synth-smoke").sequences))
    assert (settings.rounds, settings.videos, settings.seed, settings.fit.seed) == (2, 3, 5, 5)
    assert (settings.finetune.iterations, settings.finetune.seed) == (7, 5)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("celings",), "Unknown study 'celings': did you mean 'ceilings'"),
        (("ceilings",), "Study ceilings needs what search found: give --found"),
        (("ablation",), "Study ablation needs a training: give --trained, the folder of train"),
        (("ablation", "--trained", "none"), "none holds no training by imitation: name the folder"),
        (("robustness", "--found", "none.json"), r"Cannot read the replay file none\.json"),
        (("readings", "--method", "bem"), "Unknown method 'bem'"),
        (("readings", "--video", "none"), "Unknown video 'none': known are synth-dev-00048"),
        (("readings", "--shard", "3/2"), "--shard 3/2 is not i/n"),
        (("readings", "--budget", "5"), "5 forward passes does not pay for one rollout"),
        (("readings", "--threads", "0"), "--threads 0 leaves none: give 1 or more"),
        (("readings", "--absent"), "Study readings has no --absent: leave it out"),
    ],
)
def test_study_refuses(refuses, words, says):
    assert_says(refuses("study", *words, *SMOKE, "--out", "study.csv"), says)


def test_no_ablation_on_videos_that_are_held_out(refuses):
    words = ("--trained", "policy", "--split", "synth-val", "--out", "study.csv")
    assert "synth-val has role val" in refuses("study", "ablation", *words)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({}, "no decisions for object '1' of sequence 'synth-dev-00048': replay the videos"),
        ({"model": "other"}, "recorded with model other, this run has nano@"),
        ({"image_size": 512}, "recorded with image size 512, this run has 128"),
    ],
)
def test_study_refuses_decisions_of_another_setting(refuses, tmp_path, content, says):
    from vot_memory.models import load_model

    own = {"model": load_model("nano", device="cpu").name, "image_size": 128, "tracks": []}
    (tmp_path / "found.json").write_text(json.dumps(own | content))
    said = refuses("study", "robustness", *SMOKE, "--found", "found.json", "--out", "study.csv")
    assert says in said


@pytest.mark.parametrize("words", [("--seed", "-1"), ("--slots", "1"), ("--batch", "0")])
def test_numbers_out_of_range_are_usage_errors(vot, words):
    result = vot(*SEARCH, "--out", "found", *words)
    assert result.code == 2
    assert words[0] in result.err


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("vot_memory.learn.search.run.run_search", (*SEARCH, "--out", "found")),
        ("vot_memory.learn.train.run_ppo", (*TRAIN, "--out", "agents")),
        ("vot_memory.learn.train.train_imitate", (*IMITATE, "--out", "policy")),
        ("vot_memory.learn.studies.run.run_study", ("study", "readings", *SMOKE, "--out", "a.csv")),
    ],
)
def test_stopping_says_how_to_go_on(vot, monkeypatch, place, words):
    def stop(*_, **__):
        raise KeyboardInterrupt("Stopped: give the same command again to go on.")

    monkeypatch.setattr(place, stop)
    result = vot(*words)
    assert result.code == 130
    assert result.err.strip() == "Stopped: give the same command again to go on."


@pytest.mark.e2e
@pytest.mark.usefixtures("_short")
def test_search_replay_study_and_report(vot, tmp_path, monkeypatch):
    windows = ((3, 3), (2, 4))  # slots and decisions; the study's own take minutes
    monkeypatch.setattr("vot_memory.learn.studies.calibration.SIZES", windows)
    monkeypatch.setattr("vot_memory.learn.studies.robustness.DROPS", (0.1,))
    found = ("--found", "found/replay.json")
    result = vot(*SEARCH, "--method", "mutate", "--out", "found")
    assert result.code == 0
    assert "[2/2] synth-dev-00048 mutate seed 0: 60 passes, " in result.err
    assert result.out == "searches: 2 done, 0 complete before, 0 failed; files are in found\n"
    again = vot(*SEARCH, "--out", "found")
    assert again.err == "1 search was complete already\n"

    replay = ("--policy", "replay", "--set", "replay.file=found/replay.json")
    assert vot("run", "--policy", "fifo", *replay, *SMOKE, "--out", "runs").code == 0
    studies = {
        "causal": (),
        "readings": ("--budget", "40"),
        "calibration": ("--budget", "30"),
        "ceilings": (*found, "--policy", "sam3"),
        "robustness": found,
    }
    for name, words in studies.items():
        made = vot("study", name, *SMOKE, *words, "--out", f"{name}.csv")
        assert made.out.endswith(f"Table: {name}.csv\n"), made.err
        again = vot("study", name, *SMOKE, *words, "--out", f"{name}.csv")
        assert again.out == f"Table: {name}.csv\n"  # complete: nothing is studied twice
    ceilings = [line.split(",") for line in (tmp_path / "ceilings.csv").read_text().splitlines()]
    assert [row[1] for row in ceilings[2:]] == [
        *("fifo", "sam3", "hindsight", "causal", "choice", "memory", "both"),
    ]
    calibration = (tmp_path / "calibration.csv").read_text().splitlines()
    for line, size in zip(calibration[2:], windows, strict=True):
        _, slots, decisions, *_, best, optimum, fifo = line.split(",")
        assert (int(slots), int(decisions)) == size
        assert float(fifo) <= float(best) <= float(optimum)
    quality = {row[1]: float(row[2]) for row in ceilings[2:]}
    assert quality["hindsight"] >= quality["fifo"] - 1e-6

    report = vot(
        *("report", "--results", "runs", "--out", "report", "--curves", "found/curves.csv"),
        *(word for name in studies for word in ("--study", f"{name}.csv")),
    )
    assert report.code == 0, report.err
    assert "replay" in report.out


@pytest.mark.e2e
@pytest.mark.usefixtures("_short")
def test_train_and_run_agents(vot, refuses, tmp_path):
    result = vot(*TRAIN, "--out", "agents")
    assert result.code == 0
    assert "[1/1] synth-dev-00048: 2 iterations, " in result.err
    assert result.out == "agents/seed0/synth-dev-00048-1/result.json\n"
    assert vot(*TRAIN, "--out", "agents").err == "1 training was complete already\n"
    assert "differs in --iterations (2 there, 3 here)" in refuses(
        *TRAIN, "--iterations", "3", "--out", "agents"
    )

    play = ("run", "--policy", "sam2rl", "--set", "sam2rl.agents=agents", *SMOKE)
    assert vot(*play, "--out", "runs").code == 0
    other = vot(*play, "--image-size", "256", "--out", "runs")
    assert other.code == 2
    assert "was trained with image size 128, this run has 256" in other.err
    assert len(list((tmp_path / "runs").iterdir())) == 1  # nothing is left of what was refused

    agent = tmp_path / "agents" / "seed0" / "synth-dev-00048-1" / "agent.safetensors"
    agent.write_bytes(agent.read_bytes()[:3000])
    assert "agent.safetensors is no agent" in refuses(*play, "--out", "runs")


@pytest.mark.e2e
@pytest.mark.usefixtures("_short")
def test_imitation_is_stopped_and_goes_on(vot, monkeypatch):
    small = FitSettings(width=8, heads=2, layers=1, steps=3)
    tiny = ImitateSettings(label=LabelSettings(visits=2), fit=small)
    monkeypatch.setattr("vot_memory.learn.train.ImitateSettings", lambda: tiny)
    command = (
        *IMITATE,
        "--dev",
        "synth-smoke",
        "--rounds",
        "1",
        "--visits",
        "1",
        "--out",
        "policy",
    )

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as hand:
        hand.setattr("vot_memory.learn.imitation.imitate.fit", stop)
        stopped = vot(*command)
    assert stopped.code == 130
    labelled, sentence = stopped.err.splitlines()
    assert labelled.startswith("[1/6] round-0 synth-dev-00052: 16 frames, 2 episodes, ")
    assert sentence == (
        "Stopped with 1 of 6 parts complete: give the same command again to go on from there."
    )
    result = vot(*command)
    skipped, fitted, judged, *_ = result.err.splitlines()
    assert skipped == "1 part was complete already"
    assert fitted.startswith("[2/6] round-0: 3 steps, ")
    assert judged.startswith("[3/6] dev synth-dev-00048: 16 frames, 2 policies, ")
    assert (result.code, result.out) == (0, "policy/policy.safetensors\n")
    assert vot(*command).err == "6 parts were complete already\n"

    ablation = ("study", "ablation", *SMOKE, "--trained", "policy", "--out", "ablation.csv")
    made = vot(*ablation)
    assert made.out.startswith("without nothing: ablation.csv.weights/")
    assert made.out.endswith("\nsynth-dev-00048: ablation.csv\nTable: ablation.csv\n")
    assert vot(*ablation).out == "Table: ablation.csv\n"


def assert_says(said, expected):
    """The sentence holds a pattern."""
    assert re.search(expected, said), said
