"""The wheel in a fresh environment outside the checkout: what does not ship is missed here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", folder, ROOT], check=True, capture_output=True)
    return next(folder.glob("okakae-*.whl"))


def test_wheel_holds_facts_samples_and_templates_but_no_sources(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "knowledge/catalog/models.toml" in names
    assert "knowledge/samples/ja/company/qa.jsonl" in names
    assert "executors/report/report.html.j2" in names
    assert not [name for name in names if "samples/sources" in name or name.startswith("tests")]


def test_wheel_runs_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    # The environment sees the packages installed here but not this checkout, which is editable.
    home = tmp_path / "env"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    site = next(home.glob("lib/python*/site-packages"), home / "Lib" / "site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    shared = [path for path in sys.path if path.endswith("site-packages")]
    lines = [path for path in shared if Path(path) != ROOT]
    (site / "shared.pth").write_text("\n".join(lines) + "\n")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    code = "import advisor, knowledge; print(advisor.__file__, knowledge.__file__)"
    found = subprocess.run(
        [python, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert str(ROOT / "advisor") not in found.stdout, found.stdout + found.stderr
    run = tmp_path / "demo"
    done = subprocess.run(
        [python, "-m", "advisor", "demo", "--lang", "en", "--json", "--run", run],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout)["verdict"]["choice"] is not None
