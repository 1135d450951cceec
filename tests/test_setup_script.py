"""`scripts/setup.sh` where packages are missing and nobody may install them: it says which to ask for, and touches nothing."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

TOOLS = ("sh", "dirname", "id", "apt-get", "python3", "cat", "sed")
"""What the script finds on its path: neither sudo nor ogr2ogr, which is in a package that benchmarks need."""


@pytest.fixture
def checkout() -> Iterator[Path]:
    """A folder with the script, which anybody may enter, and the tools beside it."""
    folder = Path(tempfile.mkdtemp(prefix="blueprint-setup-"))
    folder.chmod(0o755)
    for name in ("scripts", "tools"):
        (folder / name).mkdir(mode=0o755)
    shutil.copy(ROOT / "scripts" / "setup.sh", folder / "scripts" / "setup.sh")
    (folder / "scripts" / "setup.sh").chmod(0o644)
    for tool in TOOLS:
        found = shutil.which(tool, path="/usr/bin:/bin")
        assert found is not None, tool
        (folder / "tools" / tool).symlink_to(found)
    yield folder
    shutil.rmtree(folder)


def test_without_root_and_sudo_it_names_the_packages_to_ask_for(checkout: Path) -> None:
    nobody = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}

    done = subprocess.run(
        ["/bin/sh", "scripts/setup.sh", "bench"],
        cwd=checkout,
        env={"PATH": str(checkout / "tools"), "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **nobody,
    )

    assert done.returncode == 1
    chinese, english, command = done.stderr.splitlines()
    assert "请系统管理员执行下面一行" in chinese
    assert "neither root nor sudo is available; ask an administrator" in english
    assert command.startswith("!!  apt-get install --no-install-recommends ") and command.endswith("gdal-bin")
    assert done.stdout == "" and sorted(path.name for path in checkout.iterdir()) == ["scripts", "tools"]
