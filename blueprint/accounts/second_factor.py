"""The second factor: time-based codes (TOTP, RFC 6238) of an app on a telephone, and recovery codes that work once.

A code is taken once: of each person the newest time step that was used is kept, and none at or before it counts.
"""

import hashlib
import hmac
import io
import secrets
from dataclasses import dataclass
from datetime import datetime

import pyotp
import segno
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from blueprint.accounts.models import Person, RecoveryCode, SecondFactor
from blueprint.accounts.sealing import Sealer
from blueprint.accounts.sessions import close_all_sessions
from blueprint.audit.log import record
from blueprint.errors import ConflictError, InvalidInputError, UnavailableError
from blueprint.permissions import Act, Actor, require

STEP_SECONDS = 30
STEPS_ASIDE = 1
"""A clock may be half a minute wrong either way (RFC 6238, 5.2)."""

RECOVERY_CODES = 10
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_RECOVERY_LENGTH = 16
"""Of 32 letters and digits that are not taken for one another: 80 bits."""


@dataclass(frozen=True)
class Enrolment:
    """What the app has to know; shown once."""

    secret: str
    otpauth_uri: str

    @property
    def qr_svg(self) -> str:
        """The URI as a QR code, as an SVG document."""
        drawn = io.BytesIO()
        segno.make(self.otpauth_uri, error="m").save(drawn, kind="svg", xmldecl=False, border=4, light="#fff")
        return drawn.getvalue().decode()


def begin(
    session: Session, person: Person, *, issuer: str, sealer: Sealer, actor: Actor, now: datetime
) -> Enrolment:
    """Make a secret; it counts when a code of it was given. A second begin replaces the first."""
    factor = session.get(SecondFactor, person.id, with_for_update=True)
    if factor is not None and factor.confirmed_at is not None:
        raise ConflictError("a second factor is set up already; remove it first")
    secret = pyotp.random_base32()
    if factor is None:
        factor = SecondFactor(person_id=person.id, confirmed_at=None, last_step=0)
        session.add(factor)
    factor.sealed_secret = sealer.seal(secret.encode(), about=_about(person.id))
    factor.made_at = now
    session.flush()
    record(session, actor, "begin_second_factor", kind="person", id=person.login)
    uri = pyotp.TOTP(secret, interval=STEP_SECONDS).provisioning_uri(name=person.login, issuer_name=issuer)
    return Enrolment(secret, uri)


def confirm(
    session: Session, person: Person, code: str, *, sealer: Sealer, actor: Actor, now: datetime
) -> list[str]:
    """Let the second factor count from now on; says the recovery codes, once."""
    factor = session.get(SecondFactor, person.id, with_for_update=True)
    if factor is None:
        raise ConflictError("no second factor was begun; do that first")
    if factor.confirmed_at is not None:
        raise ConflictError("the second factor is set up already")
    if not _take_totp(session, factor, code, sealer=sealer, now=now):
        raise InvalidInputError(
            "the code is wrong or over; give the one that the app shows now, and check the telephone's clock"
        )
    factor.confirmed_at = now
    record(session, actor, "enrol_second_factor", kind="person", id=person.login)
    return _new_recovery_codes(session, person.id)


def renew_recovery_codes(session: Session, person: Person, *, actor: Actor) -> list[str]:
    """Ten new recovery codes; the old ones are good no more."""
    _enrolled(session, person.id)
    record(session, actor, "renew_recovery_codes", kind="person", id=person.login)
    return _new_recovery_codes(session, person.id)


def remove(session: Session, person: Person, *, actor: Actor, now: datetime) -> None:
    """Take one's own second factor away; every session of the person but the actor's goes on as it is."""
    _enrolled(session, person.id)
    _delete(session, person.id)
    record(session, actor, "remove_second_factor", kind="person", id=person.login, before={"at": now})


def reset(session: Session, person: Person, *, actor: Actor, now: datetime) -> None:
    """Take somebody's second factor away, who lost telephone and recovery codes; all sessions end."""
    require(actor, Act.ADMINISTER_ACCOUNTS)
    if actor.person_id == person.id:
        raise ConflictError("nobody resets the own second factor; let another operator do it")
    _enrolled(session, person.id)
    _delete(session, person.id)
    close_all_sessions(session, person.id, now=now)
    record(session, actor, "reset_second_factor", kind="person", id=person.login)


def take_code(session: Session, person_id: int, code: str, *, sealer: Sealer, now: datetime) -> bool:
    """Say whether a code of the app or a recovery code is right, and use it up."""
    factor = _enrolled(session, person_id)
    plain = "".join(code.split()).replace("-", "").upper()
    if len(plain) == _RECOVERY_LENGTH:
        return _take_recovery_code(session, person_id, plain, now=now)
    return _take_totp(session, factor, plain, sealer=sealer, now=now)


def recovery_codes_left(session: Session, person_id: int) -> int:
    """How many recovery codes were not used."""
    statement = select(func.count()).where(
        RecoveryCode.person_id == person_id, RecoveryCode.used_at.is_(None)
    )
    return session.scalar(statement) or 0


def _enrolled(session: Session, person_id: int) -> SecondFactor:
    factor = session.get(SecondFactor, person_id, with_for_update=True)
    if factor is None or factor.confirmed_at is None:
        raise ConflictError("no second factor is set up")
    return factor


def _take_totp(session: Session, factor: SecondFactor, code: str, *, sealer: Sealer, now: datetime) -> bool:
    """The row is locked by whoever took it from the database, so one code is not taken twice at once."""
    secret = sealer.open(factor.sealed_secret, about=_about(factor.person_id))
    if secret is None:
        raise UnavailableError(
            "the second factor cannot be read: the deployment's key is another than the one that sealed it; put the"
            " right key back, or let an operator reset the second factor"
        )
    step = _step_of(secret.decode(), "".join(code.split()), now=now, after=factor.last_step)
    if step is None:
        return False
    factor.last_step = step
    session.flush()
    return True


def _step_of(secret: str, code: str, *, now: datetime, after: int) -> int | None:
    """The time step that a code is of, if it is one about now and later than the last that was used."""
    totp = pyotp.TOTP(secret, interval=STEP_SECONDS)
    current = int(now.timestamp()) // STEP_SECONDS
    right = None
    for step in range(current - STEPS_ASIDE, current + STEPS_ASIDE + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode()) and step > after:
            right = step
    return right


def _take_recovery_code(session: Session, person_id: int, code: str, *, now: datetime) -> bool:
    statement = (
        update(RecoveryCode)
        .where(
            RecoveryCode.person_id == person_id,
            RecoveryCode.sha256 == _sha256(code),
            RecoveryCode.used_at.is_(None),
        )
        .values(used_at=now)
        .returning(RecoveryCode.sha256)
    )
    return session.scalar(statement) is not None


def _new_recovery_codes(session: Session, person_id: int) -> list[str]:
    session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person_id))
    codes = [
        "".join(secrets.choice(_ALPHABET) for _ in range(_RECOVERY_LENGTH)) for _ in range(RECOVERY_CODES)
    ]
    session.add_all(RecoveryCode(person_id=person_id, sha256=_sha256(code), used_at=None) for code in codes)
    session.flush()
    return ["-".join(code[start : start + 4] for start in range(0, _RECOVERY_LENGTH, 4)) for code in codes]


def _delete(session: Session, person_id: int) -> None:
    session.execute(delete(RecoveryCode).where(RecoveryCode.person_id == person_id))
    session.execute(delete(SecondFactor).where(SecondFactor.person_id == person_id))


def _about(person_id: int) -> str:
    return f"second factor of person {person_id}"


def _sha256(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
