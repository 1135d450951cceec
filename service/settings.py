"""Settings from the environment (`BLUEPRINT_…`, `DATABASE_URL`); only `service` reads them."""

import os
import tempfile
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from blueprint.errors import InvalidInputError
from blueprint.sentences.validation import sentence_of_validation

ROOT = Path(__file__).resolve().parent.parent
SAMPLE_LAYERS = ROOT / "data" / "sample_layers"


class Settings(BaseSettings):
    """All that can be set from outside; `blueprint --help` names them."""

    model_config = SettingsConfigDict(env_prefix="BLUEPRINT_", extra="ignore")

    home: Path = Path(".blueprint")
    city: Path = SAMPLE_LAYERS / "anshan" / "city.toml"
    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL")
    database_owner_url: str | None = Field(default=None, validation_alias="DATABASE_OWNER_URL")
    """The role that owns the tables of DATABASE_URL's database, where the service's role does not: the second wall."""

    base_url: str | None = None
    approval_url: str | None = None
    handover_secret: str | None = None

    front_database_url: str | None = None
    front_database_schema: str | None = None
    """The front-end exchange database (前置库) and the schema of its tables."""

    notice_webhook: str | None = None
    notice_secret: str | None = None
    """Where notices are posted, and what they are signed with."""

    smtp_url: str | None = None
    smtp_sender: str | None = None
    """The mail server (smtp://user:password@host:port, or smtps://), and the address that notices come from."""

    max_upload_mb: int = Field(default=2048, ge=1, le=2048)
    """The largest layer file; what is larger than the reader takes is refused by it anyway."""

    body_seconds: float = Field(default=60.0, gt=0)
    upload_seconds: float = Field(default=1800.0, gt=0)
    """How long a request may take to send its body, and an upload its file."""

    secret_key: str | None = None
    """Seals secrets of second factors: 32 bytes in base64; unset, a file `secret.key` is made in the home."""

    openid_issuer: str | None = None
    openid_client_id: str | None = None
    openid_client_secret: str | None = None
    openid_name: str = "统一身份认证 Single sign-on"
    """The OpenID Connect provider at which people sign in too; without issuer and client there is none."""

    production: bool = False
    """Whether this is for real: sample passwords are refused, as they are wherever the service is open to others."""

    @property
    def objects(self) -> Path:
        """The folder of the files that belong to the database: rasters."""
        return self.home / "objects"

    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    """What is logged; `info` adds a line for every request but those of tiles."""

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
        raise InvalidInputError(
            "the setting {name} is wrong: {msg}", name=name, msg=sentence_of_validation(first)
        ) from error
