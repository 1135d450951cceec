"""The sample cities of `data/sample_layers/`: their catalogue, their footprints, and loading what is not there yet."""

import hashlib
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from approval.preparation import table_in_force
from blueprint.accounts import persons
from blueprint.accounts.passwords import make_password
from blueprint.city import DepartmentRole
from blueprint.edge import Edge
from blueprint.errors import InvalidInputError, NotFoundError
from blueprint.layers import catalogue, publication
from blueprint.layers.models import Layer, LayerVersion
from blueprint.permissions import Actor, Role
from service.settings import SAMPLE_LAYERS

SAMPLE_REASON = "示例数据 sample data"
"""Why warnings of the samples' quality check may stand."""

Store = Callable[[Session, Edge, Layer, catalogue.VersionFile], LayerVersion]
"""Stores a file as a version; the command line's shows progress."""


@dataclass(frozen=True)
class SampleProject:
    """A project of a `projects.toml`: its footprint's file and what a check of it is expected to say."""

    name: str
    applicant: str
    purpose: str
    path: Path
    expected: str
    note: str


def sample_folder(city: str) -> Path:
    """The folder of a sample city."""
    folder = SAMPLE_LAYERS / city
    if not (folder / "city.toml").is_file():
        known = sorted(path.parent.name for path in SAMPLE_LAYERS.glob("*/city.toml"))
        raise InvalidInputError(f"no sample city {city!r}; there are: {', '.join(known)}")
    return folder


def sample_projects(folder: Path) -> list[SampleProject]:
    """The projects of a sample city."""
    document: dict[str, Any] = tomllib.loads((folder / "projects.toml").read_text(encoding="utf-8"))
    return [
        SampleProject(
            name=entry["name"],
            applicant=entry.get("applicant", "—"),
            purpose=entry.get("purpose", "—"),
            path=folder / entry["file"],
            expected=entry["expected"],
            note=entry.get("note", ""),
        )
        for entry in document["project"]
    ]


def load_samples(edge: Edge, folder: Path, *, store: Store, actor: Actor) -> tuple[int, int]:
    """Define the layers of a sample city and store the files that are not there yet; says how many layers and new versions."""
    entries = catalogue.read_catalogue(folder / "layers.toml")
    stored = 0
    for entry in entries:
        for file in entry.versions:
            with Session(edge.engine, expire_on_commit=False) as session, session.begin():
                layer, _ = catalogue.define_layer(session, entry.definition, city=edge.city, actor=actor)
                if _is_stored(layer, file):
                    continue
                version = store(session, edge, layer, file)
                # A sample file that changed since the last run supersedes what is in force, never the past.
                known = [period.starts_on for version in layer.versions for period in version.periods]
                starts_on = max([file.in_force_from or edge.now().date(), *known])
                publication.bring_into_force(
                    session,
                    version,
                    starts_on=starts_on,
                    actor=actor,
                    now=edge.now(),
                    confirm_warnings=file.confirm_warnings or SAMPLE_REASON,
                )
                stored += 1
    return len(entries), stored


def sample_accounts(edge: Edge, *, actor: Actor) -> tuple[str, list[tuple[str, Role, str | None]]]:
    """One account a role, and a director of each department that decides what every project of a type needs, all with one
    new password; says the password, and login, role and department of each.
    """
    password, now = make_password(), edge.now()
    made = list(_sample_posts(edge))
    with Session(edge.engine, expire_on_commit=False) as session, session.begin():
        for login, role, department in made:
            try:
                person = persons.find_person(session, login)
            except NotFoundError:
                person, _ = persons.add_person(
                    session,
                    login,
                    f"示例 {role}",
                    password=password,
                    is_sample=True,
                    actor=actor,
                    now=now,
                )
                persons.appoint(
                    session, person, role, department=department, city=edge.city, actor=actor, now=now
                )
            else:
                persons.give_sample_password(session, person, password, actor=actor, now=now)
    return password, made


def _sample_posts(edge: Edge) -> Iterator[tuple[str, Role, str | None]]:
    keepers = {department.role: department.code for department in reversed(edge.city.departments)}
    office = next(d.code for d in edge.city.departments if d.role is DepartmentRole.OPINION)
    places: dict[Role, str | None] = {
        Role.PLANNER: office,
        Role.REVIEWER: office,
        Role.SECTION_HEAD: office,
        Role.DIRECTOR: office,
        Role.COORDINATOR: keepers.get(DepartmentRole.COORDINATOR),
        Role.LEAD: keepers.get(DepartmentRole.APPROVALS),
        Role.SUPERVISOR: None,
        Role.OPERATOR: None,
        Role.AUDITOR: None,
    }
    for role, department in places.items():
        if department is not None or role not in (Role.COORDINATOR, Role.LEAD):
            yield f"sample-{role.replace('_', '-')}", role, department
    table = table_in_force(edge.city, today=edge.now().date())
    deciding = {rule.department for rule in table.items.values() if rule.always}
    for code in (d.code for d in edge.city.departments if d.code in deciding and d.code != office):
        yield f"sample-director-{code.lower()}", Role.DIRECTOR, code


def _is_stored(layer: Layer, file: catalogue.VersionFile) -> bool:
    """One file may hold several versions of a layer, as sublayers: the same bytes are the same version only together."""
    sha256 = hashlib.sha256(file.path.read_bytes()).hexdigest()
    sublayer = file.sublayer
    return any(
        version.source_sha256 == sha256 and sublayer in (None, version.quality["sublayer"])
        for version in layer.versions
    )
