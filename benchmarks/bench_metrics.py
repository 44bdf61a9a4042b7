"""From result records to the six measures: 64 sequences, 127 objects, 80 frames, 480x854.

The same load took the VOT toolkit 0.9.0 20.4 s with one worker (measured apart, on two cores). J
and F, and for comparison decoding of whole pictures, as evaluators commonly do, run on an eighth of
the load; vos-benchmark 0.1.0 takes 12.5 ms a mask for J and F (measured apart, without decoding).
"""

import json
import time

import numpy as np
import pytest

from vot_memory.datasets.rle import decode, encode
from vot_memory.datasets.sequence import ObjectTrack
from vot_memory.metrics import MEASURES, Scores, mean_scores, score_object
from vot_memory.metrics.davis import davis_scores

SEQUENCES, FRAMES, HEIGHT, WIDTH = 64, 80, 480, 854
DISTINCT = 6  # moving blobs that the objects take turns in; nothing is cached between them
EIGHTH = SEQUENCES // 8


def moving_blob(rng):
    """RLEs of a wobbling blob of some 120 px on a random walk; away in one frame of ten."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    centre = np.array([rng.uniform(120, 360), rng.uniform(200, 650)])
    masks = []
    for t in range(FRAMES):
        centre += rng.normal(0, 4, 2)
        angle = np.arctan2(y - centre[0], x - centre[1])
        radius = 60 * (1 + 0.2 * np.sin(5 * angle + t / 9) + 0.1 * np.sin(13 * angle - t / 5))
        inside = np.hypot(y - centre[0], x - centre[1]) < radius
        masks.append(inside & (t % 20 < 18))
    return masks


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Result files (JSON) with the ground truth of each object, a list a sequence."""
    folder = tmp_path_factory.mktemp("records")
    rng = np.random.default_rng(0)
    tracks = []
    for _ in range(DISTINCT):
        masks = moving_blob(rng)
        truth = [encode(m) for m in masks]
        guess = [encode(np.roll(m, rng.integers(-9, 10, 2), axis=(0, 1))) for m in masks]
        tracks.append((truth, guess))
    sequences, number = [], 0
    for s in range(SEQUENCES):
        objects = []
        for obj in range(2 if s else 1):
            truth, guess = tracks[number % DISTINCT]
            file = folder / f"s{s:02d}-{obj}.json"
            file.write_text(json.dumps({"masks": guess}))
            objects.append((file, ObjectTrack(str(obj), 0, tuple(truth))))
            number += 1
        sequences.append(objects)
    assert number == 127
    return sequences


def score(sequences) -> Scores:
    return mean_scores(
        mean_scores(
            score_object(json.loads(file.read_text())["masks"], truth) for file, truth in objects
        )
        for objects in sequences
    )


def decoded_quality(sequences) -> float:
    """Q from whole decoded pictures."""
    means = []
    for objects in sequences:
        overlaps = []
        for file, truth in objects:
            predictions = json.loads(file.read_text())["masks"]
            per_frame = []
            for guess, annotated in zip(predictions[1:], truth.rles[1:], strict=True):
                p, g = decode(guess), decode(annotated)
                union = np.count_nonzero(p | g)
                per_frame.append(np.count_nonzero(p & g) / union if union else 1.0)
            overlaps.append(np.mean(per_frame))
        means.append(np.mean(overlaps))
    return float(np.mean(means))


def test_records_to_measures(benchmark, records, capsys):
    scores = benchmark(score, records)
    with capsys.disabled():
        values = (getattr(scores, m.name) for m in MEASURES)
        shown = " ".join(
            f"{m.label} {'-' if v is None else f'{v:.3f}'}"
            for m, v in zip(MEASURES, values, strict=True)
        )
        start = time.perf_counter()
        score(records)
        print(
            f"\n10160 masks at 480p to six measures: {time.perf_counter() - start:.2f} s; {shown}"
        )


def test_j_and_f(benchmark, records, capsys):
    part = [obj for objects in records[:EIGHTH] for obj in objects]

    def mean_j_and_f():
        scores = [
            davis_scores(json.loads(file.read_text())["masks"], truth.rles) for file, truth in part
        ]
        return [float(np.mean(column)) for column in zip(*scores, strict=True)][:2]

    region, contour = benchmark.pedantic(mean_j_and_f, rounds=1)
    start = time.process_time()
    mean_j_and_f()
    each = (time.process_time() - start) / (len(part) * (FRAMES - 2))
    with capsys.disabled():
        print(f"\nJ and F: {1000 * each:.2f} ms a mask at 480p; J {region:.3f} F {contour:.3f}")


@pytest.mark.filterwarnings("ignore::DeprecationWarning:pycocotools")
def test_decoding_whole_pictures(benchmark, records, capsys):
    part = records[:EIGHTH]
    quality = benchmark.pedantic(decoded_quality, args=(part,), rounds=1)
    assert quality == pytest.approx(score(part).quality, abs=1e-12)
    start = time.perf_counter()
    score(part)
    ours = time.perf_counter() - start
    theirs = benchmark.stats.stats.mean if benchmark.stats else float("nan")
    with capsys.disabled():
        print(f"\nwhole pictures: {theirs:.2f} s for an eighth of it, {theirs / ours:.0f} x ours")
