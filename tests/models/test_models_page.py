"""docs/models.md quotes the program: its sentences are those of the code, its names are known."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from vot_memory.models import SAM2

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "models.md").read_text()
ROWS = PAGE.partition("| it says |")[2].splitlines()[2:]


def sentences():
    """Every string of the room of models as a pattern; what is filled in may be anything."""
    for file in (ROOT / "vot_memory" / "models").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.JoinedStr):
                yield "".join(
                    re.escape(part.value) if isinstance(part, ast.Constant) else ".+"
                    for part in node.values
                )


PATTERNS = [pattern for pattern in sentences() if len(pattern.replace(".+", "")) > 20]


@pytest.mark.parametrize("row", ROWS)
def test_every_quoted_sentence_is_one_of_the_program(row):
    said = row.split("|")[1].strip()
    assert any(re.fullmatch(pattern, said) for pattern in PATTERNS), said


def test_every_model_is_on_the_page():
    assert len(ROWS) > 10
    for name, published in SAM2.items():
        assert f"| `{name}` | `{published.repo}` |" in PAGE
