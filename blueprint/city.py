"""The city profile (`city.toml`): name, working CRS, districts, departments, calendar, limits."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from itertools import combinations, product
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from blueprint.errors import InvalidInputError, NotFoundError
from blueprint.internal_steps import (
    InternalLimits,
    read_internal_limits,
    read_internal_steps,
    read_sign_off,
)
from blueprint.layer_groups import LAYER_GROUPS, LayerGroup, read_layer_groups
from blueprint.levels import WHOLE_CITY, Level, Territory
from blueprint.permissions import Role
from blueprint.working_days import DayRule, WorkingCalendar, read_day_rules


class AreaMeasure(StrEnum):
    """How areas are reported: on the ellipsoid (国土调查, TD/T 1055) or in the plane of the working CRS."""

    ELLIPSOID = "ellipsoid"
    PLANE = "plane"


class DepartmentRole(StrEnum):
    """The two administrations of Art. 6 and 7; every other department gives opinions."""

    COORDINATOR = "coordinator"
    APPROVALS = "approvals"
    OPINION = "opinion"


@dataclass(frozen=True)
class District:
    """A district or county (县区) of the city."""

    code: str
    name: str


@dataclass(frozen=True)
class Department:
    """A department (部门) that owns layers or gives opinions."""

    code: str
    name: str
    name_en: str | None = None
    level: Level = Level.CITY
    district: str | None = None
    role: DepartmentRole = DepartmentRole.OPINION
    always_asked: bool = False
    opinion_working_days: int | None = None
    """The department's own limit, where it has another than the city's."""
    email: str | None = None
    """Where notices to the department are sent."""
    internal_steps: bool | None = None
    """Whether its people answer in internal steps; None: as soon as it has named its responsible section."""
    sign_off: Role = Role.DIRECTOR
    """Whose signature an opinion needs, where it is answered in steps: the director's or the section head's."""
    internal_limits: InternalLimits | None = None
    """Its own, where it has others than the city's."""


@dataclass(frozen=True)
class ProjectType:
    """A type of project (项目类型): who is asked of every project of it, and within how many working days."""

    code: str
    name: str
    name_en: str | None = None
    always_asked: tuple[str, ...] = ()
    opinion_working_days: int | None = None


PROJECT_TYPES = (
    ProjectType("government", "政府投资类", "Government investment"),
    ProjectType("private", "社会投资类", "Private investment"),
    ProjectType("industrial", "工业类", "Industrial"),
    ProjectType("linear", "线性工程类", "Linear works"),
)
"""The types of a city whose profile names none (`[[project_type]]`)."""


@dataclass(frozen=True)
class Limits:
    """Time limits in working days (Art. 11 leaves the number to the city), and what an account may take away a day (Art. 18).

    `exports_per_day` and `exported_features_per_day` count files of layers that are not public. `restricted_answers_per_day`
    are the checks of a department that are answered on restricted layers which it may not read. A clock that has stood
    still (停表) for `longest_stop_working_days` is told of, and again after as many.
    """

    opinion_working_days: int = 5
    exports_per_day: int = 20
    exported_features_per_day: int = 2_000_000
    restricted_answers_per_day: int = 200
    longest_stop_working_days: int = 10


