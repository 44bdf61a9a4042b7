"""Names, options, plug-ins."""

from __future__ import annotations

import re

import pytest

from vot_memory import registry
from vot_memory.commands.listing import listing
from vot_memory.errors import InputError
from vot_memory.policies.fifo import Fifo
from vot_memory.policy import MemoryPolicy


def test_every_built_in_policy_keeps_the_interface():
    for name in registry.POLICIES:
        cls = registry.policy_class(name)
        assert cls.name == name
        if name not in ("replay", "sam2rl"):  # which need files
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
    with pytest.raises(InputError, match="known are dam4sam, fifo, first, learned, mosam, random"):
        registry.load_policy("zzz")


def test_a_class_by_path():
    assert isinstance(registry.load_policy("vot_memory.policies.fifo:Fifo"), Fifo)
    with pytest.raises(InputError, match="Cannot import 'no_such_module:X'"):
        registry.load_policy("no_such_module:X")


GOOD = """
from dataclasses import dataclass
from vot_memory.errors import InputError
from vot_memory.policies.fifo import Fifo, FifoConfig


@dataclass(frozen=True)
class Config:
    low: int = 1
    high: int = 5

    def __post_init__(self):
        if self.low > self.high:
            raise {raised}
        if self.low == 0:
            {{}}["zero"]


class Good(Fifo):
    name = "good"
    Config = Config

    def __init__(self, config=None):
        super().__init__(FifoConfig())
        self.config = config or Config()


class Stubborn(Good):
    name = "stubborn"

    def __init__(self, config=None):
        self.later = len(config)


class Picky(Good):
    name = "picky"

    def __init__(self, config=None):
        raise InputError("A map is needed: give --set picky.map=FILE.")


class Nameless:
    Config = Config


class Unset:
    name = "unset"


class Half:
    name = "half"
    Config = Config

    def __init__(self, config):
        self.spec = Fifo().spec


def function(config):
    return Good(config)
"""


def good(raised='InputError(f"low={self.low} is above high={self.high}: swap them.")'):
    return GOOD.format(raised=raised)


def test_plug_ins_are_found_beside_the_built_in_ones(install):
    install("mine", {"good": "mine:Good"}, mine=good())
    assert set(registry.policy_names()) == {"good", *registry.POLICIES}
    assert registry.load_policy("good", {"low": "2"}).config.low == 2


def test_plug_ins_may_not_take_a_built_in_name(install):
    install("mine", {"fifo": "mine:Good"}, mine=good())
    with pytest.raises(InputError, match="'mine:Good' takes the built-in policy name 'fifo'"):
        registry.load_policy("fifo")
    assert registry.load_policy("first").name == "first"
    assert dict((row[0], row) for row in listing("policies")[1])["fifo"][3] == "cannot be used"


def test_two_packages_may_not_bring_one_name(install):
    install("mine", {"good": "mine:Good"}, mine=good())
    install("other", {"good": "other:Good"}, other=good())
    with pytest.raises(InputError, match=r"both bring a policy 'good': uninstall one\.$"):
        registry.load_policy("good")


@pytest.mark.parametrize(
    ("value", "source", "reason"),
    [
        ("mine:Good", None, "No module named 'mine'"),
        ("mine:Good", "import no_such_thing", "No module named 'no_such_thing'"),
        ("mine:Good", "def (", r"invalid syntax \(mine\.py, line 1\)"),
        ("mine:Good", "x = 1\n1 / 0", r"ZeroDivisionError at mine\.py:2 \(division by zero\)"),
        ("mine:Best", good(), "module 'mine' has no attribute 'Best'"),
        ("mine:function", good(), "it is a function, not a class"),
        ("mine:Nameless", good(), "its class has no name"),
        ("mine:Unset", good(), "its class has no Config, the dataclass of its options"),
        ("mine:Stubborn", good(), r"its constructor raised TypeError at mine\.py:\d+ \(.*\)"),
        ("mine:Half", good(), "it lacks fingerprint, reset, on_prompt, prompts, read, select"),
    ],
)
def test_broken_plug_ins_name_entry_point_and_package(install, value, source, reason):
    install("mine", {"bad": value}, **({} if source is None else {"mine": source}))
    with pytest.raises(InputError) as caught:
        registry.load_policy("bad")
    sentence = str(caught.value)
    start = f"Policy 'bad' (entry point '{value}' of mine) cannot be used: "
    assert re.fullmatch(re.escape(start) + f"{reason}.*; correct or remove it\\.", sentence)
    rows = {row[0]: row for row in listing("policies")[1]}
    assert rows["bad"][1:2] + rows["bad"][3:] == ["?", "cannot be used", sentence]
    assert rows["fifo"][1] == "7"
    assert registry.load_policy("fifo").name == "fifo"


