"""How measures are named and read in tables."""

from typing import NamedTuple


class Measure(NamedTuple):
    """One measure.

    Attributes:
        name: attribute of the class of scores. label: short name in tables.
        higher_is_better: its direction.
    """

    name: str
    label: str
    higher_is_better: bool
