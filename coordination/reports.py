"""A check report for people and maps: GeoJSON of the conflicts, a page to print."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from blueprint.city import City
from blueprint.city_router import to_lonlat
from blueprint.documents.maps import MapPicture
from blueprint.documents.svg import svg_of
from blueprint.footprint import Footprint
from coordination import report_facts
from coordination.check_report import CheckReport, Reader
from coordination.figures import hectares, mu, percent, square_metres
from coordination.opinion_drafts import drafts_of
from coordination.report_land import LandTaken, land_classes
from coordination.report_maps import caption_of, conflicts_with_maps, linked_findings
from coordination.report_reading import as_page_block
from coordination.report_seal import PAGE_BLOCK
from coordination.report_verification import with_site
from coordination.report_words import SEVERITY_WORDS

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def to_geojson(report: CheckReport, footprint: Footprint, *, city: City) -> dict[str, Any]:
    """The footprint and the shape of every finding as GeoJSON, longitude first (CGCS2000 equals WGS 84 at this accuracy).

    `report` (RFC 7946, 6.1) has the rest of the report: ledger, layers with their versions, rules, notes.
    """
    site = {
        "kind": "footprint",
        "verdict": str(report.verdict),
        "digest": report.digest,
        "check_id": report.check_id,
        "area_m2": report.footprint.area_m2,
    }
    document = report.to_json()
    findings, reader = document.pop("findings"), document.pop("reader")
    features = [_feature(footprint.geometry, site, city)]
    for finding, told in zip(report.findings, findings, strict=True):
        features.append(_feature(finding.shape, {"kind": "finding", **told}, city))
    return {"type": "FeatureCollection", "reader": reader, "report": document, "features": features}


def _feature(shape: BaseGeometry | None, properties: dict[str, Any], city: City) -> dict[str, Any]:
    geometry = mapping(to_lonlat(shape, city)) if shape is not None else None
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def to_html(
    report: CheckReport,
    footprint: Footprint,
    land: Sequence[LandTaken],
    maps: Mapping[str, MapPicture],
    *,
    city: City,
    name: str = "",
    verify_at: str | None = None,
) -> str:
    """The report as one self-contained page that says what the document says: verdict, maps, ledger, findings, land, layers, digest.

    It carries the report itself, so that it can be verified; `verify_at` is the address where a reader may have it done.
    """
    conflicts = conflicts_with_maps(report)
    codes = {layer.department for layer in report.layers} | {
        f.department for f in report.findings if f.department
    }
    return _TEMPLATES.get_template("check_report.html").render(
        report=report,
        city=city,
        name=name,
        facts=report_facts,
        site_facts=report_facts.site_facts(report),
        proof_facts=report_facts.proof_facts(report),
        ledger=report_facts.ledger_pieces(report),
        restricted_lines=report_facts.restricted_lines(report, city),
        unsigned_line=report_facts.unsigned_line(report),
        departments={code: report_facts.department_name(code, city) for code in codes},
        titles=report_facts.layer_titles(report),
        maps={key: svg_of(picture, key) for key, picture in maps.items()},
        conflicts=conflicts,
        conflicts_left=sum(f.shape is not None and not f.sliver for f in report.findings) - len(conflicts),
        caption_of=caption_of,
        linked=[number for number, _ in linked_findings(report)] if maps else [],
        land=(*land, *land_classes(land)),
        drafts=[
            (report_facts.department_name(code, city), draft, draft_en)
            for code, draft, draft_en in drafts_of(report, name)
        ],
        severity_words=SEVERITY_WORDS,
        square_metres=square_metres,
        hectares=hectares,
        mu=mu,
        percent=percent,
        reader_line=reader_line(report.reader) if report.reader is not None else "",
        verify_at=verify_at,
        page_block=PAGE_BLOCK,
        carried=as_page_block(with_site(report, footprint)),
    )


def reader_line(reader: Reader) -> str:
    """Whom a document was given to, as its footer and its metadata say it: account, department, instant, grants."""
    grants = "、".join(f"{grant.number} ({grant.layer}: {grant.purpose})" for grant in reader.grants)
    granted = f" · 授权编号 grants {grants}" if grants else ""
    return (
        f"{reader.account} · {reader.department or '—'} · {reader.at.isoformat(timespec='seconds')}{granted}"
    )
