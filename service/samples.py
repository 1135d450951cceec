"""The sample cities of `data/sample_layers/`: their catalogue, their footprints, and loading what is not there yet."""

import hashlib
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from approval.preparation import table_in_force
from blueprint.accounts import persons, sections
from blueprint.accounts.passwords import make_password
from blueprint.city import DepartmentRole
from blueprint.edge import Edge
from blueprint.errors import InvalidInputError, NotFoundError
from blueprint.layers import catalogue, catalogue_file, publication
from blueprint.layers.models import Layer, LayerVersion
from blueprint.permissions import Actor, Role
from blueprint.rights_table import ROLE_WORDS
from coordination.handling import name_responsible, responsible_for
from service.settings import SAMPLE_LAYERS

SAMPLE_REASON = "示例数据 sample data"
"""Why warnings of the samples' quality check may stand."""

Store = Callable[[Session, Edge, Layer, catalogue_file.VersionFile], LayerVersion]
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
    top_m: float | None
    """The elevation of its highest point, where a rule asks for it."""
    planned_use: str | None = None
    """The code of its planned use, where a rule asks for it."""


def sample_folder(city: str) -> Path:
    """The folder of a sample city."""
    folder = SAMPLE_LAYERS / city
    if not (folder / "city.toml").is_file():
        known = sorted(path.parent.name for path in SAMPLE_LAYERS.glob("*/city.toml"))
        raise InvalidInputError("no sample city {city!r}; there are: {known}", city=city, known=known)
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
            top_m=entry.get("top_m"),
            planned_use=entry.get("planned_use"),
        )
        for entry in document["project"]
    ]


def load_samples(edge: Edge, folder: Path, *, store: Store, actor: Actor) -> tuple[int, int]:
    """Define the layers of a sample city and store the files that are not there yet; says how many layers and new versions."""
    entries = catalogue_file.read_catalogue(folder / "layers.toml")
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


@dataclass(frozen=True)
class SamplePost:
    """A sample account: its login, its one role, where it is held, and what to call who holds it."""

    login: str
    role: Role
    department: str | None
    section: str | None
    name: str


def sample_accounts(
    edge: Edge, *, actor: Actor, section: str | None = None
) -> tuple[str, list[tuple[str, Role, str | None]]]:
    """One account a role, and a director of each department that decides what every project of a type needs, all with one
    new password; says the password, and login, role and department of each. With `section` the reviewer, a second one and
    the section head are of that section, which is opened and named responsible: the department then answers in steps.
    """
    password, now = make_password(), edge.now()
    made = list(_sample_posts(edge, section))
    with Session(edge.engine, expire_on_commit=False) as session, session.begin():
        if section is not None:
            _open_sample_section(session, edge, section, actor=actor, now=now)
        for post in made:
            try:
                person = persons.find_person(session, post.login)
            except NotFoundError:
                person, _ = persons.add_person(
                    session,
                    post.login,
                    post.name,
                    password=password,
                    is_sample=True,
                    actor=actor,
                    now=now,
                )
                persons.appoint(
                    session,
                    person,
                    post.role,
                    department=post.department,
                    section=post.section,
                    city=edge.city,
                    actor=actor,
                    now=now,
                )
            else:
                persons.give_sample_password(session, person, password, actor=actor, now=now)
    return password, [(post.login, post.role, post.department) for post in made]


def _open_sample_section(session: Session, edge: Edge, name: str, *, actor: Actor, now: datetime) -> None:
    """Open the section and name it responsible, once."""
    office = _sample_office(edge)
    if responsible_for(session, [office]):
        return
    opened = sections.add_section(session, office, name, city=edge.city, actor=actor, now=now)
    name_responsible(session, office, opened.id, None, city=edge.city, actor=actor, now=now)


def _sample_office(edge: Edge) -> str:
    """The first department without an administration: the one whose posts are shown."""
    return next(d.code for d in edge.city.departments if d.role is DepartmentRole.OPINION)


def _sample_posts(edge: Edge, section: str | None) -> Iterator[SamplePost]:
    keepers = {department.role: department.code for department in reversed(edge.city.departments)}
    office = _sample_office(edge)

    def post(login: str, role: Role, department: str | None, *, within: str | None = None) -> SamplePost:
        name = f"示例{ROLE_WORDS[role][0]}"
        return SamplePost(f"sample-{login}", role, department, within, name)

    yield post("planner", Role.PLANNER, office)
    yield post("reviewer", Role.REVIEWER, office, within=section)
    if section is not None:
        yield replace(post("officer", Role.REVIEWER, office, within=section), name="示例经办人")
    yield post("section-head", Role.SECTION_HEAD, office, within=section)
    yield post("director", Role.DIRECTOR, office)
    for role, keeper in (
        (Role.COORDINATOR, DepartmentRole.COORDINATOR),
        (Role.LEAD, DepartmentRole.APPROVALS),
    ):
        if keeper in keepers:
            yield post(role, role, keepers[keeper])
    for role in (Role.SUPERVISOR, Role.OPERATOR, Role.AUDITOR):
        yield post(role, role, None)
    table = table_in_force(edge.city, today=edge.now().date())
    deciding = {rule.department for rule in table.items.values() if rule.always}
    for code in (d.code for d in edge.city.departments if d.code in deciding and d.code != office):
        yield post(f"director-{code.lower()}", Role.DIRECTOR, code)


def _is_stored(layer: Layer, file: catalogue_file.VersionFile) -> bool:
    """One file may hold several versions of a layer, as sublayers: the same bytes are the same version only together."""
    sha256 = hashlib.sha256(file.path.read_bytes()).hexdigest()
    sublayer = file.sublayer
    return any(
        version.source_sha256 == sha256 and sublayer in (None, version.quality["sublayer"])
        for version in layer.versions
    )