@dataclass(frozen=True)
class KeptApart:
    """Layers that may not overlap (互不重叠), by their codes: each two of `layers`, or each of them with each of `against`."""

    name: str
    name_en: str | None
    layers: tuple[str, ...]
    against: tuple[str, ...] = ()

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The pairs of different layers."""
        pairs = product(self.layers, self.against) if self.against else combinations(self.layers, 2)
        return [(one, other) for one, other in pairs if one != other]


@dataclass(frozen=True)
class City:
    """A city as its profile says; `boundary` is the jurisdiction's outline in the working CRS (metres)."""

    name: str
    administrative_code: str
    working_crs: str
    name_en: str | None = None
    area_measure: AreaMeasure = AreaMeasure.ELLIPSOID
    time_zone: str = "Asia/Shanghai"
    rule_set: str = "default"
    districts: tuple[District, ...] = ()
    departments: tuple[Department, ...] = ()
    calendar_country: str = "CN"
    calendar_subdivision: str | None = None
    calendar_rules: Mapping[date, DayRule] = field(default_factory=dict, hash=False)
    """The city's own days (`[calendar] overrides`), before any library."""
    published_years: frozenset[int] = frozenset()
    limits: Limits = field(default_factory=Limits)
    boundary_path: Path | None = None
    rules_path: Path | None = None
    second_factor_roles: frozenset[Role] = frozenset()
    """Roles that count only for who has a second factor (`[sign_in] second_factor_roles`)."""
    layer_groups: tuple[LayerGroup, ...] = LAYER_GROUPS
    project_types: tuple[ProjectType, ...] = PROJECT_TYPES
    kept_apart: tuple[KeptApart, ...] = ()
    """What an audit of all plans compares (`[[kept_apart]]`)."""
    internal_limits: InternalLimits = field(default_factory=InternalLimits)
    process_tables: Path | None = None
    """The folder of the city's own process tables (`[approval] tables`); None: the general ones of `approval`."""
    supervisor_email: str | None = None
    """Where notices to who supervises (督办) are sent (`[supervision] email`)."""

    @property
    def calendar(self) -> WorkingCalendar:
        """The city's working-day calendar."""
        return WorkingCalendar(
            self.calendar_country, self.calendar_subdivision, self.calendar_rules, self.published_years
        )

    def instant_of(self, given: datetime) -> datetime:
        """An instant as somebody gives it: without an offset it is the city's time."""
        return given if given.tzinfo is not None else given.replace(tzinfo=ZoneInfo(self.time_zone))

    @property
    def working_srid(self) -> int:
        """The EPSG number of the working CRS."""
        return int(self.working_crs.removeprefix("EPSG:"))

    @cached_property
    def geographic_srid(self) -> int:
        """The EPSG number of the geographic CRS that the working CRS is projected from."""
        geodetic = CRS.from_user_input(self.working_crs).geodetic_crs
        authority = geodetic.to_authority(min_confidence=20) if geodetic is not None else None
        if authority is None:
            raise InvalidInputError(
                "working_crs {working_crs} has no geographic base CRS with an EPSG number",
                working_crs=self.working_crs,
            )
        return int(authority[1])

    def department(self, code: str) -> Department:
        """The department of that code; NotFoundError names the codes that exist."""
        for department in self.departments:
            if department.code == code:
                return department
        known = [d.code for d in self.departments]
        raise NotFoundError(
            "no department {code!r} in the city profile of {name}; it has: {known}",
            code=code,
            name=self.name,
            known=known,
        )

    def name_of(self, code: str) -> str:
        """The name of a department, with its code where another has the same name; the code where it left the profile."""
        named = {department.code: department.name for department in self.departments}
        name = named.get(code, code)
        return f"{name}（{code}）" if list(named.values()).count(name) > 1 else name

    def layer_group(self, code: str) -> LayerGroup:
        """The layer group of that code; NotFoundError names the codes that exist."""
        for group in self.layer_groups:
            if group.code == code:
                return group
        known = ", ".join(group.code for group in self.layer_groups)
        raise NotFoundError(
            "no layer group {code!r} in the city profile of {name}; it has: {known}",
            code=code,
            name=self.name,
            known=known,
        )

    def project_type(self, code: str) -> ProjectType:
        """The project type of that code; InvalidInputError names the codes that exist."""
        for kind in self.project_types:
            if kind.code == code:
                return kind
        known = ", ".join(f"{kind.code} {kind.name}" for kind in self.project_types)
        raise InvalidInputError(
            "no project type {code!r} in the city profile of {name}; it has: {known}",
            code=code,
            name=self.name,
            known=known,
            place="project_type",
        )

    def opinion_working_days(self, department: str, project_type: str | None) -> int:
        """How long a department has for its opinion: its own limit, else the project type's, else the city's (Art. 11)."""
        own = next((d.opinion_working_days for d in self.departments if d.code == department), None)
        of_type = next((t.opinion_working_days for t in self.project_types if t.code == project_type), None)
        return own or of_type or self.limits.opinion_working_days

    def internal_limits_of(self, department: str) -> InternalLimits:
        """A department's internal limits: its own, else the city's."""
        own = next((d.internal_limits for d in self.departments if d.code == department), None)
        return own or self.internal_limits

    def territory(self, department: str | None) -> Territory:
        """What the level of a department is over; who is of no department acts for the city."""
        district = self.department(department).district if department is not None else None
        if district is None:
            return WHOLE_CITY
        of_districts = {d.code: d.district for d in self.departments if d.district is not None}
        return Territory(
            district=district,
            departments=frozenset(code for code, other in of_districts.items() if other == district),
            of_other_districts=frozenset(code for code, other in of_districts.items() if other != district),
        )


