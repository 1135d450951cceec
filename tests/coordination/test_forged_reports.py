"""A forger at work on the files of a report: what was changed never looks verified, and what nobody can tell of is said."""

import base64
import io
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
import shapely
from pypdf import PdfReader, PdfWriter
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from blueprint.accounts.sealing import Sealer
from blueprint.city import AreaMeasure, City
from blueprint.errors import InvalidInputError
from blueprint.footprint import Footprint
from blueprint.permissions import at_console
from coordination.check_report import CheckReport
from coordination.checks import run_check
from coordination.kept_checks import keep_check
from coordination.report_forms import ReportForm, write_report
from coordination.report_reading import read_report
from coordination.report_seal import SealState
from coordination.report_verification import verify_file, with_site
from coordination.verification_outcome import Verification
from tests.coordination.world import TODAY
from tests.made import at_origin, publish, square

OPERATOR = at_console("test")
_SEALED = ("html", "pdf", "docx", "xlsx")


def _sealer() -> Sealer:
    return Sealer(key=base64.b64encode(os.urandom(32)).decode())


@dataclass(frozen=True)
class Issued:
    """A report in every form, as its reader got it, and the desk that verifies."""

    session: Session
    city: City
    sealer: Sealer
    report: CheckReport
    site: Footprint
    files: dict[str, bytes]

    def verified(self, form: str, change: Callable[[bytes], bytes] = bytes) -> Verification:
        """What comes of a file that somebody changed."""
        given = read_report(change(self.files[form]), f"report.{form}")
        return verify_file(self.session, given, city=self.city, actor=OPERATOR, sealer=self.sealer)


def _written(
    session: Session, city: City, sealer: Sealer, side: float
) -> tuple[CheckReport, Footprint, dict[str, bytes]]:
    site = Footprint(
        shapely.normalize(at_origin(shapely.MultiPolygon([square(0, 0, side)]))), city.working_crs, "none"
    )
    report = run_check(session, site, city=city, actor=OPERATOR, on=TODAY, with_shapes=True)
    files = {"json": json.dumps(with_site(report, site), default=str, ensure_ascii=False).encode()}
    for form in _SEALED:
        written = write_report(
            session, report, site, ReportForm(form), city=city, actor=OPERATOR, sealer=sealer
        )
        files[form] = written.content
    return report, site, files


@pytest.fixture(scope="module")
def issued(world_engine: Engine, city: City) -> Iterator[Issued]:
    """One report for all forgers; nothing of it stays."""
    plane, sealer = replace(city, area_measure=AreaMeasure.PLANE), _sealer()
    with Session(world_engine) as session:
        publish(session, plane, "FARM", [square(50, 0, 100)], control="prohibit", title="永久基本农田")
        report, site, files = _written(session, plane, sealer, 100)
        files["other"] = _written(session, plane, sealer, 40)[2]["html"]
        yield Issued(session, plane, sealer, report, site, files)
        session.rollback()


def _repacked(change: Callable[[str, bytes], bytes]) -> Callable[[bytes], bytes]:
    def changed(package: bytes) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(package)) as given, zipfile.ZipFile(buffer, "w") as made:
            for name in given.namelist():
                made.writestr(name, change(name, given.read(name)))
        return buffer.getvalue()

    return changed


