"""Routes of verification (报告核验): a report that somebody holds, or a kept check, checked again on its own versions and rules; two of them compared."""

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Path, UploadFile
from pydantic import BaseModel
from sqlalchemy.orm import Session

from blueprint.audit.log import record
from blueprint.crs_registry import register_for
from blueprint.edge import ActorDep, Edge, EdgeDep, SessionDep
from blueprint.errors import InvalidInputError, NotFoundError
from blueprint.footprint import read_footprint
from blueprint.given import Text
from blueprint.idempotency import IdempotentRoute
from blueprint.layers.upload_answer import name_of
from blueprint.permissions import Act, Actor, require
from coordination import report_verification as verification
from coordination.difference_schemas import FilesDifferenceOut, compare_files
from coordination.kept_checks import find_check
from coordination.report_reading import MAX_BYTES, read_report
from coordination.report_seal import SealState
from coordination.reports import to_geojson
from coordination.verification_outcome import Verification

router = APIRouter(tags=["checks"], route_class=IdempotentRoute)


class VerificationOut(BaseModel):
    """What a verification says: whether the report holds, what that means, and each difference in Chinese and English.

    `told_digest` is what the report says of itself, `digest` what its footprint, versions and rules give. `seal` is that of a
    PDF, a page, a Word file or a workbook: one that is `broken` (`is_as_written` false) or `missing` (null) does not hold.
    JSON and kept checks have none (null): of JSON the figures alone hold, and `unverified` is not empty. A comparison of alternatives
    holds where each of its reports does; its digests are theirs, in their order. `verified` and `unverified` say in Chinese and English what was verified and what not.
    """

    holds: bool
    conclusion: str
    told_digest: str | None
    digest: str
    is_as_written: bool | None
    seal: SealState | None
    verified: list[str]
    unverified: list[str]
    differences: list[str]


@router.post("/api/report-verifications")
def verify_file(
    file: Annotated[
        UploadFile,
        File(
            description="检查报告 a check report: JSON, or the PDF, HTML, DOCX or XLSX that carries it, also of a comparison of alternatives"
        ),
    ],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
    footprint: Annotated[
        UploadFile | None,
        File(description="用地红线 the footprint's file, where the report does not carry it"),
    ] = None,
    crs: Annotated[
        Text | None, Form(max_length=100, description="of the footprint, where its file says none")
    ] = None,
) -> VerificationOut:
    """Check a report again on the layer versions and rules that it names, and compare digest and every figure; nothing is kept."""
    require(actor, Act.KEEP_CHECK)
    given = read_report(file.file.read(MAX_BYTES + 1), name_of(file))
    site = (
        read_footprint(
            footprint.file,
            name_of(footprint),
            city=edge.city,
            scratch=edge.scratch,
            crs=crs,
            register=register_for(session, actor),
        )
        if footprint is not None
        else None
    )
    found = verification.verify_file(
        session, given, city=edge.city, actor=actor, sealer=edge.sealer, footprint=site
    )
    _record(session, actor, found, "file")
    return verification_out(found)


@router.post("/api/report-differences")
def compare_reports(
    before: Annotated[
        UploadFile, File(description="先前的报告 the earlier report: JSON, PDF, HTML, DOCX or XLSX")
    ],
    after: Annotated[UploadFile, File(description="后来的报告 the later report")],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
) -> FilesDifferenceOut:
    """What two reports say otherwise, and why; each is checked again on its own versions to be drawn. Nothing is kept."""
    require(actor, Act.KEEP_CHECK)
    documents = [
        read_report(file.file.read(MAX_BYTES + 1), name_of(file)).document for file in (before, after)
    ]
    found = compare_files(*documents)
    shapes = [_drawn(session, document, edge, actor) for document in documents]
    record(
        session,
        actor,
        "compare_reports",
        kind="check_report",
        id="file",
        after={"digests": [document.get("digest") for document in documents], "changes": len(found.findings)},
    )
    return FilesDifferenceOut(difference=found, before=shapes[0], after=shapes[1])


def _drawn(session: Session, document: dict[str, Any], edge: Edge, actor: Actor) -> dict[str, Any] | None:
    """A report with its shapes; None where it does not carry its site, or speaks of what is not here or not for this reader."""
    try:
        report, site = verification.drawn(session, document, city=edge.city, actor=actor)
    except (InvalidInputError, NotFoundError):
        return None
    return to_geojson(report, site, city=edge.city)


@router.post("/api/checks/{check_id}/verification")
def verify_kept(
    check_id: Annotated[int, Path(ge=1, le=2_000_000_000)],
    session: SessionDep,
    actor: ActorDep,
    edge: EdgeDep,
) -> VerificationOut:
    """Check a kept report again on its own versions and rules, and compare digest and every figure."""
    require(actor, Act.READ_CHECK)
    check = find_check(session, check_id, actor=actor)
    found = verification.verify_report(session, check.report, city=edge.city, actor=actor, kept=check)
    _record(session, actor, found, check_id)
    return verification_out(found)


def verification_out(found: Verification) -> VerificationOut:
    """A verification as the outside sees it."""
    return VerificationOut(
        holds=found.holds,
        conclusion=found.conclusion,
        told_digest=found.told_digest,
        digest=found.digest,
        is_as_written=found.is_as_written,
        seal=found.seal,
        verified=list(found.verified),
        unverified=list(found.unverified),
        differences=list(found.differences),
    )


def _record(session: Session, actor: Actor, found: Verification, what: str | int) -> None:
    """Who had which report verified, and what came of it."""
    after = {
        "holds": found.holds,
        "digest": found.digest,
        "differences": len(found.differences),
        "seal": found.seal,
    }
    record(session, actor, "verify_report", kind="check_report", id=what, after=after)
