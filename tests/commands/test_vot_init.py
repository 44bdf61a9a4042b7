import configparser
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from vot_memory.commands import vot_selftest
from vot_memory.commands.vot_selftest import SIZE, draw_video, try_tracker
from vot_memory.commands.vot_workspace import (
    Entry,
    add_tracker,
    make_entry,
    next_steps,
    replace_section,
)
from vot_memory.errors import InputError
from vot_memory.trackers.vot import Choice

PROGRAM = Path(sys.executable).with_name("vot-trax")
STACK = "tests/multiobject"
REGISTRY = """# all trackers of the group
[DEFAULT]
timeout = 30

[theirs]  # do not touch
protocol = traxpython
command = theirs.main

; ours follows
[ours]
label = old
protocol = trax
command = /elsewhere/vot-trax --policy first

# the last one
[last]
protocol = trax
command = /bin/last --share 50%%
"""


@pytest.fixture
def entry(tmp_path):
    return Entry("ours", (str(PROGRAM), "--policy", "fifo"), 600, tmp_path / "log")


@pytest.fixture
def workspace(tmp_path):
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / "config.yaml").write_text(f"registry:\n- ./trackers.ini\nstack: {STACK}\n")
    (folder / "trackers.ini").write_text(REGISTRY)
    return folder


def read(folder, name):
    """An entry as the toolkit reads it."""
    parser = configparser.ConfigParser()
    parser.read(folder / "trackers.ini")
    return dict(parser[name])


def test_a_new_workspace(tmp_path):
    folder = tmp_path / "my work"
    weights = tmp_path / "50% a.safetensors"
    weights.touch()
    choice = Choice("samurai", set=("motion_weight=0.2",), model="nano", checkpoint=weights)
    entry = make_entry(folder, choice, None, 600)
    assert add_tracker(folder, entry, STACK) == STACK
    found = read(folder, "samurai")
    assert shlex.split(found.pop("command")) == [
        *(str(PROGRAM), "--policy", "samurai", "--set", "motion_weight=0.2", "--model", "nano"),
        *("--checkpoint", str(weights), "--log", str(folder / "logs" / "samurai.log")),
    ]
    assert found == {"label": "samurai", "protocol": "trax", "timeout": "600"}
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config == {"stack": STACK, "registry": ["./trackers.ini"]}
    assert {path.name for path in folder.iterdir()} == {
        *("config.yaml", "trackers.ini", "sequences", "results")
    }


def test_paths_are_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("weights.pt", "model.yaml"):
        Path(name).touch()
    choice = Choice("fifo", model="model.yaml", checkpoint=Path("weights.pt"), log=Path("x.log"))
    command = make_entry(Path("ws"), choice, "name", 600).command
    for name in ("weights.pt", "model.yaml", "x.log"):
        assert str(tmp_path / name) in command


def test_only_its_own_entry_changes(workspace, entry):
    add_tracker(workspace, entry, None)
    text = (workspace / "trackers.ini").read_text()
    old = "label = old\nprotocol = trax\ncommand = /elsewhere/vot-trax --policy first\n"
    assert old in REGISTRY
    assert text == REGISTRY.replace(f"[ours]\n{old}", entry.section)
    assert read(workspace, "ours")["timeout"] == "600"
    assert read(workspace, "last")["command"] == "/bin/last --share 50%"


def test_entries_are_added_at_the_end():
    assert replace_section("", "a", "[a]\nx = 1\n") == "[a]\nx = 1\n"
    assert replace_section("[b]\ny = 2", "a", "[a]\nx = 1\n") == "[b]\ny = 2\n\n[a]\nx = 1\n"
    assert replace_section("# note\n\n", "a", "[a]\nx = 1\n") == "# note\n\n[a]\nx = 1\n"
    twice = replace_section("[a]\nx = 0\n", "a", "[a]\nx = 1\n")
    assert twice == "[a]\nx = 1\n"


