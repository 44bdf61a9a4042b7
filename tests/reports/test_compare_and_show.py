"""`vot-memory compare` and `vot-memory show` on a small results store."""

import pytest
from fake_results import sequence


@pytest.fixture
def store(results):
    store = results(*(sequence(f"s{i}") for i in range(6)))
    store.run("fifo", {f"s{i}": 50 + i for i in range(6)})
    store.run("first", {f"s{i}": 60 for i in range(6)})
    return store


@pytest.fixture
def say(vot):
    """What a command prints, as one line."""

    def call(*words):
        result = vot(*words)
        assert result.code == 0, result.err
        return " ".join(result.out.split())

    return call


def test_compare_prints_the_finding_and_writes_nothing(store, say, tmp_path):
    before = set(tmp_path.rglob("*"))
    text = say("compare", "first", "fifo")
    assert "first is 0.075 above fifo in Q" in text
    assert "better on 6, equal on 0, worse on 0 of 6 videos; p = 0.031" in text
    assert set(tmp_path.rglob("*")) == before
    assert "first is 0.070 above fifo" in say("compare", "first", "fifo", "--toolkit-compatible")


def test_compare_takes_each_setting_by_itself(store, say):
    store.run("first", {"s0": 40}, dtype="float16")
    store.run("fifo", {"s0": 45}, dtype="float16")
    store.run("fifo", {"s0": 45}, protocol="release")
    text = say("compare", "first", "fifo")
    assert "first is 0.075 above fifo" in text
    assert "first is 0.050 below fifo on the one video" in text
    assert "release: there is 'fifo', but no run of 'first'." in text
    assert "Incomplete: 10 units not run yet" in text


def test_compare_refuses_what_it_cannot_compare(store, refuses):
    assert "did you mean 'first'" in refuses("compare", "frist", "fifo")
    assert "Both names mean the run 'fifo'" in refuses("compare", "fifo", "fifo")
    store.run("random", {"s0": 40}, protocol="release")
    said = refuses("compare", "random", "fifo")
    assert "mask prompt, protocol release: there is 'random', but no run of 'fifo'" in said
    imported = {"tracker": "imported", "model": "unknown", "image_size": 0, "dtype": "unknown"}
    store.run("XMem", {"s0": 40}, **imported)
    said = refuses("compare", "XMem", "fifo")
    assert "fake, other programs, mask prompt: there is 'XMem', but no run of 'fifo'." in said
    store.run("fifo", {"s0": 40}, seed=3)
    assert "'fifo [seed 3]'" in refuses("compare", "fifo", "first")
    assert "no results on 'other'" in refuses("compare", "fifo", "first", "--split", "other") or (
        "Unknown split 'other'" in refuses("compare", "fifo", "first", "--split", "other")
    )


def test_compare_with_a_run_that_has_finished_nothing(store, refuses):
    store.run("mosam", {}, failed={"s0": "it is tired."})
    said = refuses("compare", "mosam", "fifo")
    assert "mosam" in said
    assert "it is tired" in said


def test_show_prints_what_report_prints(store, say, vot, tables_only, tmp_path):
    before = set(tmp_path.rglob("*"))
    shown = vot("show").out
    assert set(tmp_path.rglob("*")) == before
    reported = vot("report").out
    assert reported.startswith(shown.rstrip())
    assert reported.rstrip().endswith("report/index.html")
    assert "fifo" in say("show", "--baseline", "first")


def test_show_names_the_command_that_names_all(results, say):
    names = [f"video-{i:03d}" for i in range(200)]
    store = results(*(sequence(name) for name in names))
    store.run("fifo", {names[0]: 50})
    text = say("show")
    assert "... (vot-memory report names all)" in text
    assert "video-199" not in text


def test_show_one_video(store, say):
    text = say("show", "--sequence", "s3")
    assert "s3, object 1, 15 frames" in text
    assert "fifo ▅▅▅▅▅▅▅▅▅▅▅▅▅▅" in text  # 0.53
    assert "first ▅▅▅▅▅▅▅▅▅▅▅▅▅▅" in text
    assert "s2" not in text


def test_show_refuses_an_unknown_video(store, refuses):
    assert refuses("show", "--sequence", "s33").endswith("did you mean 's3'?\n")
    said = refuses("show", "--sequence", "walrus")
    assert said == "vot-memory: Unknown sequence 'walrus': there are 6, such as s0, s1, s2.\n"
    assert "'fifi'" in refuses("show", "--baseline", "fifi")


def test_show_says_that_nobody_has_finished_a_video(results, refuses):
    store = results(sequence("bear"), sequence("dog"))
    store.run("fifo", {"bear": 50}, failed={"dog": "it is tired."})
    said = refuses("show", "--sequence", "dog")
    assert "No run has finished 'dog'" in said
    assert "it is tired" in said
