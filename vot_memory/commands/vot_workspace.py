"""`vot-memory vot init`: an entry in a workspace of the VOT toolkit, made without the toolkit."""

from __future__ import annotations

import configparser
import re
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from vot_memory.building import write_atomically
from vot_memory.errors import InputError
from vot_memory.trackers.vot import Choice

PROGRAM = "vot-trax"
CONFIG, REGISTRY = "config.yaml", "trackers.ini"
SCORED_LOCALLY = "tests/multiobject", "votstval"  # ends of the stacks that come with VOTS measures
_HEAD = re.compile(r"\[([^\]]+)\]")


@dataclass(frozen=True)
class Entry:
    """A section of trackers.ini.

    Attributes:
        name: of the section and of the results' folder: letters, digits, - and _.
        command: the words that start the tracker; paths in them are absolute.
        timeout: seconds that the toolkit waits for each answer, the first one with the loading of
            weights.
        log: file that the tracker adds its messages to.
    """

    name: str
    command: tuple[str, ...]
    timeout: int
    log: Path

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", self.name):
            raise InputError(
                f"The toolkit does not take {self.name!r} as a tracker's name: "
                "give --name with letters, digits, - and _."
            )
        if self.timeout < 1:
            raise InputError(f"--timeout {self.timeout} leaves no time: give seconds, such as 600.")

    @property
    def section(self) -> str:
        """The lines of the entry; the toolkit reads % as the beginning of a reference."""
        command = shlex.join(self.command).replace("%", "%%")
        return (
            f"[{self.name}]\nlabel = {self.name}\nprotocol = trax\n"
            f"command = {command}\ntimeout = {self.timeout}\n"
        )


def make_entry(workspace: Path, choice: Choice, name: str | None, timeout: int) -> Entry:
    """The entry that serves a tracker from this Python environment.

    The toolkit starts trackers in an empty folder, so paths are made absolute.

    Args:
        workspace: its folder `logs` takes the tracker's log, unless `choice` names a file.
        choice: the tracker.
        name: None takes the policy's.
        timeout: seconds.

    Raises:
        InputError: the name does not do, or names, options or weights do not exist.
    """
    from vot_memory.models import locate
    from vot_memory.registry import load_policy, policies_with_options

    ((policy, options),) = policies_with_options([choice.policy], choice.set)
    load_policy(policy, options)
    locate(choice.model, choice.checkpoint)
    program = Path(sys.executable).with_name(PROGRAM)
    if not program.is_file():
        raise InputError(f"There is no {program}: install vot-memory again.")
    name = name or re.sub(r"[^A-Za-z0-9_-]+", "-", choice.policy)
    model = Path(choice.model)
    log = (choice.log or workspace / "logs" / f"{name}.log").resolve()
    absolute = replace(
        choice,
        model=str(model.resolve()) if model.is_file() else choice.model,
        checkpoint=choice.checkpoint and choice.checkpoint.resolve(),
        log=log,
    )
    return Entry(name, (str(program), *absolute.words()), timeout, log)


def add_tracker(workspace: Path, entry: Entry, stack: str | None) -> str:
    """Write an entry into a workspace, which is made if it is new; the name of its stack.

    In an existing trackers.ini only this entry changes.

    Args:
        workspace: its folder.
        entry: what to add, or to put in place of one of its name that was made by this function.
        stack: what the workspace evaluates; None keeps what it has.

    Raises:
        InputError: the stack is not known or another, trackers.ini is not read by the workspace or
            is damaged, or has an entry of this name from elsewhere; nothing was written.
    """
    config, registry = workspace / CONFIG, workspace / REGISTRY
    old = _read(registry)
    _check_entry(old, registry, entry.name)
    text = replace_section(old, entry.name, entry.section)
    known = _read(config)
    used = _stack_of(known, config, stack)
    for folder in ("sequences", "results"):
        (workspace / folder).mkdir(parents=True, exist_ok=True)
    if not known:
        settings = {"stack": used, "registry": [f"./{REGISTRY}"]}
        write_atomically(config, yaml.safe_dump(settings, sort_keys=False))
    write_atomically(registry, text)
    return used


