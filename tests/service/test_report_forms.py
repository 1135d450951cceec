"""Reports as files, by the command line and over HTTP, and their verification."""

import base64
import io
import json
import re
import shutil
import warnings
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from pypdf import PdfReader
from sqlalchemy import text
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.documents.rendering import DOCX, PDF, XLSX
from blueprint.jobs.worker import Worker
from service.job_kinds import KINDS
from service.settings import Settings
from tests import badfiles
from tests.badfiles import LAT, LON, lonlat_square, polygon
from tests.service.conftest import Command, Server, publish_plan, serving

_JSON = {"content-type": "application/json"}


@pytest.fixture
def footprint(tmp_path: Path) -> Path:
    path = tmp_path / "site.geojson"
    path.write_text(json.dumps(polygon(lonlat_square(LON + 0.0005))))
    return path


def test_a_check_is_written_as_a_file_and_a_pdf_verifies_itself(
    command: Command, tmp_path: Path, footprint: Path
):
    publish_plan(command, tmp_path)
    pdf = tmp_path / "out" / "report.pdf"

    refused = command("check", footprint, "--format", "pdf")
    written = command("check", footprint, "--format", "pdf", "--output", pdf)
    verified = command("report", "verify", pdf, "--format", "json")

    assert (refused.status, refused.err.count("say where with --output FILE")) == (2, 1)
    assert written.status == 0, written.err
    assert pdf.read_bytes().startswith(b"%PDF")
    assert verified.json["holds"] is True
    assert verified.json["differences"] == []


def test_a_forged_report_does_not_hold(command: Command, tmp_path: Path, footprint: Path):
    publish_plan(command, tmp_path)
    path = tmp_path / "report.json"
    assert command("check", footprint, "--format", "json", "--output", path).status == 0
    document = json.loads(path.read_text(encoding="utf-8"))
    document["verdict"] = "clear"
    path.write_text(json.dumps(document))

    verified = command("report", "verify", path)

    assert verified.status == 1
    assert "摘要正确而内容不同" in verified.out
    assert "the report says clear, checked again it is prohibit" in verified.out


