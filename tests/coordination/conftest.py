"""The database of the way to a case: the layers of the small world, kept for the run; each test is rolled back."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.database import make_engine
from tests.conftest import OBJECTS
from tests.coordination.world import install_layers, world_city


@pytest.fixture(scope="session")
def world(city: City) -> City:
    """The city with the departments of the small world."""
    return world_city(city)


@pytest.fixture(scope="session")
def world_engine(server: Any, template: str, world: City) -> Iterator[Engine]:
    """A database that has the layers of the small world."""
    database = f"{template.partition('_template_')[0]}_world_{secrets.token_hex(6)}"
    try:
        engine = make_engine(server.create(database, template=template), objects=OBJECTS)
        with Session(engine) as session, session.begin():
            install_layers(session, world)
        yield engine
        engine.dispose()
    finally:
        server.drop(database)


@pytest.fixture
def world_session(world_engine: Engine) -> Iterator[Session]:
    """A session on the small world that is rolled back after the test."""
    with world_engine.connect() as connection:
        transaction = connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint", expire_on_commit=False) as session:
            yield session
        transaction.rollback()
