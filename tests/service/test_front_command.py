"""`blueprint case exchange-front`: from the settings to the front database, with a sentence for what is in the way."""

import json

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from approval.intake import receive
from blueprint.database import make_engine
from blueprint.wall import KEEPER, seeing
from tests.approval.office import CODE, MONDAY, message
from tests.conftest import OBJECTS
from tests.service.conftest import Command


def test_what_changed_goes_into_the_front_database_once(
    command: Command, fresh_database: str, empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(fresh_database, objects=OBJECTS)
    with seeing(KEEPER), Session(engine) as session, session.begin():
        receive(session, message(1), now=MONDAY)
    engine.dispose()
    assert command("case", "prepare", "CH-210300-2026-000001", "GOV_BLD").status == 0
    assert command("case", "bind-code", "CH-210300-2026-000001", CODE).status == 0

    unset = command("case", "exchange-front")
    monkeypatch.setenv("BLUEPRINT_FRONT_DATABASE_URL", empty_database)
    lacking = command("case", "exchange-front")
    first = command("case", "exchange-front", "--create", "--format", "json")
    second = command("case", "exchange-front", "--format", "json")

    assert unset.status == 2 and "BLUEPRINT_FRONT_DATABASE_URL" in unset.err
    assert lacking.status == 1 and "lacks spgl_dfxmsplcxxb" in lacking.err
    assert first.status == 0, first.err
    put = json.loads(first.out)["put"]
    assert put > 20 and json.loads(second.out)["put"] == 0
    front = create_engine(empty_database, poolclass=NullPool)
    with front.connect() as connection:
        assert connection.scalar(text("SELECT xmdm FROM spgl_xmjbxxb")) == CODE