def load_city(path: Path) -> City:
    """Read and check a `city.toml`; InvalidInputError says which key is wrong."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidInputError(
            "no city profile at {path}; set BLUEPRINT_CITY to a city.toml", path=path
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInputError("{path} is not a TOML file: {error}", path=path, error=error) from error
    try:
        return _city(document, path)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise InvalidInputError(
            "{path}: a key has the wrong form: {error}", path=path, error=error
        ) from error


def _city(document: dict[str, Any], path: Path) -> City:
    missing = [key for key in ("name", "administrative_code", "working_crs") if not document.get(key)]
    if missing:
        raise InvalidInputError(
            "{path} lacks {missing}; add it at the top of the file", path=path, missing=missing
        )
    calendar = document.get("calendar", {})
    boundary = document.get("boundary")
    districts = tuple(District(code=str(d["code"]), name=d["name"]) for d in document.get("district", []))
    departments = tuple(_department(d) for d in document.get("department", []))
    _refuse_misplaced(departments, {district.code for district in districts}, path)
    return City(
        name=str(document["name"]),
        name_en=document.get("name_en"),
        administrative_code=str(document["administrative_code"]),
        working_crs=_working_crs(str(document["working_crs"]), path),
        area_measure=AreaMeasure(document.get("area_measure", AreaMeasure.ELLIPSOID)),
        time_zone=document.get("time_zone", "Asia/Shanghai"),
        rule_set=document.get("rule_set", "default"),
        districts=districts,
        departments=departments,
        calendar_country=calendar.get("country", "CN"),
        calendar_subdivision=calendar.get("subdivision"),
        calendar_rules=read_day_rules(path.parent / calendar["overrides"])
        if calendar.get("overrides")
        else {},
        published_years=frozenset(int(year) for year in calendar.get("published_years", [])),
        limits=Limits(**document.get("limits", {})),
        boundary_path=(path.parent / boundary) if boundary else None,
        rules_path=(path.parent / document["rules"]) if document.get("rules") else None,
        second_factor_roles=frozenset(
            Role(role) for role in document.get("sign_in", {}).get("second_factor_roles", [])
        ),
        layer_groups=read_layer_groups(document.get("layer_group", []), path),
        project_types=_project_types(document.get("project_type", []), departments, path),
        kept_apart=_kept_apart(document.get("kept_apart", []), path),
        internal_limits=read_internal_limits(document) or InternalLimits(),
        process_tables=path.parent / tables
        if (tables := document.get("approval", {}).get("tables"))
        else None,
        supervisor_email=document.get("supervision", {}).get("email"),
    )


def _project_types(
    entries: list[dict[str, Any]], departments: tuple[Department, ...], path: Path
) -> tuple[ProjectType, ...]:
    types = tuple(
        ProjectType(
            code=str(entry["code"]),
            name=str(entry["name"]),
            name_en=entry.get("name_en"),
            always_asked=tuple(entry.get("always_asked", ())),
            opinion_working_days=_working_days(entry),
        )
        for entry in entries
    )
    if len({kind.code for kind in types}) < len(types):
        raise InvalidInputError("{path}: two project types have the same code; rename one", path=path)
    unknown = {code for kind in types for code in kind.always_asked} - {d.code for d in departments}
    if unknown:
        raise InvalidInputError(
            "{path}: a project type asks {unknown}, which is no department of the profile",
            path=path,
            unknown=sorted(unknown),
        )
    return types or PROJECT_TYPES


def _working_days(entry: dict[str, Any]) -> int | None:
    days = entry.get("opinion_working_days")
    if days is not None and not (isinstance(days, int) and 1 <= days <= 250):
        raise ValueError(f"opinion_working_days is {days!r}, not a number from 1 to 250")
    return days


def _kept_apart(entries: list[dict[str, Any]], path: Path) -> tuple[KeptApart, ...]:
    found = tuple(
        KeptApart(
            str(entry["name"]),
            entry.get("name_en"),
            tuple(str(code) for code in entry["layers"]),
            tuple(str(code) for code in entry.get("against", ())),
        )
        for entry in entries
    )
    for entry in found:
        if not entry.pairs:
            raise InvalidInputError(
                "{path}: [[kept_apart]] {entry_name} names no two layers; give two or more, or `against`",
                path=path,
                entry_name=entry.name,
            )
    return found


def _department(entry: dict[str, Any]) -> Department:
    return Department(
        code=str(entry["code"]),
        name=entry["name"],
        name_en=entry.get("name_en"),
        level=Level(entry.get("level", Level.CITY)),
        district=str(entry["district"]) if entry.get("district") else None,
        role=DepartmentRole(entry.get("role", DepartmentRole.OPINION)),
        always_asked=bool(entry.get("always_asked", False)),
        opinion_working_days=_working_days(entry),
        email=entry.get("email"),
        internal_steps=read_internal_steps(entry),
        sign_off=read_sign_off(entry),
        internal_limits=read_internal_limits(entry),
    )


def _refuse_misplaced(departments: tuple[Department, ...], districts: set[str], path: Path) -> None:
    """A department's code is its own; one of a district names its district (of those listed, where any are), one of the city none."""
    codes: set[str] = set()
    for department in departments:
        if department.code in codes:
            raise InvalidInputError(
                "{path}: there are two departments {department_code!r}; rename one",
                path=path,
                department_code=department.code,
            )
        codes.add(department.code)
        if (department.level is Level.DISTRICT) != (department.district is not None):
            raise InvalidInputError(
                '{path}: department {department_code} must name both level = "district" and its district,'
                " or neither",
                path=path,
                department_code=department.code,
            )
        if districts and department.district is not None and department.district not in districts:
            raise InvalidInputError(
                "{path}: department {department_code} is of the district {district!r}, which the profile"
                " lacks",
                path=path,
                department_code=department.code,
                district=department.district,
            )


def _working_crs(text: str, path: Path) -> str:
    try:
        crs = CRS.from_user_input(text)
    except CRSError as error:
        raise InvalidInputError(
            "{path}: working_crs {text!r} is no CRS; write it as EPSG:4550", path=path, text=text
        ) from error
    units = {axis.unit_name for axis in crs.axis_info}
    if not crs.is_projected or units != {"metre"} or not text.startswith("EPSG:"):
        raise InvalidInputError(
            "{path}: working_crs {text!r} must be a projected EPSG CRS in metres, e.g. EPSG:4550",
            path=path,
            text=text,
        )
    return text


def polygonal(geometry: shapely.Geometry) -> shapely.MultiPolygon:
    """All polygons of a geometry as one MultiPolygon."""
    polygons = [g for g in shapely.get_parts(shapely.get_parts(geometry)) if g.geom_type == "Polygon"]
    return shapely.MultiPolygon(polygons)
