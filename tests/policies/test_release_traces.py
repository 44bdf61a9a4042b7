"""Every hand-made policy equals its authors' release on recorded runs (tests/golden/README.md).

Level 1, without weights: recorded scores in, every read and decision out. Level 2: every step from
the recorded state gives the recorded logits, memories, pointers and decisions. Level 3: free runs
from the prompt on give the recorded masks and reads. `pytest --traces DIR` takes further recordings
through all three.
"""

from __future__ import annotations

import pytest
from traces import GOLDEN, RELEASES, load, load_decisions, play_decisions, play_freely, play_taught

from vot_memory.models import load_model

pytestmark = pytest.mark.golden
DECISIONS = GOLDEN / "decisions.json.gz"
EXCLUDED = 0.01  # at most this share of pixels and frames may be too close to call


def pytest_generate_tests(metafunc):
    if "recording" in metafunc.fixturenames:
        further = metafunc.config.getoption("--traces")
        files = sorted(GOLDEN.glob("trace-*.npz"))
        files += sorted(further.glob("trace-*.npz")) if further else []
        names = [f"{f.parent.name}/{f.stem.removeprefix('trace-')}" for f in files]
        metafunc.parametrize("recording", files, ids=names)
    if "decided" in metafunc.fixturenames:
        traces = load_decisions(DECISIONS)
        metafunc.parametrize("decided", traces.values(), ids=traces.keys())


@pytest.fixture(scope="module")
def model():
    return load_model(str(GOLDEN / "model.yaml"), GOLDEN / "model.safetensors", device="cpu")


def test_every_release_and_rule_is_recorded():
    traces = load_decisions(DECISIONS).values()
    assert {t.release for t in traces} == set(RELEASES)
    anchors = [max(len(f["anchors"] or ()) for f in t.record) for t in traces]
    assert max(anchors) >= 5, "anchors are evicted"
    shifts = [f for t in traces if t.release == "samurai" for f in t.record if "kf_score" in f]
    assert len(shifts) > 100, "the filter is stable"
    unsure = [
        f
        for t in traces
        if t.release == "sam2long"
        for f in t.record[2:]
        if max(map(abs, f["obj"])) <= 2
    ]
    assert len(unsure) > 50, "pathways part"
    absent = [t for t in traces if sum(f["obj"][:1] < [0] for f in t.record[1:]) >= 20]
    assert len(absent) > 5, "the object is away for long"


def test_decisions_from_recorded_scores(decided):
    play_decisions(decided)


def test_decisions_from_recorded_masks(recording):
    play_decisions(load(recording))


def test_every_step_from_the_recorded_state(recording, model):
    play_taught(load(recording), model)


def test_free_run(recording, model, capsys):
    found = play_freely(load(recording), model)
    with capsys.disabled():
        print(f"\n{recording.stem}: {found.close / found.pixels:.3%} of pixels too close to call")
    assert found.wrong == 0
    assert found.other_reads == 0
    assert found.close <= EXCLUDED * found.pixels
