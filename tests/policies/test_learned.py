"""The learned policy: the simulator's features and decisions, and what is refused."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file
from simulation import Simulation

from vot_memory.datasets.prompts import MaskPrompt
from vot_memory.engine import Engine
from vot_memory.errors import InputError
from vot_memory.learn import features
from vot_memory.learn.clip import load_clip
from vot_memory.learn.imitation import labels
from vot_memory.learn.imitation.fitting import FitSettings, seeded_network
from vot_memory.learn.imitation.policy_file import PolicyCard, load_learned, save_policy
from vot_memory.learn.simulator import Rules, Simulator
from vot_memory.registry import load_policy
from vot_memory.tracking import Tracker


@pytest.fixture
def write(tmp_path):
    """Write a policy whose weights are drawn; its decisions differ from state to state."""

    def written(backbone=None, name="policy.safetensors", seed=0, **card):
        network = seeded_network(FitSettings(width=8, heads=2, seed=seed))
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            for weight in network.parameters():
                torch.nn.init.normal_(weight, std=0.7)
        model = {"model": "model", "image_size": 128}
        if backbone is not None:
            model = {"model": backbone.name, "image_size": backbone.image_size}
        common = {"width": 8, "heads": 2, "layers": 2, "split": "drawn", "rounds": 0}
        path = tmp_path / name
        save_policy(path, network, PolicyCard(**{**common, **model, **card}))
        return path

    return written


def policy(path, **options):
    return load_policy("learned", {"weights": str(path), **options})


@pytest.mark.golden
@pytest.mark.parametrize("pointers", ["recent", "bank"])
def test_the_tracker_sees_and_decides_what_the_simulator_does(write, backbone, clip, pointers):
    path = write(backbone, slots=4, pointers=pointers)
    masks = [clip.labels[t] == 1 for t in range(len(clip.frames))]
    learned, seen = policy(path), []
    network = learned.learned.network
    network.register_forward_hook(lambda _, given, answer: seen.append((given[0], answer)))
    tracker = Tracker(Engine(backbone), learned, num_frames=len(masks), sequence="clip")
    tracker.track(clip.frames[0], {"1": MaskPrompt(masks[0])})
    for frame in clip.frames[1:]:
        tracker.track(frame)

    simulated = load_learned(path)
    expected = []

    def decide(tokens):
        expected.append((tokens, simulated.network(tokens)))
        return expected[-1][1].argmax(1)

    simulator = Simulator(
        load_clip(backbone, _sequence(clip, masks)),
        backbone,
        Rules(slots=4, pointers=pointers),
        describe=features.describe,
    )
    labels.rollout(simulator, [decide])
    assert len(seen) == len(expected) + 1  # the last frame's decision changes nothing
    for (tokens, logits), (there, answer) in zip(seen, expected, strict=False):
        assert torch.allclose(tokens, there, atol=1e-3)
        assert int(logits.argmax()) == int(answer.argmax())
    assert len({int(answer.argmax()) for _, answer in expected}) > 1


def _sequence(clip, masks):
    from vot_memory.datasets.rle import encode
    from vot_memory.datasets.sequence import ObjectTrack, Sequence

    track = ObjectTrack("1", 0, tuple(encode(m) for m in masks))
    return Sequence("clip", clip.frames, (track,), (128, 128), 24.0, "0" * 64, {}, None)


@pytest.mark.parametrize(
    ("card", "words"),
    [
        (
            {"model": "other"},
            r"policy\.safetensors was trained with model other, this run has model: train one",
        ),
        (
            {"image_size": 256},
            "trained with image size 256, this run has 128: .* learned.other_model=true",
        ),
        (
            {"slots": 8},
            r"policy\.safetensors numbers 8 slots by rank, the model has 7 temporal rows",
        ),
    ],
)
def test_another_setting_is_refused(write, card, words):
    with pytest.raises(InputError, match=words):
        Simulation(policy(write(**card)))


def test_another_model_runs_if_one_says_so_and_the_fingerprint_tells(write):
    path = write(model="other", image_size=256)
    knowingly = policy(path, other_model="true")
    Simulation(knowingly)
    assert knowingly.fingerprint()["other_model"] is True
    assert knowingly.fingerprint() != policy(path).fingerprint()


def test_fingerprint_is_the_content_not_the_path(write):
    one, two, other = (policy(write(name=n, seed=s)) for n, s in (("a", 0), ("b", 0), ("c", 1)))
    assert one.fingerprint() == two.fingerprint()
    assert one.fingerprint() != other.fingerprint()


def test_wrong_files_are_refused(write, tmp_path):
    with pytest.raises(InputError, match="Cannot read the learned policy"):
        policy(tmp_path / "missing")
    (tmp_path / "text").write_text("nothing")
    with pytest.raises(InputError, match="is no learned policy"):
        policy(tmp_path / "text")
    with pytest.raises(InputError, match="other features than this version"):
        policy(write(features=(*features.NAMES[:-1], "luck")))
    with pytest.raises(InputError, match="is no learned policy"):
        policy(write(width=16))


def test_weights_that_are_not_finite_are_refused(write, tmp_path):
    path = write()
    there = load_learned(path)
    there.network.enter.weight[0, 0] = torch.nan
    with pytest.raises(InputError, match="is not written, for its weights are not finite"):
        save_policy(tmp_path / "other.safetensors", there.network, there.card)
    weights = there.network.state_dict()
    save_file(weights, path, metadata={"policy": there.card.model_dump_json()})
    with pytest.raises(InputError, match="holds weights that are not finite"):
        policy(path)
