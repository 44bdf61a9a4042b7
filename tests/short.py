"""Procedural videos cut short, for tests that track or search them."""

from contextlib import contextmanager

import pytest

from vot_memory.datasets import synth


@contextmanager
def short_videos(length):
    """All procedural splits have videos of so many frames."""
    load = synth.load
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synth, "load", lambda **given: load(**given | {"num_frames": length}))
        yield
