"""What is compiled is kept where the user of the process may write, and is stale when anything that went into it changed."""

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blueprint import compiling, machine_code
from blueprint.layers import cutting

NOWHERE = "/proc/nowhere"
"""Not even root can make a folder there."""


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A program on a disk that cannot be written, of a user without a home, with nothing in the working folder."""
    monkeypatch.setattr(machine_code, "__file__", f"{NOWHERE}/blueprint/machine_code.py")
    monkeypatch.setenv("HOME", NOWHERE)
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "BLUEPRINT_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    machine_code.kept_in.cache_clear()
    yield
    machine_code.kept_in.cache_clear()


@pytest.mark.usefixtures("installed")
def test_loops_run_where_nothing_can_be_kept():
    @compiling.compiled_once()
    def twice(number: int) -> int:
        return 2 * number

    assert machine_code.kept_in() is None
    assert twice(3) == 6


@pytest.mark.usefixtures("installed")
def test_a_program_that_cannot_be_written_keeps_what_it_compiled_in_the_home_of_the_service(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    (home := tmp_path / "home").mkdir()
    monkeypatch.setenv("BLUEPRINT_HOME", str(home))

    assert machine_code.kept_in() == home / "compiled"
    assert (home / "compiled").stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("installed")
def test_a_folder_that_others_may_write_is_not_run_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "compiled").mkdir()
    (tmp_path / "compiled").chmod(0o777)
    monkeypatch.setenv("BLUEPRINT_HOME", str(tmp_path))

    assert machine_code.kept_in() is None


@pytest.mark.usefixtures("installed")
def test_a_folder_of_another_user_is_not_run_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("BLUEPRINT_HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 65_533)

    assert machine_code.kept_in() is None


@pytest.mark.usefixtures("installed")
def test_what_is_compiled_is_stale_when_a_loop_or_number_of_another_file_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.syspath_prepend(str(tmp_path))
    inner = "from blueprint.compiling import compiled_once\nSTEP = {step}\n@compiled_once()\ndef moved(x):\n    return {moved}\n"
    outer = "from loops_inside import STEP, moved\nfrom blueprint.compiling import compiled_once\n@compiled_once()\ndef run(x):\n    return moved(x) + STEP\n"

    def stamp(step: int, moved: str) -> bytes:
        (tmp_path / "loops_inside.py").write_text(inner.format(step=step, moved=moved), encoding="utf-8")
        (tmp_path / "loops_outside.py").write_text(outer, encoding="utf-8")
        for name in ("loops_inside", "loops_outside"):
            sys.modules.pop(name, None)
        importlib.invalidate_caches()
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        run = importlib.import_module("loops_outside").run
        return compiling.stamp_of(run.py_func)

    first = stamp(1, "x + 1")

    assert stamp(1, "x + 1") == first
    assert stamp(1, "x + 2") != first
    assert stamp(2, "x + 1") != first


@pytest.mark.usefixtures("installed")
def test_whether_something_was_compiled_of_a_file_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("BLUEPRINT_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    loops = tmp_path / "loops_alone.py"
    loops.write_text(
        "from blueprint.compiling import compiled_once\n@compiled_once()\ndef run(x):\n    return x\n",
        encoding="utf-8",
    )

    before = machine_code.is_kept(loops)
    importlib.import_module("loops_alone").run(3)

    assert (before, machine_code.is_kept(loops)) == (False, True)


@pytest.mark.parametrize("file", cutting._COMPILED, ids=lambda file: file.stem)
def test_what_cuts_a_large_layer_is_compiled_of_the_files_that_are_asked_for(file: Path):
    """Of a file without loops nothing is ever kept: each large upload would tell that it compiles."""
    assert "\n@compiled" in file.read_text(encoding="utf-8")
