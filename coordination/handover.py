"""The messages by which approval knows coordination (Art. 3): the handover (推送), its correction (更正), its withdrawal (撤回).

Their canonical form and signature; which may follow which.
"""

import hashlib
import hmac
import json
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal, TypeVar
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
)
from pydantic_core import from_json

from blueprint.errors import InvalidInputError, NotSignedInError
from blueprint.sentences import Sentence
from blueprint.sentences.validation import sentence_of_validation

SIGNATURE_HEADER = "Blueprint-Signature"
SIGNATURE_LIFETIME_S = 300
"""A signature older (or newer) than this many seconds is not taken: a recorded message cannot be replayed later."""

MAX_MESSAGE_BYTES = 5 << 20
_PLANNING_NUMBER = r"^CH-[0-9A-Z-]{1,20}-[0-9]{4}-[0-9]{6,}$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    later: ClassVar[frozenset[str]] = frozenset()
    """Fields that joined the format after its first messages; empty they are not written, so that no hash changes."""

    @model_serializer(mode="wrap")
    def _as_first_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        document: dict[str, Any] = handler(self)
        return {
            k: v for k, v in document.items() if k not in self.later or getattr(self, k) not in (None, ())
        }

    @field_validator("*")
    @classmethod
    def _storable(cls, value: object) -> object:
        if isinstance(value, str) and "\x00" in value:
            raise ValueError(Sentence("text has a NUL character, which cannot be stored"))
        return value


class HandedProject(_Part):
    """The project as coordination knows it; it has no project code yet (Art. 12)."""

    planning_number: str = Field(pattern=_PLANNING_NUMBER, max_length=40)
    name: str = Field(min_length=1, max_length=200)
    applicant: str = Field(min_length=1, max_length=200)
    purpose: str = Field(min_length=1, max_length=4000)
    applicant_code: str | None = Field(default=None, max_length=18)
    project_type: str | None = Field(default=None, max_length=40)
    industry: str | None = Field(default=None, max_length=200)
    investment_10k_cny: float | None = Field(default=None, ge=0)
    planned_use: str | None = Field(default=None, max_length=200)
    district: str | None = Field(default=None, max_length=20)
    funds_source: str | None = Field(default=None, max_length=200)
    planned_start_on: date | None = None

    later: ClassVar = frozenset(
        {
            "applicant_code",
            "project_type",
            "industry",
            "investment_10k_cny",
            "planned_use",
            "district",
            "funds_source",
            "planned_start_on",
        }
    )


_Ring = Annotated[tuple[tuple[float, float], ...], Field(min_length=4)]
_Rings = Annotated[tuple[_Ring, ...], Field(min_length=1)]


class HandedFootprint(_Part):
    """The site boundary (用地红线): a MultiPolygon's rings in the named CRS, easting before northing, metres."""

    revision: int = Field(ge=1)
    crs: str = Field(pattern=r"^EPSG:[0-9]{4,6}$")
    area_m2: float = Field(gt=0)
    coordinates: tuple[_Rings, ...] = Field(min_length=1)


class HandedConflict(_Part):
    """What one layer says of the footprint."""

    layer: str = Field(max_length=60)
    title: str = Field(max_length=200)
    department: str = Field(max_length=40)
    control: str = Field(max_length=10)
    feature_count: int = Field(ge=0)
    overlap_m2: float = Field(ge=0)
    length_m: float = Field(ge=0)
    point_count: int = Field(ge=0)


MAX_FINDINGS = 1000


class HandedFinding(_Part):
    """One conflict (图斑): a feature of a layer and what the footprint shares with it; `number` is its place among them.

    `said` is what its department said of it alone, where it did.
    """

    number: int = Field(ge=1)
    department: str = Field(max_length=40)
    department_name: str = Field(max_length=200)
    layer: str = Field(max_length=60)
    title: str = Field(max_length=200)
    feature: str = Field(max_length=200)
    severity: str = Field(pattern="^(prohibit|restrict|advise|inform)$")
    overlap_m2: float = Field(ge=0)
    length_m: float = Field(ge=0)
    point_count: int = Field(ge=0)
    basis: str | None = Field(default=None, max_length=4000)
    said: str | None = Field(
        default=None, pattern="^(agree|agree_with_conditions|disagree|no_objection|not_needed)$"
    )