def replace_section(text: str, name: str, section: str) -> str:
    """Put a section in place of the one of that name, or at the end; comments around it stay."""
    lines = text.splitlines(keepends=True)
    heads = [i for i, line in enumerate(lines) if _HEAD.match(line)]
    start = next((i for i in heads if _name_of(lines[i]) == name), None)
    if start is None:
        return f"{text.rstrip()}\n\n{section}".lstrip()
    end = next((i for i in heads if i > start), len(lines))
    while lines[end - 1].strip() == "" or lines[end - 1].startswith(("#", ";")):
        end -= 1
    return "".join([*lines[:start], section, *lines[end:]])


def next_steps(workspace: Path, name: str, stack: str) -> list[str]:
    """What to do now, and what the toolkit will not say."""
    here = shlex.quote(str(workspace))
    said = ["Next, in the environment of the toolkit:"]
    said += [f"  vot evaluate --workspace {here} {name}"]
    if stack.endswith(SCORED_LOCALLY):
        said += [
            f"  VOT_PERSISTENT_CACHE=false vot analysis --workspace {here} {name}",
            f"  vot report --workspace {here} --name {name} {name}",
        ]
    said += [f"  vot pack --workspace {here} {name}"]
    said += ["Install it apart from vot-memory: pip install vot-toolkit 'attributee<0.1.10'"]
    if not (workspace / "sequences" / "list.txt").is_file():
        said += [f"{here}/sequences/list.txt is missing: `vot evaluate` downloads the data first."]
    if stack.endswith(SCORED_LOCALLY):
        said += ["Without VOT_PERSISTENT_CACHE=false, `vot analysis` repeats old numbers."]
    else:
        said += [
            f"If {stack} has no analyses, as test sets have none, scores come from the server only."
        ]
    if stack.endswith("/realtime"):
        said += ["vot-toolkit 0.9.0 cannot run realtime stacks; 0.7.4 can."]
    return said


# ---- parts -----------------------------------------------------------------------------------


def _check_entry(text: str, registry: Path, name: str) -> None:
    """Refuse a file that the toolkit could not read, and an entry that is not ours."""
    parser = configparser.ConfigParser()
    try:
        parser.read_string(text)
        command = parser.get(name, "command", fallback="") if name in parser else PROGRAM
    except configparser.Error as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(f"{registry} is damaged ({reason}): correct it.") from error
    if Path((shlex.split(command) or [""])[0]).name != PROGRAM:
        raise InputError(
            f"{registry} has another tracker [{name}]: remove it or choose another --name."
        )


def _stack_of(text: str, config: Path, wanted: str | None) -> str:
    """The stack of a workspace that exists, or the one wanted for a new one."""
    if not text:
        if wanted is None:
            raise InputError(
                f"{config.parent} is no workspace yet: say what it evaluates by --stack, such as "
                "vots2025/main or tests/multiobject."
            )
        return wanted
    try:
        settings = yaml.safe_load(text)
        stack, registry = settings["stack"], settings.get("registry") or []
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{config} is no configuration of a workspace: correct it.") from error
    if wanted is not None and wanted != stack:
        raise InputError(f"{config} has stack {stack}, not {wanted}: leave --stack out.")
    if not any((config.parent / place).resolve() in _homes(config) for place in registry):
        raise InputError(f"{config} does not read {REGISTRY}: add ./{REGISTRY} to its registry.")
    return stack if isinstance(stack, str) else "of its own"


def _homes(config: Path) -> tuple[Path, Path]:
    return config.parent.resolve(), (config.parent / REGISTRY).resolve()


def _name_of(line: str) -> str:
    head = _HEAD.match(line)
    return head[1] if head else ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: correct it.") from error
