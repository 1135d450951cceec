"""The children that files are opened in: forked from one parent, they have nothing of the service and nothing of each other."""

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import pytest

from blueprint.errors import InvalidInputError
from blueprint.layers.cell import cause_of_death, cell
from blueprint.layers.cell_parent import tell_of_end
from blueprint.layers.children import Kind, end_parents, prepare
from blueprint.layers.confinement import Bounds
from tests.conftest import ROOT

PROBE = "tests.blueprint.layers.probe"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that a child is given."""
    given = tmp_path / "given"
    given.mkdir()
    return given


def look(folder: Path) -> dict[str, Any]:
    """What a child finds around it."""
    with cell(PROBE, {"do": "look"}, folder=folder, skipped_drivers="", bounds=Bounds()) as child:
        report = child.report.read()
        assert child.wait() == 0, child.last_words()
    found: dict[str, Any] = json.loads(report)
    return found


def test_a_child_has_nothing_of_the_service_and_nothing_of_the_child_before_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    with (folder.parent / "a file of the service").open("w"):
        first, second = look(folder), look(folder)

    assert first["parent"] == second["parent"], "both were to come from one parent"
    assert second["left_behind"] == []
    assert "secret" not in json.dumps(second["environment"])
    assert second["environment"]["TMPDIR"] == str(folder)
    assert set(second["open_files"]) <= {"proj.db"}, (
        "libraries keep their own table open, and nothing else is"
    )
    assert second["threads_of_parent"] == 1
    assert not second["reaches_anything"]


def parents() -> list[Path]:
    """The parents of children that this process has, by their folder in /proc."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words, status = (folder / "cmdline").read_bytes(), (folder / "stat").read_text()
        except OSError:
            continue
        if b"cell_parent" in words and int(status.rpartition(")")[2].split()[1]) == os.getpid():
            found.append(folder)
    return found


def test_what_children_need_is_loaded_before_the_first_of_them(folder: Path):
    end_parents()

    prepare("no.module.of.ours", Kind.VECTOR)
    prepare("blueprint.layers.reading_child", Kind.VECTOR)

    (parent,) = parents()
    deadline = time.monotonic() + 60
    while "pyarrow" not in (parent / "maps").read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert "pyarrow" in (parent / "maps").read_text()
    assert look(folder)["parent"] == int(parent.name)


def test_where_the_kernel_forbids_namespaces_a_filter_of_calls_keeps_the_network_out():
    script = """
import socket
from blueprint.layers.confinement import forbid_sockets
assert forbid_sockets()
socket.socketpair()
for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
    try:
        socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        print(error.strerror)
"""

    tried = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)

    assert tried.stdout.splitlines() == ["Network is unreachable"] * 3, tried.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands folders over")
def test_a_link_that_an_earlier_child_left_is_not_followed_when_the_folder_is_handed_over(folder: Path):
    precious = folder.parent / "precious"
    precious.write_text("of the service")
    (folder / "link").symlink_to(precious)

    look(folder)

    assert precious.stat().st_uid == 0
    assert (folder / "link").lstat().st_uid != 0


def test_a_child_that_is_brought_down_is_one_sentence_and_its_parent_is_left(folder: Path):
    before = look(folder)["parent"]

    with cell(PROBE, {"do": "crash"}, folder=folder, skipped_drivers="", bounds=Bounds()) as child:
        assert child.report.read() == ""
        refusal = cause_of_death(child)

    assert isinstance(refusal, InvalidInputError) and "brings its reader down" in refusal.message
    assert look(folder)["parent"] != before


def test_a_parent_that_was_killed_is_replaced_and_takes_its_children_along(folder: Path):
    with cell(PROBE, {"do": "hang"}, folder=folder, skipped_drivers="", bounds=Bounds()) as child:
        hanging = int(child.report.read())
        parent = int(Path(f"/proc/{hanging}/stat").read_text().rsplit(")")[-1].split()[1])
        os.kill(parent, signal.SIGKILL)

        assert child.wait() == -signal.SIGKILL

    _is_gone(hanging)
    assert look(folder)["parent"] != parent


def test_children_end_with_the_process_of_the_service(folder: Path):
    script = (
        "from pathlib import Path; from blueprint.layers.cell import cell; from blueprint.layers.confinement import Bounds\n"
        f"with cell({PROBE!r}, {{'do': 'hang'}}, folder=Path({str(folder)!r}), skipped_drivers='', bounds=Bounds()) as child:\n"
        "    print(child.report.read(), flush=True)\n"
        "    child.wait()\n"
    )
    service = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    hanging = int(service.stdout.readline())

    service.kill()
    service.wait()
    service.stdout.close()

    _is_gone(hanging)


def _is_gone(pid: int) -> None:
    for _ in range(100):
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or status.read_text().rsplit(")")[-1].split()[0] == "Z":
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} lives on")


def test_a_child_that_has_no_memory_left_to_print_its_end_still_says_what_it_was(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    def print_exc() -> None:
        raise MemoryError

    monkeypatch.setattr(traceback, "print_exc", print_exc)
    tell_of_end()

    assert capfd.readouterr().err == "MemoryError\n"
