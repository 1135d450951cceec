"""The rights as people read them: one row an act, and how far it goes for each role that has it."""

from collections.abc import Iterable
from dataclasses import dataclass

from blueprint.levels import Reach
from blueprint.permissions import CLEARED, DATA_ACTS, RIGHTS, Act, Rights, Role, Sensitivity

ROLE_WORDS: dict[Role, tuple[str, str]] = {
    Role.ANYONE: ("任何人", "anyone"),
    Role.PLANNER: ("规划员", "planner"),
    Role.REVIEWER: ("审查员", "reviewer"),
    Role.SECTION_HEAD: ("科长", "section head"),
    Role.DIRECTOR: ("分管领导", "director"),
    Role.COORDINATOR: ("协同主管", "coordinator"),
    Role.LEAD: ("牵头人", "lead"),
    Role.SUPERVISOR: ("督办", "supervisor"),
    Role.OPERATOR: ("账户管理员", "operator"),
    Role.AUDITOR: ("审计员", "auditor"),
    Role.DEPARTMENT: ("部门令牌", "department's token"),
    Role.SERVICE: ("接口令牌", "interface token"),
    Role.CONSOLE: ("本机命令行", "console"),
}
REACH_WORDS: dict[Reach, tuple[str, str]] = {
    Reach.OWN: ("本部门", "own"),
    Reach.TERRITORY: ("辖区", "territory"),
    Reach.UPWARD: ("辖区及市级", "upward"),
    Reach.EVERYWHERE: ("全部", "all"),
}


@dataclass(frozen=True)
class RightsRow:
    """An act and, of data acts, the class of the layer; how far every role's right goes, None where it has none."""

    act: Act
    sensitivity: Sensitivity | None
    reach: dict[Role, Reach | None]

    def roles_that_reach(self, reach: Reach) -> list[Role]:
        """The roles whose right goes exactly so far; where it is anyone's, the others need no telling."""
        roles = [role for role, far in self.reach.items() if far is reach]
        return [Role.ANYONE] if Role.ANYONE in roles else roles


def rights_rows() -> list[RightsRow]:
    """The whole table, in the order of the acts; a data act has one row a class."""
    rows = []
    for act in Act:
        for sensitivity in Sensitivity if act in DATA_ACTS else (None,):
            cleared = CLEARED[sensitivity] if sensitivity is not None else None
            rows.append(
                RightsRow(act, sensitivity, {role: _reach(role, RIGHTS[act], cleared) for role in Role})
            )
    return rows


def _reach(role: Role, rights: Rights, cleared: Rights | None) -> Reach | None:
    """How far a role's right goes, with what everybody has of it; of a data act no further than the class lets it."""
    reach = max(rights.get(role, 0), rights.get(Role.ANYONE, 0))
    if cleared is not None:
        reach = min(reach, max(cleared.get(role, 0), cleared.get(Role.ANYONE, 0)))
    return Reach(reach) if reach else None


def rights_markdown() -> str:
    """The table as a page of the documentation."""
    roles = list(Role)
    lines = [
        "| act | class | " + " | ".join(" ".join(ROLE_WORDS[role]) for role in roles) + " |",
        "| --- " * (len(roles) + 2) + "|",
    ]
    for row in rights_rows():
        cells = [REACH_WORDS[reach][1] if reach is not None else "" for reach in row.reach.values()]
        lines.append("| " + " | ".join((f"`{row.act}`", row.sensitivity or "", *cells)) + " |")
    return "\n".join(lines) + "\n"


def reach_legend() -> Iterable[str]:
    """What the words of the table mean."""
    return (
        "own 本部门: the own department's things",
        "territory 辖区: from the city everything, from a district the things of its departments",
        "upward 辖区及市级: from a district also what is the city's, not what is other districts'",
        "all 全部: everything",
    )