def refuse(folder, entry, stack, message):
    before = {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}
    with pytest.raises(InputError, match=message):
        add_tracker(folder, entry, stack)
    assert before == {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


def test_what_is_in_the_way_stays(workspace, entry, tmp_path):
    named = Entry("theirs", entry.command, 600, entry.log)
    refuse(workspace, named, None, r"trackers.ini has another tracker \[theirs\].*--name")
    refuse(workspace, entry, "vots2025/main", "has stack tests/multiobject, not vots2025/main")
    refuse(tmp_path / "new", entry, None, "is no workspace yet: say what it evaluates by --stack")
    (workspace / "trackers.ini").write_text(REGISTRY + "[last]\n")
    refuse(workspace, entry, None, "trackers.ini is damaged .*'last' already exists")
    (workspace / "trackers.ini").write_text(REGISTRY)
    (workspace / "config.yaml").write_text(f"stack: {STACK}\nregistry: [/elsewhere]\n")
    refuse(workspace, entry, None, r"does not read trackers.ini: add ./trackers.ini")
    (workspace / "config.yaml").write_text("registry: [.]\n")
    refuse(workspace, entry, None, "is no configuration of a workspace")


@pytest.mark.parametrize(
    ("choice", "name", "timeout", "message"),
    [
        (Choice("fofi", model="nano"), None, 600, "Unknown policy 'fofi'"),
        (Choice("fifo", set=("a=1",), model="nano"), None, 600, "Unknown option 'a'"),
        (Choice("fifo", model="nona"), None, 600, "Unknown model 'nona'"),
        (Choice("fifo", model="nano", checkpoint=Path("no.pt")), None, 600, "no checkpoint no.pt"),
        (Choice("fifo", model="nano"), "a b", 600, "'a b' as a tracker's name"),
        (Choice("fifo", model="nano"), None, 0, "--timeout 0 leaves no time"),
    ],
)
def test_wrong_words_are_refused(tmp_path, choice, name, timeout, message):
    with pytest.raises(InputError, match=message):
        make_entry(tmp_path, choice, name, timeout)


def test_next_steps(workspace):
    (workspace / "sequences").mkdir()
    said = "\n".join(next_steps(workspace, "ours", STACK))
    assert f"vot evaluate --workspace {workspace} ours\n" in said
    assert f"VOT_PERSISTENT_CACHE=false vot analysis --workspace {workspace} ours\n" in said
    assert "list.txt is missing" in said
    (workspace / "sequences" / "list.txt").touch()
    said = "\n".join(next_steps(workspace, "ours", "vots2025/realtime"))
    assert "vot analysis --workspace" not in said
    assert "scores come from the server only" in said
    assert "cannot run realtime stacks" in said
    assert "list.txt" not in said


def test_the_generated_video(tmp_path):
    paths, truth = draw_video(tmp_path / "color", 3)
    assert truth.shape == (len(paths), 3, *SIZE)
    assert (truth.sum((2, 3)) == 28 * 28).all(), "no square leaves the picture"
    assert (truth.sum(1) < 2).all(), "no square hides another"
    assert SIZE[0] != SIZE[1]


@pytest.mark.parametrize(
    ("command", "failure"),
    [
        (["/nowhere/vot-trax"], "/nowhere/vot-trax cannot be started (No such file or directory)"),
        (["sleep", "60"], "it did not start within 1 s"),
        (["sh", "-c", "echo the reason >&2"], "it ended and did not start"),
    ],
)
def test_trackers_that_do_not_start(command, failure):
    trial = try_tracker(command, 1, timeout=1)
    assert trial.failure == failure
    if command[0] == "sh":
        assert vot_selftest.describe(trial) == [f"FAILED 1 object: {failure}", "  | the reason"]


HELLO = 'echo "@@TRAX:hello"; read x; read x;'
STATE = 'echo noise; echo "@@TRAX:state \\"mask:{}\\" \\"confidence=1\\"";'


@pytest.mark.parametrize(
    ("script", "failure"),
    [
        (f"{HELLO} exec sleep 60", "it did not answer 00000001.jpg within 1 s"),
        (HELLO, "it ended and did not answer 00000001.jpg"),
        (HELLO + STATE.format("0,0,1,1,1") + "read x", "it ended and did not answer 00000002.jpg"),
        (
            f'echo "@@TRAX:hello"; read x; while read x; do {STATE.format("0,0,1,1,1")} done',
            "it did not end within 1 s",
        ),
        (HELLO + STATE.format("0,0,x"), "its answer is no region ('m0,0,x' is no mask"),
        (HELLO + "echo @@TRAX:hello", "it sent '@@TRAX:hello' where 'state' was due"),
        (HELLO + "echo @@TRAX:quit", "it ended the conversation and gave no reason"),
        (
            HELLO + r"""printf '@@TRAX:quit "a=b" "trax.reason=no \\"nano\\" in C:\\\\x" \n'""",
            r'no "nano" in C:\x',
        ),
    ],
)
def test_trackers_that_do_not_answer(script, failure):
    assert try_tracker(["sh", "-c", script], 1, timeout=1).failure.startswith(failure)


def test_messages_of_the_toolkit(tmp_path):
    """Byte for byte as vot-toolkit 0.9.0 sends them, seen in its log."""
    heard = tmp_path / "heard"
    script = f'echo "@@TRAX:hello"; read x; echo "$x" > {heard}; read x; echo "$x" >> {heard}'
    try_tracker(["sh", "-c", script], 1, timeout=5)
    first, second = heard.read_text().splitlines()
    assert first == '@@TRAX:initialize "mask:10,3,28,28,0,784"'
    assert re.fullmatch('@@TRAX:frame "file:///.*/squares/color/00000001.jpg"', second)


@pytest.mark.e2e
def test_the_command(tmp_path):
    pytest.importorskip("trax", reason="vot-trax has no wheel for this machine")
    folder = tmp_path / "my workspace"

    def init(*words):
        return subprocess.run(
            [PROGRAM.with_name("vot-memory"), "vot", "init", folder, "--model", "nano", *words],
            capture_output=True,
            text=True,
        )

    done = init("--policy", "dam4sam", "--stack", STACK, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"[dam4sam] is in {folder}/trackers.ini, stack {STACK}"
    assert lines[1].startswith("ok     1 object: first answer after ")
    assert lines[2].startswith("ok     3 objects: first answer after ")
    assert all(float(line.split()[-1]) > 0.5 for line in lines[1:3]), "mean overlaps"
    assert "squares: objects: 3" in (folder / "logs" / "dam4sam.log").read_text()

    done = init("--policy", "fifo", "--device", "cuda:99")
    assert done.returncode == 1
    assert "FAILED 1 object: Device 'cuda:99' cannot be used here" in done.stdout
    assert "FAILED 3 objects" in done.stdout
    assert done.stderr == f"The tracker does not work yet; its log is {folder}/logs/fifo.log\n"
