"""`vot-memory sweep`: a grid of a policy's constants, all of it in one pass over every video.

A sweep is an ordinary run of many configurations; `sweep_table` makes the table of it. The policy's
defaults and a baseline always run beside the grid, so that every row has something to be measured
against.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from collections.abc import Sequence as Seq
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any

from vot_memory.datasets.splits import Split, check_for_tuning, load_split
from vot_memory.errors import InputError, unknown
from vot_memory.registry import policy_class, seeded_policy
from vot_memory.reports.text import count
from vot_memory.runner import RunSettings, config_of, share

DEFAULTS = "defaults"


@dataclass(frozen=True)
class Trial:
    """One configuration.

    Attributes:
        label: of its row: the values of the grid, "defaults", or the name of the baseline.
        policy: its name. options: what it is given.
        values: option of the grid -> its value; empty for the baseline.
        searched: whether it is a point of the grid.
    """

    label: str
    policy: str
    options: Mapping[str, Any]
    values: Mapping[str, Any]
    searched: bool


@dataclass(frozen=True)
class Sweep:
    """What to run and how to read it.

    Attributes:
        settings: the run of all trials. trials: its policies, in their order.
        axes: options of the grid. split: the videos.
    """

    settings: RunSettings
    trials: tuple[Trial, ...]
    axes: tuple[str, ...]
    split: Split

    @property
    def policy(self) -> str:
        """The policy whose constants are searched."""
        return self.trials[0].policy

    @property
    def combinations(self) -> int:
        """Points of the grid."""
        return sum(trial.searched for trial in self.trials)

    def announcement(self) -> str:
        """How much there is to do."""
        videos = len(share(self.split.sequences, self.settings.shard))
        beside = "".join(f" + {trial.label}" for trial in self.trials if not trial.searched)
        return (
            f"{self.policy}: {count(self.combinations, 'combination')} of {', '.join(self.axes)}"
            f"{beside}, on {count(videos, 'video')} of {self.split.name}, one pass over each"
        )


def plan_sweep(
    settings: RunSettings,
    grid: Seq[str],
    baseline: str = "fifo",
    *,
    own_folder: bool = False,
    csv: Path | None = None,
) -> Sweep:
    """Check everything that can be checked without a model.

    Args:
        settings: of the run; its one policy comes with the options that all combinations share.
        grid: "OPTION=VALUE,VALUE,..." each.
        baseline: a policy that runs beside the grid, with its defaults.
        own_folder: a folder given as split is there to tune on.
        csv: where the table shall go.

    Raises:
        InputError: a split to keep away from, an option that is unknown or given twice, a value
            that does not fit, repeats another or contradicts the rest.
    """
    check_for_tuning(settings.split, own_folder=own_folder)
    if csv is not None and csv.is_dir():
        raise InputError(f"{csv} is a folder: name a file with --csv.")
    ((policy, fixed),) = settings.policies
    axes = parse_grid(policy, grid, fixed)
    trials = _trials(policy, fixed, axes, baseline, settings.seed)
    split = load_split(settings.split, limit=settings.limit, data=settings.data)
    policies = tuple((trial.policy, trial.options) for trial in trials)
    return Sweep(replace(settings, policies=policies), trials, tuple(axes), split)


def parse_grid(policy: str, grid: Seq[str], fixed: Mapping[str, Any]) -> dict[str, list[str]]:
    """Option -> values, as they were typed.

    Raises:
        InputError: an option that is unknown, given twice or fixed, or values that are not there.
    """
    known = {field.name for field in fields(policy_class(policy).Config)}
    if not known:
        raise InputError(f"Policy {policy!r} has no options to search: choose another.")
    axes: dict[str, list[str]] = {}
    for text in grid:
        key, _, listed = text.partition("=")
        option, values = key.removeprefix(f"{policy}."), listed.split(",")
        if not (option and all(values)):
            raise InputError(f"--grid {text!r} lacks a value: write OPTION=VALUE,VALUE.")
        if option not in known:
            raise unknown(f"option of policy {policy!r},", option, known)
        if option in axes:
            raise InputError(f"Option {option} has two grids: give all its values to one --grid.")
        if option in fixed:
            raise InputError(f"Option {option} has a grid and a fixed value: leave out its --set.")
        axes[option] = values
    if not axes:
        raise InputError("There is nothing to search: give --grid OPTION=VALUE,VALUE.")
    return axes


# ---- parts -----------------------------------------------------------------------------------


def _trials(
    policy: str,
    fixed: Mapping[str, Any],
    axes: Mapping[str, Seq[str]],
    baseline: str,
    seed: int,
) -> tuple[Trial, ...]:
    """The grid, then the defaults and the baseline where the grid does not hold them already."""
    needed = _options_without_default(policy)
    if searched := needed & axes.keys():
        raise InputError(
            f"Option {min(searched)} of {policy} has no default to compare with: give it by --set."
        )
    defaults = {option: value for option, value in fixed.items() if option in needed}
    reference = config_of(seeded_policy(policy, defaults, seed))
    trials: list[Trial] = []
    labels: dict[str, str] = {}
    for values in itertools.product(*axes.values()):
        point = dict(zip(axes, values, strict=True))
        label = ", ".join(f"{option}={value}" for option, value in point.items())
        try:
            config = config_of(seeded_policy(policy, {**fixed, **point}, seed))
        except InputError as error:
            raise InputError(f"With {label}: {error}") from error
        identity = json.dumps(config, sort_keys=True, default=str)
        if identity in labels:
            raise InputError(f"{labels[identity]} and {label} are the same: leave one out.")
        labels[identity] = label
        shown = {option: _value(config, option, value) for option, value in point.items()}
        name = DEFAULTS if config == reference else label
        trials.append(Trial(name, policy, {**fixed, **point}, shown, True))
    if all(trial.label != DEFAULTS for trial in trials):
        shown = {option: _value(reference, option, DEFAULTS) for option in axes}
        trials.append(Trial(DEFAULTS, policy, defaults, shown, False))
    if baseline != policy:
        seeded_policy(baseline, {}, seed)
        trials.append(Trial(baseline, baseline, {}, {}, False))
    return tuple(trials)


def _value(config: Mapping[str, Any], option: str, typed: str) -> Any:
    """What an option comes to; a policy's fingerprint may not tell."""
    value = config.get(option, typed)
    return "none" if value is None else value


def _options_without_default(policy: str) -> set[str]:
    """Options that a policy cannot be made without, such as a file."""
    return {
        field.name
        for field in fields(policy_class(policy).Config)
        if field.default in (MISSING, Path()) and field.default_factory is MISSING
    }
