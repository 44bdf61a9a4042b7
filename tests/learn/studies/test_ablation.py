"""Policies fitted without a group of features: from what, how often, and what they look at."""

import shutil

import pytest
import torch
from short import short_videos
from worlds import GOLDEN, golden_model

from vot_memory.datasets.splits import load_split
from vot_memory.errors import InputError
from vot_memory.learn.clip import load_clip
from vot_memory.learn.features import GROUPS
from vot_memory.learn.imitation.fitting import fit, without
from vot_memory.learn.imitation.labels import Labels
from vot_memory.learn.simulator import Rules, Simulator
from vot_memory.learn.studies import ablation
from vot_memory.learn.studies.ablation import Imitation, blind
from vot_memory.learn.studies.run import StudySettings, run_study
from vot_memory.learn.tracked import tracked_quality
from vot_memory.registry import load_policy

pytestmark = pytest.mark.golden

MODEL = {"model": str(GOLDEN / "model.yaml"), "checkpoint": GOLDEN / "model.safetensors"}


@pytest.fixture(autouse=True)
def _short():
    with short_videos(10):
        yield


@pytest.fixture
def fitted(monkeypatch):
    """Features that were hidden in each fit."""
    hidden = []

    def spied(seen, settings, names):
        hidden.append(names)
        return fit(seen, settings, names)

    monkeypatch.setattr(ablation, "fit", spied)
    return hidden


def study(out, trained, **changes):
    own = {"limit": 2, "device": "cpu", "trained": trained} | MODEL | changes
    return run_study(StudySettings("ablation", "synth-smoke", out, **own))


def rows_of(table):
    return [line.split(",") for line in table.read_text().splitlines()[2:]]


def test_without_nothing_is_the_last_round_and_all_is_played(trained, tmp_path):
    table = study(tmp_path / "ablation.csv", trained)
    digest = Imitation.read(trained).digest
    head = f"# ablation: synth-smoke, {golden_model().name}, 128 px, float32, training {digest}"
    assert table.read_text().splitlines()[:2] == [head, "sequence,without,Q"]
    videos = load_split("synth-smoke", limit=2).sequences
    assert [row[:2] for row in rows_of(table)] == [
        [video.name, group] for video in videos for group in ("fifo", "nothing", *GROUPS)
    ]
    weights = tmp_path / "ablation.csv.weights" / digest
    whole = weights / "without-nothing.safetensors"
    assert whole.read_bytes() == (trained / "round-1.safetensors").read_bytes()
    quality = {row[1]: float(row[2]) for row in rows_of(table) if row[0] == videos[0].name}
    clip = load_clip(golden_model(), videos[0])
    simulator = Simulator(clip, golden_model(), Rules(slots=4))
    fifo = simulator.quality(simulator.play(simulator.fifo()))[0]
    assert quality["fifo"] == pytest.approx(fifo, abs=1e-5)
    for group in (
        "nothing",
        "age",
        "score",
    ):  # the files play alone, without being told what to hide
        policy = load_policy("learned", {"weights": str(weights / f"without-{group}.safetensors")})
        tracked = tracked_quality(golden_model(), clip, policy)
        assert quality[group] == pytest.approx(tracked, abs=1e-5)


def test_a_killed_study_does_not_fit_again(trained, tmp_path, fitted, monkeypatch):
    out = tmp_path / "ablation.csv"

    def killed(*given):
        if given[-1]:  # of fits, the first that hides something
            raise KeyboardInterrupt
        return given[0]

    with monkeypatch.context() as hand:
        hand.setattr(ablation, "blind", killed)
        with pytest.raises(KeyboardInterrupt):
            study(out, trained)
    assert not out.exists()
    assert fitted == [(), GROUPS["kind"]]
    fitted.clear()
    with monkeypatch.context() as hand:
        hand.setattr(ablation, "qualities", killed)
        with pytest.raises(KeyboardInterrupt):
            study(out, trained)
    assert fitted == list(GROUPS.values())
    fitted.clear()
    study(out, trained)
    assert fitted == []
    shutil.rmtree(tmp_path / "ablation.csv.weights")
    study(out, trained)  # no video is missing
    assert fitted == []


