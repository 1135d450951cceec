"""The snapshot: the layers of a day, in an order of its own."""

from datetime import date
from typing import Any

from sqlalchemy import Engine, make_url, text
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.layers.catalogue import LayerDefinition, define_layer
from blueprint.permissions import at_console
from blueprint.snapshot import layers_on


def test_layers_are_listed_by_their_codes_whatever_collation_the_database_has(
    server: Any, fresh_database: str, fresh_owner: Engine, city: City
):
    """A report, and its digest, is the same on a server that sorts as people do: ab, B, b_a."""
    with server.administer(str(make_url(fresh_database).database)) as connection:
        connection.execute(
            text(
                "UPDATE pg_attribute SET attcollation = pg_collation.oid FROM pg_collation"
                " WHERE collname = 'und-x-icu' AND attname = 'code' AND attrelid = 'blueprint.layer'::regclass"
            )
        )
    with Session(fresh_owner) as session:
        for code in ("ab", "B", "b_a", "b0"):
            definition = LayerDefinition(code, code, city.departments[0].code, "polygon", "inform")
            define_layer(session, definition, city=city, actor=at_console("test"))

        codes = [layer.code for layer in layers_on(session, date(2026, 11, 23))]

    assert codes == ["B", "ab", "b0", "b_a"]
