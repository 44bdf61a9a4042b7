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


def test_links_between_documents_lead_somewhere():
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"
