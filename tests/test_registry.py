"""Names, options, plug-ins."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from vot_memory import registry
from vot_memory.errors import InputError
from vot_memory.policies.fifo import Fifo
from vot_memory.policy import MemoryPolicy


def test_every_built_in_policy_keeps_the_interface():
    for name in registry.POLICIES:
        cls = registry.policy_class(name)
        assert cls.name == name
        if name != "replay":  # needs a file
            policy = registry.load_policy(name)
            assert isinstance(policy, MemoryPolicy)
            assert policy.spec.source
            assert policy.spec.parity


def test_options_are_converted_and_checked():
    policy = registry.load_policy("random", {"seed": "7", "write_probability": "0.25"})
    assert (policy.config.seed, policy.config.write_probability) == (7, 0.25)
    with pytest.raises(InputError, match=r"Unknown option of policy 'random', 'sed': did you mean"):
        registry.load_policy("random", {"sed": 1})
    with pytest.raises(InputError, match="'random' does not take write_probability='2'"):
        registry.load_policy("random", {"write_probability": "2"})


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(InputError, match="Unknown policy 'fifa': did you mean 'fifo'"):
        registry.load_policy("fifa")
    with pytest.raises(InputError, match="known are dam4sam, fifo, first, mosam, random"):
        registry.load_policy("zzz")


def test_a_class_by_path():
    assert isinstance(registry.load_policy("vot_memory.policies.fifo:Fifo"), Fifo)
    with pytest.raises(InputError, match="Cannot import 'no_such_module:X'"):
        registry.load_policy("no_such_module:X")


def test_plug_ins_are_found_and_may_not_take_a_built_in_name(monkeypatch):
    def installed(name):
        point = EntryPoint(name, "vot_memory.policies.first:First", registry.ENTRY_POINTS)
        monkeypatch.setattr("importlib.metadata.entry_points", lambda group: [point])

    installed("mine")
    assert "mine" in registry.policy_names()
    assert registry.load_policy("mine").name == "first"
    installed("fifo")
    with pytest.raises(InputError, match="takes the built-in policy name 'fifo'"):
        registry.policy_names()