def test_processes_share_table_and_weights(trained, tmp_path, fitted):
    out, whole = tmp_path / "shared.csv", tmp_path / "whole.csv"
    for part in (2, 1):
        study(out, trained, shard=f"{part}/2")
    assert len(fitted) == 1 + len(GROUPS)
    study(whole, trained)
    assert out.read_bytes() == whole.read_bytes()


def test_what_is_hidden_has_no_weight(trained):
    training, hidden = Imitation.read(trained), GROUPS["age"]
    seen = Labels.join([Labels.load(path) for path in training.labels])
    tokens = torch.from_numpy(seen.tokens)
    network = fit(seen, training.settings, hidden)
    with torch.inference_mode():
        expected = network(without(tokens, hidden))
        assert not torch.equal(network(tokens), expected)
        assert torch.equal(blind(network, hidden)(tokens), expected)


def test_labels_and_settings_name_a_training(trained, tmp_path):
    first = Imitation.read(trained)
    assert [path.name for path in first.labels] == ["00002.npz", "00003.npz"]  # of the last round
    assert first.card.figures == {}
    other = shutil.copytree(trained, tmp_path / "other")
    assert Imitation.read(other).digest == first.digest
    (other / "policy.safetensors").write_bytes((other / "round-0.safetensors").read_bytes())
    assert Imitation.read(other).digest == first.digest  # which round was best changes no fit
    Labels.load(other / "labels/1/00002.npz").save(other / "labels/1/00004.npz")
    assert Imitation.read(other).digest != first.digest
    other = shutil.copytree(trained, tmp_path / "slower")
    changed = (other / "settings.json").read_text().replace('"lr": 0.002', '"lr": 0.001')
    (other / "settings.json").write_text(changed)
    assert Imitation.read(other).digest != first.digest
    assert Imitation.read(other).settings.lr == 0.001


def test_another_training_is_refused(trained, tmp_path, fitted, monkeypatch):
    other = shutil.copytree(trained, tmp_path / "other")
    shutil.copyfile(other / "labels/1/00002.npz", other / "labels/1/00003.npz")
    out = tmp_path / "ablation.csv"
    with monkeypatch.context() as hand:  # weights, and no table yet
        hand.setattr(ablation, "qualities", lambda *_: {})
        study(out, trained, limit=1)
    assert not out.exists()
    fitted.clear()
    with pytest.raises(InputError, match=r"ablation\.csv\.weights/\w+ holds weights of another"):
        study(out, other)
    study(out, trained, limit=1)
    with pytest.raises(InputError, match=r"was made by another setting .* training"):
        study(out, other)
    assert fitted == []


def test_a_folder_without_a_training_is_refused(trained, tmp_path):
    out, other = tmp_path / "ablation.csv", tmp_path / "other"
    with pytest.raises(InputError, match="other holds no training by imitation: name the folder"):
        study(out, other)
    shutil.copytree(trained, other)
    last = sorted(other.glob("round-*.safetensors"))[-1]
    last.rename(other / "away")  # it was to have more rounds, and was stopped
    with pytest.raises(InputError, match=r"The training in .*other has not ended"):
        study(out, other)
    (other / "away").rename(last)
    (other / "policy.safetensors").unlink()
    with pytest.raises(InputError, match=r"The training in .*other has not ended"):
        study(out, other)
    (other / "settings.json").write_text('{"fit": {"steps": 3, "other": 1}}')
    with pytest.raises(InputError, match="other holds no training by imitation"):
        study(out, other)
    assert list(tmp_path.iterdir()) == [other]


def test_another_model_is_refused(trained, tmp_path):
    with pytest.raises(InputError, match=r"was trained with model .*, this run has nano@.*: study"):
        study(tmp_path / "ablation.csv", trained, model="nano", checkpoint=None)
    assert list(tmp_path.iterdir()) == []
