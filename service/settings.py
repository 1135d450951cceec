"""Settings from the environment (`BLUEPRINT_…`, `DATABASE_URL`); only `service` reads them."""

import os
import tempfile
from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from blueprint.errors import InvalidInputError

ROOT = Path(__file__).resolve().parent.parent
SAMPLE_LAYERS = ROOT / "data" / "sample_layers"


class Settings(BaseSettings):
    """All that can be set from outside; `blueprint --help` names them."""

    model_config = SettingsConfigDict(env_prefix="BLUEPRINT_", extra="ignore")

    home: Path = Path(".blueprint")
    city: Path = SAMPLE_LAYERS / "anshan" / "city.toml"
    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL")
    base_url: str | None = None
    approval_url: str | None = None
    handover_secret: str | None = None

    scratch: Path = Field(
        default_factory=lambda: Path(tempfile.gettempdir()) / f"blueprint-scratch-{os.getuid()}"
    )
    """Where uploads are unpacked and read; a folder that the confined reader's user can reach."""


def read_settings() -> Settings:
    """The settings of this start; a bad value is said in one sentence."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InvalidInputError(f"the setting {name} is wrong: {first['msg']}") from error
