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
_DIGEST = "_sha256"  # ends the name of an option that is a file's content
_DIGITS = 6  # of a digest in a label


def run_labels(identities: Seq[Identity]) -> list[str]:
    """Names that tell the runs of one table apart: the policy, then the options that it changes.

    Runs that still look the same are told apart by the files that they cannot do without (what a
    replay plays), seed, policy source and, last, their key.
    """
    labels = [_with(i.policy, _changed_options(i)) for i in identities]
    for extras in (
        [_files(i) for i in identities],
        [f"seed {i.seed}" for i in identities],
        [f"source {i.policy_source[:_DIGITS]}" for i in identities],
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
    return f"{policy} ({', '.join(_option(name, value) for name, value in options.items())})"


def _option(name: str, value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    if name.endswith(_DIGEST):
        return f"{name.removesuffix(_DIGEST)}={text[:_DIGITS]}"
    text = text.rsplit("/", 1)[-1]  # of a file, its name
    return f"{name}={text if len(text) <= _LONG_OPTION else f'{text[: _LONG_OPTION - 1]}…'}"


def _files(identity: Identity) -> str:
    """The files of a run, each by the first digits of its content."""
    options = identity.policy_config.items()
    digests = {name.removesuffix(_DIGEST): v for name, v in options if name.endswith(_DIGEST)}
    return ", ".join(f"{name} {str(value)[:_DIGITS]}" for name, value in digests.items())


def _changed_options(identity: Identity) -> dict[str, Any]:
    """Options that differ from the policy's defaults; all of them if it cannot be loaded here.

    A file for which there is no default changes nothing: the policy is that file.
    """
    try:
        defaults = _defaults(identity.policy)
    except InputError:
        return identity.policy_config

    def changed(name: str, value: Any) -> bool:
        if name not in defaults:
            return not name.endswith(_DIGEST)
        return json.dumps(defaults[name], default=str) != json.dumps(value)

    return {k: v for k, v in identity.policy_config.items() if changed(k, v)}


def _defaults(policy: str) -> dict[str, Any]:
    """What a policy without options has in its identity; one that needs some has its fields."""
    fields = dataclasses.fields(policy_class(policy).Config)
    try:
        return load_policy(policy).fingerprint()
    except InputError:
        return {f.name: f.default for f in fields if f.default is not dataclasses.MISSING}