def test_a_path_to_what_is_no_policy():
    with pytest.raises(InputError, match=r"Policy 'json:loads' cannot be used: it is a function"):
        registry.load_policy("json:loads")


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (
            'InputError(f"low={self.low} is above high={self.high}: swap them.")',
            "Policy 'good': low=3 is above high=2: swap them.",
        ),
        (
            "InputError(\"Policy 'good': low is above high.\")",
            "Policy 'good': low is above high.",
        ),
        (
            "InputError(\"Policy 'parent': low is above high.\")",
            "Policy 'good': low is above high.",
        ),
        (
            'ValueError("low is above high.")',
            "Policy 'good' refuses its options: low is above high.",
        ),
        ('ValueError("low\\nhigh")', "Policy 'good' refuses its options: low high."),
    ],
)
def test_constants_that_contradict_each_other(install, raised, words):
    install("mine", {"good": "mine:Good"}, mine=good(raised))
    with pytest.raises(InputError) as caught:
        registry.load_policy("good", {"low": "3", "high": 2})
    assert str(caught.value) == words


def test_other_errors_of_options(install):
    install("mine", {"good": "mine:Good", "picky": "mine:Picky"}, mine=good())
    with pytest.raises(InputError, match=r"its options raised KeyError at mine\.py:\d+ \('zero'\)"):
        registry.load_policy("good", {"low": 0})
    with pytest.raises(InputError, match=r"^Policy 'picky': A map is needed: give --set"):
        registry.load_policy("picky")


@pytest.mark.parametrize("policy", ["fifo", "random"])
@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("abc", "Input should be a valid integer"),
        ("", "Input should be a valid integer"),
        ("2.5", "Input should be a valid integer"),
        ("-1", "Input should be greater than or equal to 2"),
        ("0", "Input should be greater than or equal to 2"),
        ("1", "Input should be greater than or equal to 2"),
        ("8", "Input should be less than or equal to 7"),
        ("99", "Input should be less than or equal to 7"),
    ],
)
def test_sizes_of_the_memory_that_cannot_be(policy, value, words):
    with pytest.raises(InputError) as caught:
        registry.load_policy(policy, {"num_maskmem": value})
    start = f"Policy '{policy}' does not take num_maskmem='{value}': {words}"
    assert str(caught.value).startswith(start)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("policy", "option"), [("dam4sam", "min_area"), ("samurai", "memory_object_score")]
)
def test_not_a_number_is_no_constant(policy, option):
    with pytest.raises(InputError, match=f"'{policy}' does not take {option}='nan': give a number"):
        registry.load_policy(policy, {option: "nan"})


def test_an_option_goes_to_every_policy_that_has_it():
    chosen = registry.policies_with_options(
        ["fifo", "first", "random"], ["num_maskmem=4", "seed=2"]
    )
    assert chosen == (
        ("fifo", {"num_maskmem": "4"}),
        ("first", {}),
        ("random", {"num_maskmem": "4", "seed": "2"}),
    )


def test_a_policys_own_option_wins_and_the_last_of_equals():
    settings = ["random.num_maskmem=3", "num_maskmem=5", "num_maskmem=6"]
    chosen = dict(registry.policies_with_options(["fifo", "random"], settings))
    assert chosen == {"fifo": {"num_maskmem": "6"}, "random": {"num_maskmem": "3"}}


def test_values_may_hold_equals_signs_and_dots():
    chosen = registry.policies_with_options(["replay"], ["replay.file=a.b=c.json"])
    assert chosen == (("replay", {"file": "a.b=c.json"}),)


def test_a_policy_of_a_module_is_also_known_by_its_own_name():
    path = "vot_memory.policies.random:Random"
    for settings in ([f"{path}.seed=3"], ["random.seed=3"]):
        chosen = registry.policies_with_options(["fifo", path], settings)
        assert chosen == (("fifo", {}), (path, {"seed": "3"}))
    chosen = registry.policies_with_options([path, "random"], ["random.seed=3"])
    assert chosen == ((path, {}), ("random", {"seed": "3"}))


def test_an_option_of_a_policy_that_is_not_run_is_refused():
    with pytest.raises(InputError, match=r"random\.seed"):
        registry.policies_with_options(["fifo"], ["random.seed=1"])


def test_a_seed_that_is_not_set_is_that_of_the_run():
    assert registry.seeded_policy("random", {}, 5).config.seed == 5
    assert registry.seeded_policy("random", {"seed": 2}, 5).config.seed == 2
    assert not hasattr(registry.seeded_policy("fifo", {}, 5).config, "seed")
