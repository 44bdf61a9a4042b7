import re
import sys
from pathlib import Path

from vot_memory import contract
from vot_memory.registry import load_policy

ROOT = Path(__file__).resolve().parents[1]


def test_the_example_policy_keeps_the_contract(tmp_path, monkeypatch):
    text = (ROOT / "docs" / "write-a-policy.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.S)
    (tmp_path / "every.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "every", raising=False)
    checks = contract.check_policy("every:Every", {"n": "3"}, frames=24)
    assert all(check.ok for check in checks), checks
    assert load_policy("every:Every", {"n": "3"}).config.n == 3


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


def test_links_between_documents_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
