"""The smallest training by imitation, on the golden weights."""

from worlds import golden_model, make_video

from vot_memory.learn.imitation.fitting import FitSettings
from vot_memory.learn.imitation.imitate import ImitateSettings, train_imitate
from vot_memory.learn.imitation.labels import LabelSettings
from vot_memory.learn.simulator import Rules

TINY = ImitateSettings(
    rounds=2,
    videos=2,
    branching=1,
    label=LabelSettings(visits=2, branched=3, hold=(1,)),
    fit=FitSettings(width=8, heads=2, layers=1, steps=5, batch=8),
    rules=Rules(slots=4),
)


def train(out, settings=TINY, **options):
    videos, dev = [make_video(10), make_video(9, label=2)], [make_video(9, label=3)]
    return train_imitate(golden_model(), videos, dev, out, settings, **options)