def _changed(package: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """An office file with its members changed and packed otherwise."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as given, zipfile.ZipFile(buffer, "w") as made:
        for name in sorted(given.namelist(), reverse=True):
            made.writestr(name, change(name, given.read(name)))
    return buffer.getvalue()


@pytest.mark.parametrize("form", ["docx", "xlsx"])
def test_a_word_file_and_a_workbook_verify_themselves_and_what_was_changed_in_them_is_told(
    form: str, command: Command, tmp_path: Path, footprint: Path
):
    """A word on the page, a figure of the carried report, and another packing of the same, which is no change."""
    publish_plan(command, tmp_path)
    path = tmp_path / f"report.{form}"
    assert command("check", footprint, "--format", form, "--output", path).status == 0
    written = path.read_bytes()

    def verified(content: bytes) -> tuple[int, str]:
        path.write_bytes(content)
        result = command("report", "verify", path)
        return result.status, result.out

    assert verified(written)[0] == 0
    status, said = verified(_changed(written, lambda _, content: content))
    assert (status, "封签 seal: 完好" in said) == (0, True), said

    status, said = verified(_changed(written, lambda _, c: c.replace("禁止".encode(), "允许".encode())))
    assert status == 1 and "封签 seal: 不符" in said and "改动或另存过" in said, said

    def forged(name: str, content: bytes) -> bytes:
        if name != "customXml/blueprint.xml":
            return content
        head, _, rest = content.partition(b'">')
        text, _, tail = rest.partition(b"<")
        report = json.loads(base64.b64decode(text)) | {"verdict": "clear"}
        return head + b'">' + base64.b64encode(json.dumps(report).encode()) + b"<" + tail

    status, said = verified(_changed(written, forged))
    assert status == 1 and "the report says clear, checked again it is prohibit" in said, said

    def unsealed(name: str, content: bytes) -> bytes:
        return re.sub(rb'seal="[^"]*"', b"", content) if name == "customXml/blueprint.xml" else content

    assert verified(_changed(written, unsealed))[0] == 1


def test_office_files_made_to_harm_are_refused_in_a_sentence(command: Command, tmp_path: Path):
    """Not an archive, an archive without a report, one that unpacks to 270 MB, one with a member twice, markup that refers elsewhere."""
    part = "customXml/blueprint.xml"
    entity = b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><carried xmlns="urn:one-blueprint:carried">&b;</carried>'
    cases: dict[str, list[tuple[str, bytes]]] = {
        "nothing": [("word/document.xml", b"<w/>")],
        "bomb": [(f"word/media/{n}.png", b"\0" * (90 << 20)) for n in range(3)],
        "twice": [(part, b"<a/>"), (part, b"<b/>")],
        "entity": [(part, entity)],
        "many": [(f"a/{n}", b"") for n in range(2_001)],
    }
    for name, members in cases.items():
        path = tmp_path / f"{name}.docx"
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
            warnings.simplefilter("ignore", UserWarning)
            for member, content in members:
                made.writestr(member, content)
        result = command("report", "verify", path)
        assert result.status == 2 and "carries no report" in result.err, (name, result)
    (tmp_path / "cut.xlsx").write_bytes(b"PK\x03\x04 cut")
    assert command("report", "verify", tmp_path / "cut.xlsx").status == 2


def test_a_report_without_its_site_is_verified_with_the_footprints_file(
    command: Command, tmp_path: Path, footprint: Path
):
    publish_plan(command, tmp_path)
    document = json.loads(command("check", footprint, "--format", "json").out)
    del document["site"]
    path = tmp_path / "report.json"
    path.write_text(json.dumps(document))

    assert command("report", "verify", path).status == 2
    assert command("report", "verify", path, "--footprint", footprint).status == 0


def test_files_that_are_no_reports_are_refused_in_a_sentence(command: Command, tmp_path: Path):
    for name, content in (("a.json", b"[1]"), ("b.json", b"\xff\x00"), ("c.pdf", b"%PDF-1.7 nothing")):
        path = tmp_path / name
        path.write_bytes(content)
        result = command("report", "verify", path)
        assert result.status == 2, (name, result)
        assert result.err.count("\n") == 2, result.err


@pytest.fixture
def rules(city: City, tmp_path: Path) -> Path:
    """The city's rules in a file of the test's own."""
    assert city.rules_path is not None
    return Path(shutil.copy(city.rules_path, tmp_path / "rules.yaml"))


@pytest.fixture
def running(fresh_database: str, city: City, rules: Path) -> Iterator[Server]:
    with serving(fresh_database, replace(city, rules_path=rules), Settings()) as server:
        yield server


def test_a_report_over_http_is_a_file_of_the_form_asked_for(running: Server, rules: Path):
    """A kept one also when its layer has another version since, and the rules were written anew."""
    site = polygon(lonlat_square(LON + 0.0005))
    with running.client("ZRZY") as keeper:
        definition = {
            "code": "PLAN",
            "title": "规划",
            "department": "ZRZY",
            "geometry": "polygon",
            "control": "prohibit",
        }
        assert keeper.post("/api/layers", json=definition).status_code == 201
        files = {"file": ("plan.geojson", badfiles.good())}
        stored = keeper.post("/api/layers/PLAN/versions", files=files, data={"in_force_from": "2024-01-01"})
        assert stored.status_code in (200, 201), stored.text
        kept = keeper.post("/api/checks?keep=true", json=site).json()
        rules.write_text(rules.read_text(encoding="utf-8") + "# signed off\n", encoding="utf-8")
        later = keeper.post("/api/layers/PLAN/versions", files=files, data={"in_force_from": kept["on"]})
        assert later.status_code in (200, 201), later.text

        page = keeper.get(f"/api/checks/{kept['check_id']}?f=html").text
        assert f"/verify?check={kept['check_id']}" in page
        again = keeper.post(f"/api/checks/{kept['check_id']}/verification").json()
        assert (again["holds"], again["digest"], again["differences"]) == (True, kept["digest"], [])
        for form, media_type, head in (("pdf", PDF, b"%PDF"), ("docx", DOCX, b"PK"), ("xlsx", XLSX, b"PK")):
            response = keeper.get(f"/api/checks/{kept['check_id']}?f={form}")
            assert response.status_code == 200, response.text
            assert response.headers["content-type"] == media_type
            assert response.headers["content-disposition"].startswith('attachment; filename="check-')
            assert response.content.startswith(head)

        altered = page.replace('"verdict": "prohibit"', '"verdict": "clear"', 1)
        assert altered != page
        for content, holds in ((page, True), (altered, False)):
            told = keeper.post("/api/report-verifications", files={"file": ("r.html", content)}).json()
            assert told["holds"] is holds, told
            assert told["conclusion"].startswith("一致" if holds else "不一致：摘要正确而内容不同"), told
        nothing = keeper.post("/api/report-verifications", files={"file": ("r.pdf", b"%PDF-1.7 x")})
        assert (nothing.status_code, "damaged" in nothing.json()["detail"]) == (422, True)
        shown = page.replace("禁止 · prohibited", "无冲突 · clear", 1)
        assert shown != page
        for content, is_as_written in ((page, True), (shown, False)):
            told = keeper.post("/api/report-verifications", files={"file": ("r.html", content)}).json()
            assert (told["holds"], told["is_as_written"], told["differences"]) == (
                is_as_written,
                is_as_written,
                [],
            )
    with Session(running.edge.engine) as session:
        entries = session.execute(
            text("SELECT thing, after FROM blueprint.audit_entry WHERE act = 'verify_report' ORDER BY seq")
        ).all()
    assert [(thing, after["holds"]) for thing, after in entries] == [
        (kept["check_id"], True), ("file", True), ("file", False), ("file", True), ("file", False),
    ]  # fmt: skip

    with running.client() as anyone:
        answered = anyone.post("/api/checks?f=pdf&name=示例小学", json=site)
        words = "".join(page.extract_text() for page in PdfReader(io.BytesIO(answered.content)).pages)
        assert "示例小学" in words


def test_two_reports_are_compared_by_file_and_two_kept_checks_over_http(
    command: Command, tmp_path: Path, footprint: Path, running: Server
):
    publish_plan(command, tmp_path)
    one, other = tmp_path / "one.json", tmp_path / "other.json"
    smaller = tmp_path / "smaller.geojson"
    smaller.write_text(json.dumps(polygon(lonlat_square(LON + 0.0007))))
    for path, site in ((one, footprint), (other, smaller)):
        assert command("check", site, "--format", "json", "--output", path).status == 0

    told = command("report", "compare", one, other, "--format", "json").json
    in_words = command("report", "compare", one, other)
    wrong = command("report", "compare", one, footprint)

    assert [(c["change"], c["causes"]) for c in told["findings"]] == [("shrunk", ["footprint"])]
    assert {"减小", "shrunk"} <= set(in_words.out.split())  # a narrow terminal puts them on two lines
    assert (wrong.status, wrong.err.count("\n")) == (2, 2)
    with running.client("ZRZY") as keeper:
        bare = json.loads(keeper.post("/api/checks", content=footprint.read_bytes(), headers=_JSON).content)
        with_site = {
            "file": ("r.json", json.dumps(bare)),
            "footprint": ("site.geojson", footprint.read_bytes()),
        }
        verified = keeper.post("/api/report-verifications", files=with_site)
        assert verified.json().get("holds") is True, verified.text
        kept = [
            keeper.post("/api/checks?keep=true", json=json.loads(path.read_text())).json()["check_id"]
            for path in (footprint, smaller)
        ]
        found = keeper.get(f"/api/checks/{kept[1]}/difference?from={kept[0]}").json()
        assert found["footprint_changed"] is True
        assert [change["change"] for change in found["findings"]] == ["shrunk"]
        assert keeper.get(f"/api/checks/{kept[1]}/difference?from=999999").status_code == 404
        given = {"before": ("one.json", one.read_bytes()), "after": ("other.json", other.read_bytes())}
        told_there = keeper.post("/api/report-differences", files=given).json()
        assert told_there["difference"]["findings"] == told["findings"]
        assert [told_there[side]["features"][0]["properties"]["kind"] for side in given] == ["footprint"] * 2
        # Of a layer that is not in the catalogue a report is compared all the same, and not drawn.
        elsewhere = {
            side: (name, content.replace(b'"PLAN"', b'"NONE"')) for side, (name, content) in given.items()
        }
        undrawn = keeper.post("/api/report-differences", files=elsewhere).json()
        assert [change["change"] for change in undrawn["difference"]["findings"]] == ["shrunk"]
        assert (undrawn["before"], undrawn["after"]) == (None, None)
        papers = {
            name: (
                f"{name}.html",
                keeper.post("/api/checks?f=html", json=json.loads(path.read_text())).content,
            )
            for name, path in (("before", footprint), ("after", smaller))
        }
        drawn = keeper.post("/api/report-differences", files=papers).json()
        assert drawn["difference"]["footprint_changed"] is True
        assert [drawn[side]["features"][0]["properties"]["kind"] for side in papers] == ["footprint"] * 2
        said = other.read_bytes()
        altered = [
            orjson.dumps(orjson.loads(said) | values)
            for values in ({"digest": "\0"}, {"digest": ["x"] * 9}, {"rule_set": 5})
        ]
        for wrong_file in (
            b"{}",
            b'{"layers": 1}',
            b'{"layers": [], "findings": [1], "verdict": "x"}',
            *altered,
        ):
            refused = keeper.post("/api/report-differences", files=given | {"after": ("x.json", wrong_file)})
            assert refused.status_code == 422, refused.text
    with Session(running.edge.engine) as session:
        acts = session.execute(text("SELECT after FROM blueprint.audit_entry WHERE act = 'compare_reports'"))
        assert [entry.after["changes"] for entry in acts] == [1, 1, 1]


def test_a_footprint_is_trimmed_by_the_command_line_and_the_new_boundary_is_clear(
    command: Command, tmp_path: Path, footprint: Path
):
    publish_plan(command, tmp_path)
    boundary = tmp_path / "new.gpkg"

    told = command("trim", footprint, "--output", boundary)
    again = command("check", boundary, "--format", "json").json

    assert "禁止 prohibited → 无冲突 clear" in told.out
    assert again["verdict"] == "clear"
    assert command("trim", footprint, "--output", tmp_path / "new.dwg").status == 2


def test_a_footprint_is_trimmed_over_http(running: Server):
    with running.client("ZRZY") as keeper:
        definition = {
            "code": "PLAN",
            "title": "规划",
            "department": "ZRZY",
            "geometry": "polygon",
            "control": "prohibit",
        }
        assert keeper.post("/api/layers", json=definition).status_code == 201
        files = {"file": ("plan.geojson", badfiles.good())}
        keeper.post("/api/layers/PLAN/versions", files=files, data={"in_force_from": "2024-01-01"})
    with running.client() as anyone:
        found = anyone.post("/api/trims", json=polygon(lonlat_square(LON + 0.0005))).json()

    assert (found["verdict_before"], found["verdict_after"]) == ("prohibit", "clear")
    assert found["kept_m2"] + found["lost_m2"] == pytest.approx(found["area_before_m2"])
    assert found["kept"]["type"] == "MultiPolygon"


def test_alternatives_and_assumed_versions_by_command_and_over_http(
    command: Command, tmp_path: Path, footprint: Path, running: Server
):
    publish_plan(command, tmp_path)
    other = tmp_path / "other.geojson"
    other.write_text(json.dumps(polygon(lonlat_square(LON + 0.05))))
    book = tmp_path / "sites.xlsx"

    heights = ("--top-m", "40.5", "--top-m", "41.5", "--use", "0701")
    told = command("alternatives", footprint, other, *heights, "--format", "json").json
    unlike = command("alternatives", footprint, other, other, "--top-m", "40.5", "--top-m", "41.5")
    shown = command("alternatives", footprint, other)
    written = command("alternatives", footprint, other, "--format", "xlsx", "--output", book)
    assumed = command("check", footprint, "--assume", "PLAN:1", "--format", "json").json
    wrong = command("check", footprint, "--assume", "PLAN")

    assert (told["best"], [a["rank"] for a in told["alternatives"]]) == (["other"], [2, 1])
    assert [(a["report"]["top_m"], a["report"]["planned_use"]) for a in told["alternatives"]] == [
        (40.5, "0701"),
        (41.5, "0701"),
    ]
    assert (unlike.status, "2 highest points for 3 sites" in unlike.err) == (2, True)
    road = tmp_path / "road.geojson"
    road.write_text(json.dumps({"type": "LineString", "coordinates": [[LON, LAT], [LON + 0.01, LAT]]}))
    mixed = command("alternatives", footprint, road, "--width-m", "12", "--format", "json")
    areas = command("alternatives", footprint, other, "--width-m", "12")
    assert mixed.status == 0, mixed.err
    assert [a["report"]["footprint"].get("width_m") for a in mixed.json["alternatives"]] == [None, 12]
    assert (areas.status, "no line and no point" in areas.err) == (2, True)
    assert "PLAN" in shown.out
    assert written.status == 0 and book.read_bytes().startswith(b"PK")
    assert assumed["assumed"] == ["PLAN v1"]
    assert (wrong.status, wrong.err.count("\n")) == (2, 2)
    sites = [{"name": p.stem, "footprint": json.loads(p.read_text())} for p in (footprint, other)]
    with running.client() as anyone:
        sites[0]["top_m"] = 40.5
        answer = anyone.post("/api/alternatives", json={"sites": sites, "use": "0701"})
        assert answer.json()["best"] == ["other"], answer.text
        assert [a["report"]["top_m"] for a in answer.json()["alternatives"]] == [40.5, None]
        word = anyone.post("/api/alternatives?f=docx", json={"sites": sites})
        assert word.headers["content-type"] == DOCX
        kept = anyone.post("/api/checks?assume=PLAN:1", json=sites[0]["footprint"]).json()
        assert kept["assumed"] == ["PLAN v1"]
    with running.client("ZRZY") as keeper:
        refused = keeper.post("/api/checks?assume=PLAN:1&keep=true", json=sites[0]["footprint"])
        assert refused.status_code == 422


def test_where_it_would_fit_by_command_and_over_http(
    command: Command, tmp_path: Path, footprint: Path, running: Server
):
    publish_plan(command, tmp_path)
    boundary = tmp_path / "moved.geojson"

    moved = command("shift", footprint, "--output", boundary, "--format", "json").json
    told = command("shift", footprint)
    again = command("check", boundary, "--format", "json").json
    found = command("find-site", footprint, "--area-ha", "0.1", "--format", "json").json
    listed = command("find-site", footprint, "--area-ha", "0.1")

    assert moved["is_free"] and moved["distance_m"] > 1
    assert told.out.startswith("可避让 free")
    assert again["verdict"] == "clear"
    assert found["sites"] and {site["verdict"] for site in found["sites"]} == {"clear"}
    assert listed.status == 0 and "辅助选址" in listed.out
    assert command("shift", footprint, "--within-m", "9000").status == 2
    site = json.loads(footprint.read_text())
    with running.client("ZRZY") as keeper:
        assert keeper.post("/api/shifts?within_m=500", json=site).json()["is_free"]
        asked = keeper.post("/api/site-searches?area_m2=1000", json=site)
        assert asked.status_code == 202, asked.text
        assert Worker(running.edge, KINDS).run_one()
        job = keeper.get(asked.headers["Location"]).json()
        assert (job["state"], job["phase"]) == ("done", "rank"), job
        places = job["result"]
        assert places["candidates"] >= len(places["sites"]) > 0 and "局限" in places["method"]
        assert [place["rank"] for place in places["sites"]] == list(range(1, len(places["sites"]) + 1))
    with running.client("SLJ") as other:
        assert other.get(asked.headers["Location"]).status_code == 404
    with running.client() as anyone:
        assert anyone.post("/api/shifts", json=site).status_code == 401