class HandedNotChecked(_Part):
    """A layer that says nothing of the footprint: without data, expired, or not covering all of it."""

    layer: str = Field(max_length=60)
    title: str = Field(max_length=200)
    department: str = Field(max_length=40)
    control: str = Field(max_length=10)
    outcome: str = Field(pattern="^(no_data|expired|outside_coverage)$")


class HandedSetAside(_Part):
    """A finding that was contested and that the layer's owner set aside (冲突异议成立), with both reasons."""

    department: str = Field(max_length=40)
    department_name: str = Field(max_length=200)
    layer: str = Field(max_length=60)
    title: str = Field(max_length=200)
    feature: str = Field(max_length=200)
    severity: str = Field(max_length=10)
    reason: str = Field(max_length=4000)
    decision: str = Field(max_length=4000)
    decided_by: str = Field(max_length=200)


class HandedCheck(_Part):
    """The check that the clearance rests on; the digest proves it against the blueprint of that day.

    `findings` are the conflicts one by one, the worst first, those of restricted layers and slivers not among them;
    `findings_left_out` is how many there were besides.
    """

    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    on: date
    verdict: str = Field(pattern="^(clear|inform|advise|restrict)$")
    conflicts: tuple[HandedConflict, ...] = Field(max_length=1000)
    set_aside: tuple[HandedSetAside, ...] = Field(default=(), max_length=1000)
    findings: tuple[HandedFinding, ...] = Field(default=(), max_length=MAX_FINDINGS)
    findings_left_out: int | None = Field(default=None, ge=1)
    not_checked: tuple[HandedNotChecked, ...] = Field(default=(), max_length=1000)

    later: ClassVar = frozenset({"set_aside", "findings", "findings_left_out", "not_checked"})


class HandedCondition(_Part):
    """One condition of an opinion (附带条件); `place` is GeoJSON in longitude and latitude."""

    number: int = Field(ge=1)
    text: str = Field(min_length=1, max_length=4000)
    about: str | None = Field(default=None, max_length=400)
    place: dict[str, Any] | None = None


class HandedAnswer(_Part):
    """What an opinion says of one finding, with its reason, other than a condition: that no consultation is needed, say."""

    about: str = Field(max_length=400)
    kind: str = Field(pattern="^(agree|disagree|no_objection|not_needed)$")
    text: str = Field(min_length=1, max_length=4000)


class HandedOpinion(_Part):
    """One department's opinion, or its silence past the limit (Art. 11)."""

    department: str = Field(max_length=40)
    department_name: str = Field(max_length=200)
    kind: str = Field(pattern="^(agree|agree_with_conditions|no_objection|deemed_no_objection)$")
    conditions: str | None = Field(default=None, max_length=4000)
    remark: str | None = Field(default=None, max_length=4000)
    given_on: date
    condition_list: tuple[HandedCondition, ...] = Field(default=(), max_length=200)
    answers: tuple[HandedAnswer, ...] = Field(default=(), max_length=1000)

    later: ClassVar = frozenset({"condition_list", "answers"})


class HandoverMessage(_Part):
    """A cleared project with all that coordination found out about it (策划生成信息).

    One of a project that was handed over before `follows` the withdrawal of that clearance.
    """

    format: Literal["one-blueprint-handover/1"] = "one-blueprint-handover/1"
    message_id: UUID
    city_code: str = Field(min_length=1, max_length=20)
    city_name: str = Field(max_length=200)
    project: HandedProject
    footprint: HandedFootprint
    check: HandedCheck
    opinions: tuple[HandedOpinion, ...] = Field(max_length=500)
    cleared_on: date
    cleared_by: str = Field(max_length=200)
    follows: UUID | None = None

    later: ClassVar = frozenset({"follows"})

    @property
    def planning_number(self) -> str:
        """The number of the project it is about."""
        return self.project.planning_number


