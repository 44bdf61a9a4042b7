"""Find things by name: built-in policies and trackers lazily, others through entry points."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from typing import Any

from vot_memory.errors import InputError, unknown
from vot_memory.policy import MemoryPolicy

ENTRY_POINTS = "vot_memory.policies"

POLICIES = {
    "fifo": "vot_memory.policies.fifo:Fifo",
    "first": "vot_memory.policies.first:First",
    "random": "vot_memory.policies.random:Random",
    "replay": "vot_memory.policies.replay:Replay",
    "samurai": "vot_memory.policies.samurai:Samurai",
    "dam4sam": "vot_memory.policies.dam4sam:Dam4Sam",
    "sam2long": "vot_memory.policies.sam2long:Sam2Long",
    "sam2long-online": "vot_memory.policies.sam2long:Sam2LongOnline",
    "mosam": "vot_memory.policies.mosam:Mosam",
    "sam3": "vot_memory.policies.sam3:Sam3",
}

TRACKERS = {"sam2": "vot_memory.trackers.sam2:Sam2"}


def tracker_names() -> list[str]:
    """Kinds of tracker."""
    return sorted(TRACKERS)


def tracker_class(name: str) -> Any:
    """The class behind a kind of tracker, imported now."""
    if name not in TRACKERS:
        raise unknown("tracker", name, TRACKERS)
    return _import(TRACKERS[name])


def policy_names() -> list[str]:
    """Built-in policies and those of installed packages."""
    return sorted({*POLICIES, *_plugins()})


def load_policy(name: str, options: Mapping[str, Any] | None = None) -> MemoryPolicy:
    """Make a policy.

    Args:
        name: built-in, entry point, or `package.module:Class`.
        options: overrides of its config's fields; text is converted to the field's type.

    Raises:
        InputError: unknown name or option, or a value that does not fit.
    """
    cls = policy_class(name)
    config = _config(cls, name, options or {})
    policy: MemoryPolicy = cls(config)
    return policy


def policy_class(name: str) -> Any:
    """The class behind a name, imported now."""
    plugins = _plugins()
    if name in POLICIES:
        return _import(POLICIES[name])
    if name in plugins:
        return plugins[name].load()
    if ":" in name:
        return _import(name)
    raise unknown("policy", name, policy_names())


def _plugins() -> dict[str, Any]:
    from importlib.metadata import entry_points

    found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    clash = found.keys() & POLICIES.keys()
    if clash:
        name = min(clash)
        raise InputError(
            f"The installed package behind entry point {found[name].value!r} takes the built-in "
            f"policy name {name!r}: rename or uninstall it."
        )
    return found


def _import(path: str) -> Any:
    module, _, attribute = path.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(f"Cannot import {path!r}: {error}.") from error


def _config(cls: Any, name: str, options: Mapping[str, Any]) -> Any:
    import pydantic

    fields = {f.name for f in dataclasses.fields(cls.Config)}
    for option in options:
        if option not in fields:
            raise unknown(f"option of policy {name!r},", option, fields)
    try:
        return pydantic.TypeAdapter(cls.Config).validate_python(dict(options))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"Policy {name!r} does not take {where}={first['input']!r}: {first['msg']}."
        ) from error