def _in_member(ends: str, old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(name: str, content: bytes) -> bytes:
        if not name.endswith(ends):
            return content
        changed = re.sub(old, new, content, count=1)
        assert changed != content, (name, old)
        return changed

    return _repacked(change)


def _with_page_in_front(pdf: bytes) -> bytes:
    """The report's PDF with one more page, written as an increment: no byte of the first writing is touched."""
    writer = PdfWriter(io.BytesIO(pdf), incremental=True)
    writer.add_blank_page(200, 200)
    buffer = io.BytesIO()
    writer.write(buffer)
    assert buffer.getvalue().startswith(pdf)
    assert len(PdfReader(buffer).pages) == len(PdfReader(io.BytesIO(pdf)).pages) + 1
    return buffer.getvalue()


def _seal_of_page(page: bytes) -> bytes:
    found = re.search(rb'data-seal="([^"]*)"', page)
    assert found is not None
    return found[1]


def _swapped(page: bytes) -> bytes:
    """The page with its second picture where the first was."""
    pictures = re.findall(rb"<svg.*?</svg>", page, re.DOTALL)
    return page.replace(pictures[0], pictures[1], 1)


def _two_archives(package: bytes) -> bytes:
    """A forged archive in front of the report's own: who reads from the front sees the forger's."""
    return _in_member("document.xml", "禁止".encode(), "允许".encode())(package) + package


def _between_members(package: bytes) -> bytes:
    """Bytes that belong to no member, in front of the directory, whose place is written anew."""
    at = int.from_bytes(package[-6:-2], "little")
    end = package[at:-6] + (at + 4).to_bytes(4, "little") + package[-2:]
    return package[:at] + b"PK\0\0" + end


_CHANGED: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "a word on the page": ("html", lambda c: c.replace("禁止".encode(), "允许".encode(), 1)),
    "words that are white on white": ("html", lambda c: c.replace(b"</footer>", b'<p style="color:#fff">x</p></footer>')),
    "pictures changed over": ("html", _swapped),
    "a style that hides": ("html", lambda c: c.replace(b"</style>", b".tag{display:none}</style>", 1)),
    "another script": ("html", lambda c: c.replace(b"</body>", b"<script>document.title='x'</script></body>")),
    "a page in the increment of a PDF": ("pdf", _with_page_in_front),
    "a byte of a PDF": ("pdf", lambda c: c[:12] + b"?" + c[13:]),
    "an increment under the old seal": ("pdf", lambda c: _with_page_in_front(c) + b"\n" + c.splitlines()[-1] + b"\n"),
    "a word in Word": ("docx", _in_member("document.xml", "禁止".encode(), "允许".encode())),
    "Word's styles": ("docx", _in_member("styles.xml", rb"</w:styles>", b"<!-- --></w:styles>")),
    "Word's relations": ("docx", _in_member("document.xml.rels", rb'media/[^"]+', b"http://example.com/a.png")),
    "a picture in Word": ("docx", _repacked(lambda n, c: c + b"\0" if n.startswith("word/media/") else c)),
    "one archive in front of another": ("docx", _two_archives),
    "bytes between the members": ("docx", _between_members),
    "a figure in a workbook": ("xlsx", _in_member("sheet2.xml", rb"<v>[\d.]+</v>", b"<v>5</v>")),
    "a formula over a workbook's figure": ("xlsx", _in_member("sheet2.xml", rb"<v>", b"<f>1+1</f><v>")),
}  # fmt: skip


@pytest.mark.parametrize("forgery", list(_CHANGED))
def test_what_was_changed_in_a_sealed_file_does_not_hold(issued: Issued, forgery: str):
    form, change = _CHANGED[forgery]

    found = issued.verified(form, change)

    assert (found.holds, found.seal) == (False, SealState.BROKEN), found
    assert found.differences == (), "the report that it carries is as it was"
    assert "文件上看到的文字不可采信" in found.conclusion and found.unverified


@pytest.mark.parametrize("form", _SEALED)
def test_a_file_as_it_was_issued_holds_and_is_verified_whole(issued: Issued, form: str):
    found = issued.verified(form)

    assert (found.holds, found.seal, found.unverified) == (True, SealState.INTACT, ()), found
    assert len(found.verified) == 2


_CUT: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "the seal of a page": ("html", lambda c: re.sub(rb' data-seal="[^"]*"', b"", c)),
    "what is in the seal of a page": ("html", lambda c: re.sub(rb'data-seal="[^"]*"', b'data-seal=""', c)),
    "a page rewritten around its report": (
        "html",
        lambda c: "<h1>符合</h1>".encode() + re.sub(rb' data-seal="[^"]*"', b"", c[c.index(b"<script") :]),
    ),
    "the seal of a PDF": ("pdf", lambda c: c[: c.rindex(b"\n%OneBlueprint-Seal")]),
    "the seal of a Word file": ("docx", _in_member("blueprint.xml", rb' seal="[^"]*"', b"")),
    "the seal of a workbook": ("xlsx", _in_member("blueprint.xml", rb' seal="[^"]*"', b"")),
}


@pytest.mark.parametrize("forgery", list(_CUT))
def test_a_file_whose_seal_was_cut_out_is_not_verified(issued: Issued, forgery: str):
    form, change = _CUT[forgery]

    found = issued.verified(form, change)

    assert (found.holds, found.seal, found.differences) == (False, SealState.MISSING, ())
    assert found.conclusion.startswith("封签缺失，未能核验")
    assert found.unverified


