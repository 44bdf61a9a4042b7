import re
import runpy
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter
from typer.main import get_command

from vot_memory import contract
from vot_memory.cli import app
from vot_memory.commands.listing import split_truth
from vot_memory.datasets.splits import SplitSpec, split_specs
from vot_memory.registry import load_policy

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "docs" / "example-plugin"


@pytest.fixture
def every(install):
    """The example package as if it were installed."""
    install("vot-memory-every", {"every": "every:Every"}, every=(EXAMPLE / "every.py").read_text())


def test_the_page_shows_the_example_package():
    page = (ROOT / "docs" / "write-a-policy.md").read_text()
    policy, test = re.findall(r"```python\n(.*?)```", page, re.S)
    (project,) = re.findall(r"```toml\n(.*?)```", page, re.S)
    assert policy == (EXAMPLE / "every.py").read_text()
    assert test == (EXAMPLE / "test_every.py").read_text()
    assert project == (EXAMPLE / "pyproject.toml").read_text()
    assert len(policy.split("\nclass Every(")[1].splitlines()) < 30
    assert len(policy.splitlines()) < 40


def test_the_example_policy_keeps_the_contract(every):
    for name in ("every", "every:Every"):
        assert load_policy(name, {"n": "3"}).config.n == 3
    checks = contract.check_policy("every", {"n": "3"}, frames=24)
    assert all(check.ok for check in checks), checks


def test_the_examples_test_passes(every):
    names = runpy.run_path(str(EXAMPLE / "test_every.py"))
    tests = [test for name, test in names.items() if name.startswith("test_")]
    assert len(tests) == 1
    tests[0]()


def test_the_readmes_python_runs(clip):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    (code,) = [block for block in blocks if "load_model" in block]
    names = {"picture": clip.frames[0], "video": clip.frames[1:3]}
    exec(code, names)
    assert names["answer"].mask("1").shape == clip.frames[0].shape[:2]
    assert names["answer"].frame == 2


def test_the_readme_shows_fifo_as_it_is():
    fifo = (ROOT / "policies" / "fifo.py").read_text()
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    (code,) = [block for block in blocks if "def write" in block]
    for line in code.splitlines():
        if not line.startswith("def"):
            assert line.strip() in fifo


def test_every_published_split_is_on_the_page_of_data_sets():
    page = (ROOT / "docs" / "datasets.md").read_text()
    for name, spec in split_specs().items():
        if spec.loader != "synth":
            assert f"`{name}`" in page
            assert spec.folder.partition("/")[0] in page
            if spec.official.sequences:
                (row,) = [r for r in page.splitlines() if r.startswith("|") and f"`{name}`" in r]
                assert str(spec.official.sequences) in row
                assert ("server only" in row) == (split_truth(spec) == "server only")


def test_the_own_data_set_on_the_page_is_valid():
    (entry,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "datasets.md").read_text(), re.S)
    specs = TypeAdapter(dict[str, SplitSpec]).validate_python(yaml.safe_load(entry))
    assert specs["my-videos"].official.objects == 20


def test_the_page_of_reports_names_every_option():
    page = (ROOT / "docs" / "reports.md").read_text()
    named = re.findall(r"^\| `(--[\w-]+)", page, re.M)
    command = get_command(app).commands["report"]
    options = {option for param in command.params for option in param.opts}
    assert sorted(named) == sorted(options - {"--help"})


def test_links_between_documents_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
