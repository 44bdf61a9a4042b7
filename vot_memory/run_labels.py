"""Names of runs: the policy, and what tells it from others that stand beside it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence as Seq
from typing import Any

from vot_memory.errors import InputError
from vot_memory.registry import load_policy, policy_class
from vot_memory.results import Identity

_LONG_OPTION = 16  # letters of an option's value in a label


def run_labels(identities: Seq[Identity]) -> list[str]:
    """Names that tell the runs of one table apart: the policy, then the options that it changes.

    Runs that still look the same are told apart by seed, policy source and, last, their key.
    """
    labels = [_with(i.policy, _changed_options(i)) for i in identities]
    for extras in (
        [f"seed {i.seed}" for i in identities],
        [f"source {i.policy_source[:6]}" for i in identities],
        [f"key {i.key}" for i in identities],
    ):
        labels = _tell_apart(labels, extras)
    return labels


def _tell_apart(labels: list[str], extras: list[str]) -> list[str]:
    """Add an extra to equal labels, if it differs among them."""
    result = list(labels)
    for label in set(labels):
        same = [i for i, other in enumerate(labels) if other == label]
        if len({extras[i] for i in same}) > 1:
            for i in same:
                result[i] = f"{label} [{extras[i]}]"
    return result


def _with(policy: str, options: dict[str, Any]) -> str:
    if not options:
        return policy
    return f"{policy} ({', '.join(f'{k}={_option(v)}' for k, v in options.items())})"


def _option(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    text = text.rsplit("/", 1)[-1]  # of a file, its name
    return text if len(text) <= _LONG_OPTION else f"{text[: _LONG_OPTION - 1]}…"


def _changed_options(identity: Identity) -> dict[str, Any]:
    """Options that differ from the policy's defaults; all of them if it cannot be loaded here."""
    try:
        defaults = _defaults(identity.policy)
    except InputError:
        return identity.policy_config
    return {
        name: value
        for name, value in identity.policy_config.items()
        if name not in defaults or json.dumps(defaults[name], default=str) != json.dumps(value)
    }


def _defaults(policy: str) -> dict[str, Any]:
    """What a policy without options has in its identity; one that needs some has its fields."""
    fields = dataclasses.fields(policy_class(policy).Config)
    try:
        return load_policy(policy).fingerprint()
    except InputError:
        return {f.name: f.default for f in fields if f.default is not dataclasses.MISSING}
