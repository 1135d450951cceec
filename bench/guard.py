"""What permission check and audit entry cost a check: the same check by somebody unknown, and by a department's token that reads a layer which is not public."""

import http.client
import json
import statistics
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import shapely
from sqlalchemy import text
from sqlalchemy.orm import Session

from bench.check import ON
from bench.loading import DEPARTMENT
from bench.made_city import footprints
from bench.setting import Setting
from blueprint.permissions import Sensitivity
from blueprint.tokens import issue_token, revoke_tokens

LAYER = "DISTRICT"
"""Its features cover the city, so every check meets one of them and is recorded."""

SIZE_HA = 10
PAIRS = 200
"""A round trip and a flush to disk swing with the machine by as much as is measured: many pairs, and their medians."""
WARM_UP = 10


@dataclass(frozen=True)
class GuardFigures:
    """Milliseconds without and with; the share is of the medians."""

    pairs: int
    off_ms: float
    on_ms: float
    share: float


def measure_guard(setting: Setting, host: str) -> dict[str, Any]:
    """The figures; every footprint is checked both ways, in changing order."""
    client = http.client.HTTPConnection(host, timeout=60)
    with Session(setting.engine) as session, session.begin():
        now = datetime.now(UTC)
        token = issue_token(session, department=DEPARTMENT, city=setting.city, now=now)
    before = _recorded(setting)
    times: dict[bool, list[float]] = {False: [], True: []}
    try:
        for number, polygon in enumerate(footprints(SIZE_HA * 10_000.0, WARM_UP + PAIRS)):
            body = json.dumps(shapely.geometry.mapping(shapely.MultiPolygon([polygon])))
            for guarded in (False, True) if number % 2 else (True, False):
                seconds = _check(setting, client, body, token if guarded else None)
                if number >= WARM_UP:
                    times[guarded].append(seconds * 1000)
        recorded = _recorded(setting) - before
        if recorded != WARM_UP + PAIRS:
            raise SystemExit(f"{recorded} checks were recorded, not one of each pair of {WARM_UP + PAIRS}")
    finally:
        client.close()
        _classify(setting, Sensitivity.PUBLIC)
        with Session(setting.engine) as session, session.begin():
            revoke_tokens(session, department=DEPARTMENT, now=datetime.now(UTC))
    off, on = statistics.median(times[False]), statistics.median(times[True])
    return asdict(GuardFigures(PAIRS, round(off, 2), round(on, 2), round(on / off - 1, 3)))


def _recorded(setting: Setting) -> int:
    """How many checks the audit log has; the city and its log are kept from run to run."""
    with Session(setting.engine) as session:
        return int(
            session.scalar(text("SELECT count(*) FROM blueprint.audit_entry WHERE kind = 'check'")) or 0
        )


def _check(setting: Setting, client: http.client.HTTPConnection, body: str, token: str | None) -> float:
    _classify(setting, Sensitivity.PUBLIC if token is None else Sensitivity.INTERNAL)
    headers = {"content-type": "application/json"} | (
        {"authorization": f"Bearer {token}"} if token is not None else {}
    )
    started = time.perf_counter()
    client.request("POST", f"/api/checks?crs={setting.city.working_crs}&on={ON}", body, headers)
    answer = client.getresponse()
    content = answer.read()
    seconds = time.perf_counter() - started
    if answer.status != 200:
        raise SystemExit(f"the check answered {answer.status}: {content[:300]!r}")
    return seconds


def _classify(setting: Setting, sensitivity: Sensitivity) -> None:
    with setting.engine.begin() as connection:
        connection.execute(
            text("UPDATE blueprint.layer SET sensitivity = :class WHERE code = :code"),
            {"class": sensitivity, "code": LAYER},
        )
