"""PostgreSQL's own programs: finding the ones that come with PostGIS, and running them unprivileged."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from blueprint.cluster.place import Place
from blueprint.errors import UnavailableError

_PROGRAMS = Path("/usr/lib/postgresql")
_SHARED = Path("/usr/share/postgresql")
_OLDEST = 15
_INSTALL = "apt-get install --no-install-recommends postgresql-15 postgresql-15-postgis-3"


@dataclass(frozen=True)
class Programs:
    """The programs of one major version of PostgreSQL."""

    version: str
    folder: Path

    def has_library(self, name: str) -> bool:
        """Say whether a library that the server may load comes with it."""
        return (self.folder.parent / "lib" / f"{name}.so").exists()

    def run(
        self, place: Place, program: str, *arguments: str, timeout_s: float
    ) -> subprocess.CompletedProcess[str]:
        """Run one program to its end as the place's user, with no terminal and none of our environment."""
        return _run(place, program, [str(self.folder / program), *arguments], timeout_s)

    def launch(self, place: Place) -> None:
        """Start the server and leave it to itself: it belongs to no process or terminal of ours."""
        # Not pg_ctl: its waiting has hung in containers, and a quotation mark in a path breaks its command line.
        words = ["/bin/sh", "-c", 'log=$1; shift; "$@" >>"$log" 2>&1 &', "sh", str(place.log_file)]
        _run(place, "postgres", [*words, str(self.folder / "postgres"), "-D", str(place.data_dir)], 30)


def find_programs(made_with: str | None) -> Programs:
    """The newest programs that have PostGIS, or those of the version that the cluster was made with."""
    found = {
        int(folder.parent.name): folder
        for folder in _PROGRAMS.glob("*/bin")
        if folder.parent.name.isdigit()
        and (folder / "initdb").exists()
        and (_SHARED / folder.parent.name / "extension" / "postgis.control").exists()
    }
    if made_with is not None and int(made_with) not in found:
        raise UnavailableError(
            "this database was made with PostgreSQL {made_with}, which is not installed with PostGIS;"
            " apt-get install --no-install-recommends postgresql-{made_with}-postgis-3",
            made_with=made_with,
        )
    version = int(made_with) if made_with is not None else max(found, default=0)
    if version < _OLDEST:
        raise UnavailableError(
            "PostgreSQL {oldest} with PostGIS is not installed: {install}", oldest=_OLDEST, install=_INSTALL
        )
    return Programs(str(version), found[version])


def _run(place: Place, program: str, words: list[str], timeout_s: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            words,
            **place.identity(),
            umask=0o077,
            env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "TZ": "UTC"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is for us, not for a server that is just starting
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(
            "PostgreSQL's {program} did not end within {timeout_s:.0f} seconds",
            program=program,
            timeout_s=timeout_s,
        ) from error
    except OSError as error:
        raise UnavailableError(
            "PostgreSQL's {program} cannot be run: {strerror}", program=program, strerror=error.strerror
        ) from error
