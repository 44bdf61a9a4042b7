import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import vot_memory

ROOT = Path(__file__).resolve().parents[1]
LINKS = {"policies": True, "trackers": True, "reports": True, "datasets.yaml": False}


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("name", LINKS)
def test_links_lead_from_the_package_to_the_top(name):
    link = ROOT / "vot_memory" / name
    assert link.is_symlink()
    assert link.readlink() == Path("..") / name  # relative, so that a clone anywhere works
    assert link.resolve() == ROOT / name
    assert link.is_dir() == LINKS[name]


def test_rooms_are_imported_under_the_package():
    from vot_memory import policies, reports, trackers

    for room in (policies, reports, trackers):
        assert Path(room.__file__).parent.parent == Path(vot_memory.__file__).parent


def test_every_package_is_listed(project):
    """setuptools takes only what is listed: the links would be found twice or not at all."""
    found = {"vot_memory"}
    for folder in (ROOT / "vot_memory").iterdir():
        if folder.is_dir() and (folder / "__init__.py").exists():
            found.add(f"vot_memory.{folder.name}")
            rooms = [file.parent.name for file in folder.glob("*/__init__.py")]
            found |= {f"vot_memory.{folder.name}.{room}" for room in rooms}
    assert set(project["tool"]["setuptools"]["packages"]) == found


def test_every_data_file_is_listed(project):
    patterns = project["tool"]["setuptools"]["package-data"]
    for file in tracked("vot_memory", "policies", "trackers", "reports"):
        if file.suffix == ".py" or (ROOT / file).is_symlink():
            continue
        inside = file if file.parts[0] == "vot_memory" else Path("vot_memory") / file
        folder = next(f for f in inside.parents if (ROOT / f / "__init__.py").exists())
        package = ".".join(folder.parts)
        assert any(inside.match(pattern) for pattern in patterns.get(package, [])), file
    assert "datasets.yaml" in patterns["vot_memory"]


def test_versions_agree(project):
    assert project["project"]["dynamic"] == ["version"]
    citation = (ROOT / "CITATION.cff").read_text()
    assert f"\nversion: {vot_memory.__version__}\n" in citation
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(rf"^## \[({re.escape(vot_memory.__version__)}|Unreleased)\]", changes, re.M)


def test_sam2_is_asked_for_alike_everywhere(project):
    wanted = next(d for d in project["project"]["dependencies"] if d.startswith("sam2"))
    assert f"'{wanted}'" in (ROOT / "Makefile").read_text()


def test_no_module_imports_torchvision_or_vot():
    """vot is GPL-3, and torchvision's wheel may not fit the torch that is installed."""
    pattern = re.compile(r"^\s*(import|from)\s+(torchvision|vot)\b", re.M)
    for file in tracked("vot_memory", "policies", "trackers", "reports"):
        if file.suffix == ".py":
            assert not pattern.search((ROOT / file).read_text()), file


def tracked(*folders):
    """Files under git, as paths relative to the repository's root."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    done = subprocess.run(
        ["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [Path(line) for line in done.stdout.splitlines()]
