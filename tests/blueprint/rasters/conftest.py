"""A raster layer and the way of a file into it, on a real database and a real object folder."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import rasterio
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.layers.models import LayerVersion
from blueprint.objects import objects_of
from tests.rasters import store_raster

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Publish = Callable[..., LayerVersion]


@pytest.fixture
def publish_raster(session: Session, city: City) -> Publish:
    """Defines a raster layer and stores a file as its next version in force."""

    def publish(path: Path, code: str = "SLOPE", **given: Any) -> LayerVersion:
        return store_raster(session, city, path, code, **given)

    return publish


@pytest.fixture
def opened(session: Session) -> Callable[[LayerVersion], Any]:
    """Opens the stored raster of a version."""

    def open_(version: LayerVersion) -> Any:
        assert version.raster is not None
        return rasterio.open(objects_of(session).existing(version.raster.object_sha256), driver="GTiff")

    return open_