class CorrectionMessage(_Part):
    """That what was registered of a handed-over project is corrected (更正); its clearance stands as it is.

    `project` is the whole of it as it now reads; `follows` is the message it comes after: the handover `handover_id`, or
    an earlier correction of it.
    """

    format: Literal["one-blueprint-correction/1"] = "one-blueprint-correction/1"
    message_id: UUID
    handover_id: UUID
    follows: UUID
    project: HandedProject
    reason: str = Field(min_length=1, max_length=4000)
    made_on: date
    made_by: str = Field(max_length=200)

    @property
    def planning_number(self) -> str:
        """The number of the project it is about."""
        return self.project.planning_number


class WithdrawalMessage(_Part):
    """That a clearance is taken back (撤回): the handover `handover_id` and its corrections hold no more.

    It may come before the handover, which was then never taken in, and is not taken in afterwards.
    """

    format: Literal["one-blueprint-withdrawal/1"] = "one-blueprint-withdrawal/1"
    message_id: UUID
    handover_id: UUID
    planning_number: str = Field(pattern=_PLANNING_NUMBER, max_length=40)
    reason: str = Field(min_length=1, max_length=4000)
    made_on: date
    made_by: str = Field(max_length=200)


Message = HandoverMessage | CorrectionMessage | WithdrawalMessage
FORMATS: dict[str, type[HandoverMessage] | type[CorrectionMessage] | type[WithdrawalMessage]] = {
    "one-blueprint-handover/1": HandoverMessage,
    "one-blueprint-correction/1": CorrectionMessage,
    "one-blueprint-withdrawal/1": WithdrawalMessage,
}
"""Every message that approval takes, by its format; its schema is in `docs/interfaces/`."""


def canonical(message: Message) -> str:
    """The one way to write a message as JSON: sorted keys, no spaces, UTF-8 as it is."""
    document = message.model_dump(mode="json")
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256_of(message: Message) -> str:
    """SHA-256 (hexadecimal) of the canonical form: two messages are the same when this is."""
    return hashlib.sha256(canonical(message).encode()).hexdigest()


def read_message(body: bytes) -> HandoverMessage:
    """Read a handover; InvalidInputError names the field that is wrong."""
    return _read(HandoverMessage, body)


def read_any_message(body: bytes) -> Message:
    """Read a message of any format that came over the interface; one without a format is read as a handover."""
    try:
        document = from_json(body)
    except ValueError as error:
        raise InvalidInputError("the message is no JSON: {error}", error=error, place="message") from error
    named = document.get("format") if isinstance(document, dict) else None
    match named:
        case "one-blueprint-correction/1":
            return _read(CorrectionMessage, body)
        case "one-blueprint-withdrawal/1":
            return _read(WithdrawalMessage, body)
        case _:
            return _read(HandoverMessage, body)


_M = TypeVar("_M", bound=_Part)


def _read(model: type[_M], body: bytes) -> _M:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "message"
        raise InvalidInputError(
            "the handover cannot be read: {where}: {msg}",
            where=where,
            msg=sentence_of_validation(first),
            place=where,
        ) from error


def sign(body: bytes, *, secret: str, at: datetime) -> str:
    """The signature header's value: the instant and HMAC-SHA256 over instant and body."""
    instant = int(at.timestamp())
    return f"t={instant},v1={_mac(body, secret=secret, instant=instant)}"


def verify(header: str, body: bytes, *, secret: str, now: datetime) -> None:
    """Refuse a signature that is malformed, of another secret or body, or older than its lifetime."""
    values = dict(part.partition("=")[::2] for part in header.split(","))
    text = values.get("t", "")
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise NotSignedInError(
            "the {signature_header} header must read t=SECONDS,v1=HEX", signature_header=SIGNATURE_HEADER
        )
    expected = _mac(body, secret=secret, instant=int(text))
    if not hmac.compare_digest(expected.encode(), values.get("v1", "").encode()):
        raise NotSignedInError("the handover's signature is not of the shared secret and this body")
    if abs(now.timestamp() - int(text)) > SIGNATURE_LIFETIME_S:
        raise NotSignedInError(
            "the handover's signature is too old or from the future; check both systems' clocks"
        )


def _mac(body: bytes, *, secret: str, instant: int) -> str:
    return hmac.new(secret.encode(), f"{instant}.".encode() + body, hashlib.sha256).hexdigest()
