"""Find things by name: built-in policies and trackers lazily, others through entry points."""

from __future__ import annotations

import dataclasses
import importlib
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vot_memory.errors import InputError, described, unknown
from vot_memory.policy import MemoryPolicy

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Policies = tuple[tuple[str, dict[str, Any]], ...]  # names and options

ENTRY_POINTS = "vot_memory.policies"

POLICIES = {
    "fifo": "vot_memory.policies.fifo:Fifo",
    "first": "vot_memory.policies.first:First",
    "random": "vot_memory.policies.random:Random",
    "replay": "vot_memory.policies.replay:Replay",
    "sam2rl": "vot_memory.policies.sam2rl:Sam2RL",
    "learned": "vot_memory.policies.learned:Learned",
    "samurai": "vot_memory.policies.samurai:Samurai",
    "dam4sam": "vot_memory.policies.dam4sam:Dam4Sam",
    "sam2long": "vot_memory.policies.sam2long:Sam2Long",
    "sam2long-online": "vot_memory.policies.sam2long:Sam2LongOnline",
    "mosam": "vot_memory.policies.mosam:Mosam",
    "sam3": "vot_memory.policies.sam3:Sam3",
}

MEMBERS = [
    member
    for member in (*MemoryPolicy.__annotations__, *vars(MemoryPolicy))
    if not member.startswith("_")
]

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
    """Built-in policies and those of installed packages, also ones that cannot be used."""
    return sorted({*POLICIES, *_plug_ins()})


def load_policy(name: str, options: Mapping[str, Any] | None = None) -> MemoryPolicy:
    """Make a policy.

    Args:
        name: built-in, entry point, or `package.module:Class`.
        options: overrides of its config's fields; text is converted to the field's type.

    Raises:
        InputError: unknown name or option, a value that does not fit, values that contradict each
            other, or a plug-in that cannot be used.
    """
    cls = policy_class(name)
    config = _config(cls, name, options or {})
    try:
        policy: MemoryPolicy = cls(config)
    except InputError as error:
        raise InputError(_named(name, str(error))) from error
    except Exception as error:
        raise _unusable(name, f"its constructor raised {described(error, cls)}") from error
    lacks = [member for member in MEMBERS if not hasattr(policy, member)]
    if lacks:
        raise _unusable(name, f"it lacks {', '.join(lacks)}")
    return policy


def seeded_policy(name: str, options: Mapping[str, Any], seed: int) -> MemoryPolicy:
    """Make a policy; an option `seed` that is not set takes the run's."""
    known = {field.name for field in dataclasses.fields(policy_class(name).Config)}
    if "seed" in known and "seed" not in options:
        options = {**options, "seed": seed}
    return load_policy(name, options)


def policies_with_options(names: Sequence[str], settings: Sequence[str]) -> Policies:
    """Give every chosen policy its options.

    Args:
        names: of policies, each once.
        settings: "policy.option=value", the policy by the name it was chosen by or its class's own,
            or "option=value" for every chosen policy that has it.

    Raises:
        InputError: an unknown or repeated policy, or an option that no chosen policy has.
    """
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"Policy {twice!r} is given twice: give every policy once.")
    fields = {
        name: {field.name for field in dataclasses.fields(policy_class(name).Config)}
        for name in names
    }
    general: dict[str, dict[str, Any]] = {name: {} for name in names}
    special: dict[str, dict[str, Any]] = {name: {} for name in names}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not (key and equals):
            raise InputError(f"--set {setting!r} has no value: write option=value.")
        prefix, _, option = key.rpartition(".")
        of_class = (name for name in names if policy_class(name).name == prefix)
        owner = prefix if prefix in names else next(of_class, None)
        if owner is not None:
            special[owner][option] = value
            continue
        owners = [name for name in names if key in fields[name]]
        if not owners:
            known = {f"{n}.{f}" for n in names for f in fields[n]} | set().union(*fields.values())
            raise unknown("option", key, known)
        for name in owners:
            general[name][key] = value
    return tuple((name, general[name] | special[name]) for name in names)


def policy_class(name: str) -> Any:
    """The class behind a name, imported now.

    Raises:
        InputError: unknown name, or a plug-in that cannot be imported or is no policy.
    """
    brought = _plug_ins().get(name, [])
    if name in POLICIES:
        if brought:
            raise InputError(
                f"The installed package behind entry point {brought[0].value!r} takes the built-in "
                f"policy name {name!r}: rename or uninstall it."
            )
        return _import(POLICIES[name])
    if len(brought) > 1:
        values = " and ".join(repr(point.value) for point in brought)
        raise InputError(f"Entry points {values} both bring a policy {name!r}: uninstall one.")
    if not brought and ":" not in name:
        raise unknown("policy", name, policy_names())
    try:
        cls = brought[0].load() if brought else _import(name)
    except InputError:
        raise
    except Exception as error:  # its module is foreign code
        raise _unusable(name, _reason(error)) from error
    if not isinstance(cls, type):
        raise _unusable(name, f"it is a {type(cls).__name__}, not a class")
    if not isinstance(getattr(cls, "name", None), str):
        raise _unusable(name, "its class has no name")
    if not dataclasses.is_dataclass(getattr(cls, "Config", None)):
        raise _unusable(name, "its class has no Config, the dataclass of its options")
    return cls


def _plug_ins() -> dict[str, list[EntryPoint]]:
    """Entry points by name; more than one of a name is a mistake that its use will tell."""
    from importlib.metadata import entry_points

    found: dict[str, list[EntryPoint]] = {}
    for point in entry_points(group=ENTRY_POINTS):
        found.setdefault(point.name, []).append(point)
    return found


def _import(path: str) -> Any:
    module, _, attribute = path.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise InputError(f"Cannot import {path!r}: {_reason(error)}.") from error


def _config(cls: Any, name: str, options: Mapping[str, Any]) -> Any:
    import pydantic

    fields = {f.name for f in dataclasses.fields(cls.Config)}
    for option in options:
        if option not in fields:
            raise unknown(f"option of policy {name!r},", option, fields)
    try:
        config = pydantic.TypeAdapter(cls.Config).validate_python(dict(options))
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        what = f"does not take {where}={first['input']!r}: " if where else "refuses its options: "
        message = " ".join(first["msg"].removeprefix("Value error, ").split()).rstrip(".")
        raise InputError(f"Policy {name!r} {what}{message}.") from error
    except InputError as error:  # of the config's own __post_init__
        raise InputError(_named(name, str(error))) from error
    except Exception as error:
        raise _unusable(name, f"its options raised {described(error, cls.Config)}") from error
    for option, value in options.items():
        made = getattr(config, option)
        if isinstance(made, float) and math.isnan(made):  # every comparison with it is false
            raise InputError(f"Policy {name!r} does not take {option}={value!r}: give a number.")
    return config


def _named(name: str, sentence: str) -> str:
    """The sentence, beginning with the policy's name as it was asked for."""
    if sentence.startswith(f"Policy {name!r}"):
        return sentence
    return f"Policy {name!r}: " + re.sub("^Policy '[^']*': ", "", sentence)


def _unusable(name: str, reason: str) -> InputError:
    where = ""
    for point in _plug_ins().get(name, []):
        package = point.dist.name if point.dist else "an installed package"
        where = f" (entry point {point.value!r} of {package})"
    return InputError(f"Policy {name!r}{where} cannot be used: {reason}; correct or remove it.")


def _reason(error: Exception) -> str:
    """One line; errors of import and syntax say themselves where they are."""
    if isinstance(error, ImportError | AttributeError | SyntaxError):
        return " ".join(str(error).split()).rstrip(".")
    return described(error)