def test_the_seal_of_another_report_or_of_another_installation_does_not_hold(issued: Issued):
    other = _seal_of_page(issued.files["other"])

    taken = issued.verified("html", lambda c: c.replace(_seal_of_page(c), other))
    elsewhere = replace(issued, sealer=_sealer()).verified("html")

    assert (taken.seal, elsewhere.seal) == (SealState.BROKEN, SealState.BROKEN)
    assert not taken.holds and not elsewhere.holds


def test_a_number_changed_in_json_under_its_digest_is_told_and_what_json_cannot_prove_is_said(issued: Issued):
    def changed(content: bytes) -> bytes:
        document = json.loads(content)
        document["ledger"]["prohibited_m2"] = 1.0
        return json.dumps(document).encode()

    forged, whole = issued.verified("json", changed), issued.verified("json")

    assert not forged.holds and "ledger.prohibited_m2" in forged.differences[0]
    assert whole.holds and whole.seal is None
    assert "受限图层的答复" in whole.unverified[0]
    assert "文件没有封签" in whole.conclusion, "it is not said to be the same as a sealed file is"


@pytest.mark.parametrize("place", ["top", "footprint"])
def test_words_that_no_report_has_are_told(issued: Issued, place: str):
    """A JSON whose text a browser shows as a page, or that says it was approved."""

    def added(content: bytes) -> bytes:
        document = json.loads(content)
        (document if place == "top" else document["footprint"])["approved"] = "<h1>符合</h1>"
        return json.dumps(document).encode()

    found = issued.verified("json", added)

    assert not found.holds and "approved" in found.differences[0]


def test_a_conflict_with_a_restricted_layer_left_out_of_a_kept_checks_json_is_told(issued: Issued):
    """The digest reckoned anew without it, as whoever has the report verified is told it."""
    with_conflict = replace(issued.report, digest="sha256:" + "0" * 64)
    kept = keep_check(
        issued.session, with_conflict, issued.site, actor=OPERATOR, city=issued.city, now=datetime.now(UTC)
    )
    issued.session.flush()

    def forged(content: bytes) -> bytes:
        return json.dumps(json.loads(content) | {"check_id": str(kept.id)}).encode()

    found = issued.verified("json", forged)

    assert not found.holds and "check_id" in found.differences[0]


@pytest.mark.parametrize(
    ("name", "form", "told"),
    [
        ("report.html", "json", "is no HTML by its content"),
        ("report.pdf", "html", "is no PDF by its content"),
        ("report.XLSX", "json", "is no XLSX by its content"),
    ],
)
def test_a_file_that_is_shown_as_something_else_than_it_is_read_is_refused(
    issued: Issued, name: str, form: str, told: str
):
    with pytest.raises(InvalidInputError, match=told):
        read_report(issued.files[form], name)


def test_geojson_is_told_to_carry_no_report():
    with pytest.raises(InvalidInputError, match="GeoJSON"):
        read_report(b'{"type": "FeatureCollection", "features": []}', "a.geojson")


@pytest.mark.parametrize("seal", [SealState.BROKEN, SealState.MISSING])
def test_a_broken_seal_is_said_also_where_the_figures_differ_by_another_engine(seal: SealState):
    """A forged file of an older engine was told to differ by the engine alone."""
    found = Verification("sha256:1", "sha256:2", False, ("engine",), seal, is_kept=False)

    assert "计算引擎已更新" in found.conclusion and "封签" in found.conclusion
    assert "封签" not in Verification("sha256:1", "sha256:2", False, ("engine",)).conclusion


def test_a_file_under_another_forms_name_is_refused_and_an_editors_mark_is_no_change(issued: Issued):
    """A Word file named .xlsx opens nowhere; Windows' editor puts a mark of byte order before JSON that it saves."""
    for form, name in (("docx", "report.xlsx"), ("xlsx", "report.docx"), ("pdf", "report.html")):
        with pytest.raises(InvalidInputError, match="by its content"):
            read_report(issued.files[form], name)

    for form in ("docx", "xlsx", "pdf", "html"):
        read_report(issued.files[form], "renamed")
    found = issued.verified("json", lambda content: b"\xef\xbb\xbf" + content)
    assert found.holds, found.differences


def test_a_conclusion_of_two_faults_says_both_in_chinese_and_then_both_in_english(issued: Issued):
    found = issued.verified(
        "html", lambda page: re.sub(rb'"prohibited_m2": \d+', b'"prohibited_m2": 6', page, count=1)
    )

    assert found.seal is SealState.BROKEN and found.differences
    chinese = found.conclusion.rindex("不可采信")
    assert found.conclusion.index("differs:") > chinese
    assert "the seal does not hold either" in found.conclusion[chinese:]
