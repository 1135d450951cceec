"""The demo as a newcomer runs it: everything in one command, again in seconds, gone with Ctrl-C."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT

BLUEPRINT = Path(sys.executable).parent / "blueprint"


@pytest.fixture
def environment(fresh_database: str, tmp_path: Path) -> dict[str, str]:
    """A home of the test's own, and a database of its own on the tests' server."""
    return os.environ | {
        "DATABASE_URL": fresh_database,
        "BLUEPRINT_HOME": str(tmp_path / "home"),
        "COLUMNS": "200",
    }


@pytest.mark.timeout(600)
def test_the_demo_shows_every_report_walks_a_project_and_runs_again(
    environment: dict[str, str], tmp_path: Path
):
    command = [str(BLUEPRINT), "demo", "--no-serve"]
    first = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    second = _serves_until_interrupted(environment, tmp_path)

    assert first.returncode == 0, first.stderr
    assert "生态保护红线" in first.stdout and "碎面 sliver" in first.stdout
    assert "latitude and longitude (x and y) seem to be swapped" in first.stdout
    assert "deemed no objection" in first.stderr and "four stages concluded" in first.stderr
    page = (tmp_path / "home" / "demo" / "report.html").read_text(encoding="utf-8")
    assert "合规性检查报告" in page and "<svg" in page
    assert "new versions: 0" in second
    assert "went all the way before" in second
    assert re.findall(r"sha256:\w+", first.stdout) == re.findall(r"sha256:\w+", second)


def _serves_until_interrupted(environment: dict[str, str], folder: Path) -> str:
    """Run the demo with its map, look at it, interrupt it; returns all that it said."""
    log = folder / "demo.log"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [str(BLUEPRINT), "demo", "--port", "0"], env=environment, cwd=folder, stdout=stream, stderr=stream
        )
    try:
        url = None
        for _ in range(240):
            found = re.search(r"at (http://127\.0\.0\.1:\d+)/", log.read_text(encoding="utf-8"))
            if found:
                url = found[1]
                break
            time.sleep(0.5)
        assert url is not None, log.read_text(encoding="utf-8")
        for _ in range(60):
            try:
                assert httpx.get(f"{url}/health/ready").status_code == 200
                break
            except httpx.TransportError:
                time.sleep(0.25)
        assert "maplibre" in httpx.get(f"{url}/app.js").text or "maplibre" in httpx.get(f"{url}/").text
        token = re.search(r"token SPJ .*?: (ob_\S+)", log.read_text(encoding="utf-8"))
        assert token is not None
        cases = httpx.get(f"{url}/api/approval/cases", headers={"Authorization": f"Bearer {token[1]}"}).json()
        assert cases["items"][0]["project_code"] == "2608-210311-04-01-402751"
    finally:
        process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) in (0, 130)
    said = log.read_text(encoding="utf-8")
    assert "Traceback" not in said
    return said


def test_an_unknown_sample_city_is_one_sentence(environment: dict[str, str]):
    result = subprocess.run(
        [str(BLUEPRINT), "demo", "--city", "atlantis"], env=environment, capture_output=True, text=True
    )

    assert result.returncode == 2
    assert "no sample city 'atlantis'; there are: anshan, cambridge" in result.stderr


def test_make_help_lists_the_targets():
    result = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True)

    for target in ("demo", "test", "check", "bench", "help"):
        assert f"make {target}" in result.stdout
