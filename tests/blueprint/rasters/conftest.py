"""A raster layer and the way of a file into it, on a real database and a real object folder."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import rasterio
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.layers.catalogue import LayerDefinition, define_layer
from blueprint.layers.features_file import features_folder
from blueprint.layers.models import LayerVersion
from blueprint.layers.publication import bring_into_force
from blueprint.layers.reading import staged
from blueprint.layers.storing import Upload, store_version
from blueprint.objects import objects_of
from blueprint.permissions import at_console
from blueprint.quality.check import NOTHING_FOUND
from service.settings import Settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Publish = Callable[..., LayerVersion]


@pytest.fixture
def publish_raster(session: Session, city: City) -> Publish:
    """Defines a raster layer and stores a file as its next version in force."""

    def publish(
        path: Path,
        code: str = "SLOPE",
        *,
        crs: str | None = None,
        accept_crs: str | None = None,
        band: str | None = None,
        **definition: Any,
    ) -> LayerVersion:
        values = {
            "title": code, "department": city.departments[0].code, "geometry": "raster", "control": "restrict",
            "value_kind": "continuous",
        }  # fmt: skip
        layer, _ = define_layer(
            session, LayerDefinition(code=code, **(values | definition)), city=city, actor=at_console("test")
        )
        with (
            path.open("rb") as stream,
            staged(stream, path.name, scratch=Settings().scratch) as file,
            features_folder(Settings().scratch) as folder,
        ):
            upload = Upload(actor=at_console("test"), crs=crs, accept_crs=accept_crs, sublayer=band)
            version = store_version(session, layer, file, upload, city=city, now=NOW, folder=folder)
        version.checked_at, version.issue_counts = NOW, NOTHING_FOUND
        bring_into_force(session, version, starts_on=date(2020, 1, 1), actor=at_console("test"), now=NOW)
        session.refresh(version)
        return version

    return publish


@pytest.fixture
def opened(session: Session) -> Callable[[LayerVersion], Any]:
    """Opens the stored raster of a version."""

    def open_(version: LayerVersion) -> Any:
        assert version.raster is not None
        return rasterio.open(objects_of(session).existing(version.raster.object_sha256), driver="GTiff")

    return open_
