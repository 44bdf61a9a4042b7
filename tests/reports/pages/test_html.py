import pytest
from fake_results import sequence

from vot_memory.reports.gather import gather
from vot_memory.reports.pages.html import section_names


@pytest.fixture
def store(results):
    return results(sequence("bear"), name="fake")


def names(store, *settings):
    for change in settings:
        store.run("fifo", {"bear": 60}, **change)
    gathered = gather(store.root, None, "fifo")
    return sorted(section_names(gathered.tables))


def test_one_section_has_the_name_of_its_data(store):
    assert names(store, {}) == ["fake"]


def test_sections_of_one_data_set_are_told_apart(store):
    other = {"tracker": "imported", "model": "unknown", "image_size": 0, "dtype": "unknown"}
    assert names(store, {}, {"prompt": "box"}, {"image_size": 256}) == [
        "fake (128 px, box prompt)",
        "fake (128 px, mask prompt)",
        "fake (256 px, mask prompt)",
    ]
    assert "fake (other programs, mask prompt)" in names(store, other)


def test_sections_of_several_data_sets_need_no_more(results):
    results(sequence("bear"), name="fake").run("fifo", {"bear": 60})
    store = results(sequence("cows"), name="other")
    store.run("fifo", {"cows": 60})
    assert names(store) == ["fake", "other"]
