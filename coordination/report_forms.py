"""A check report in the form that was asked for: JSON, GeoJSON, a page, PDF, Word, a workbook."""

from dataclasses import dataclass
from enum import StrEnum

import orjson
from sqlalchemy.orm import Session

from blueprint.accounts.sealing import Sealer
from blueprint.city import City
from blueprint.documents.rendering import DOCX, PDF, XLSX, to_docx, to_pdf
from blueprint.footprint import Footprint
from blueprint.permissions import Actor
from coordination.check_report import CheckReport
from coordination.report_document import report_document
from coordination.report_land import land_taken
from coordination.report_maps import report_maps
from coordination.report_seal import seal_package, seal_page, seal_pdf
from coordination.report_verification import with_site
from coordination.report_workbook import report_workbook
from coordination.reports import to_geojson, to_html


class ReportForm(StrEnum):
    """The forms of a report."""

    JSON = "json"
    GEOJSON = "geojson"
    HTML = "html"
    PDF = "pdf"
    DOCX = "docx"
    XLSX = "xlsx"

    @property
    def needs_shapes(self) -> bool:
        """Whether the report is drawn, so that its check must give shapes."""
        return self is not ReportForm.JSON


MEDIA_TYPES = {
    ReportForm.JSON: "application/json",
    ReportForm.GEOJSON: "application/geo+json",
    ReportForm.HTML: "text/html; charset=utf-8",
    ReportForm.PDF: PDF,
    ReportForm.DOCX: DOCX,
    ReportForm.XLSX: XLSX,
}


@dataclass(frozen=True)
class WrittenReport:
    """A report as the bytes of a file, and what kind of file it is."""

    content: bytes
    media_type: str


def write_report(
    session: Session,
    report: CheckReport,
    footprint: Footprint,
    form: ReportForm,
    *,
    city: City,
    actor: Actor,
    name: str = "",
    verify_at: str | None = None,
    sealer: Sealer | None = None,
) -> WrittenReport:
    """The report in a form; all but JSON need the findings' shapes. Reading for the maps is recorded.

    `verify_at` is where a page leads those who would have it verified; `sealer` seals what all but JSON and GeoJSON show.
    """
    match form:
        case ReportForm.JSON:
            content = orjson.dumps(report.to_json())
        case ReportForm.GEOJSON:
            content = orjson.dumps(to_geojson(report, footprint, city=city))
        case ReportForm.HTML:
            maps = report_maps(session, report, footprint.geometry, city=city, actor=actor)
            land = land_taken(session, report)
            page = to_html(report, footprint, land, maps, city=city, name=name, verify_at=verify_at)
            content = seal_page(page.encode(), sealer)
        case ReportForm.XLSX:
            book = report_workbook(report, land_taken(session, report), city=city, name=name)
            content = seal_package(book, with_site(report, footprint), sealer)
        case _:
            document = report_document(report, footprint, land_taken(session, report), city=city, name=name)
            maps = report_maps(session, report, footprint.geometry, city=city, actor=actor)
            content = (
                seal_pdf(to_pdf(document, maps), sealer)
                if form is ReportForm.PDF
                else seal_package(to_docx(document, maps), with_site(report, footprint), sealer)
            )
    return WrittenReport(content, MEDIA_TYPES[form])
