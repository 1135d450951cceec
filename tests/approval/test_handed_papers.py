"""What coordination handed over as papers of the case's library, and who read them."""

from datetime import timedelta

import geopandas as gpd
from sqlalchemy.orm import Session

from approval import preparation
from approval.intake import receive, receive_message
from approval.materials import library, read_file, readers_of
from blueprint.city import City
from blueprint.objects import objects_of
from tests.approval.office import MONDAY, WINDOW, Office, message
from tests.approval.test_intake_of_changes import correction


def test_what_was_handed_over_lies_in_the_library_as_papers_from_the_first_day(
    session: Session, city: City
) -> None:
    """Art. 3, 14: one to read and the site for a GIS, a material of the table filled with the first; anew when corrected."""
    office = Office(session, city)
    sent = message(1)
    sent = sent.model_copy(update={"project": sent.project.model_copy(update={"name": "<b>示例</b>小学"})})
    case = receive(session, sent, now=MONDAY)
    reader = office.department("SLJ")

    papers = library(session, case.id)
    assert {code: (row.version, row.item_id) for code, row in papers.items()} == {
        "HANDOVER": (1, None),
        "SITE": (1, None),
    }
    page = objects_of(session).existing(str(papers["HANDOVER"].sha256)).read_text(encoding="utf-8")
    assert "&lt;b&gt;示例&lt;/b&gt;小学" in page and "<b>" not in page
    assert "雨水排放口不得高于河道设计水位" in page and "视为无意见" in page and "限制 restricted" in page
    site = gpd.read_file(objects_of(session).existing(str(papers["SITE"].sha256)))
    assert site.crs.to_epsg() == 4550 and site.geometry.iloc[0].area == 50

    preparation.prepare(session, case, "GOV_BLD", [], district=None, city=city, actor=WINDOW, now=MONDAY)
    filled = library(session, case.id)
    assert filled["M04"].sha256 == filled["M05"].sha256 == papers["HANDOVER"].sha256
    assert filled["HANDOVER"].id == papers["HANDOVER"].id
    # Cases of before have these materials without a file: it is added, and no version says that it was corrected.
    filled["M04"].file_name = filled["M04"].sha256 = filled["M04"].size_bytes = None
    preparation.prepare(session, case, "GOV_BLD", [], district=None, city=city, actor=WINDOW, now=MONDAY)
    mended = library(session, case.id)["M04"]
    assert (mended.version, mended.sha256) == (1, papers["HANDOVER"].sha256)
    for hour in (1, 2):
        read_file(session, case, filled["M04"].id, actor=reader, now=MONDAY + timedelta(hours=hour))
    (who,) = readers_of(session, case, filled["M04"].id)
    assert (who.name, who.department, who.times) == (reader.name, "SLJ", 2)
    assert who.last_at - who.first_at == timedelta(hours=1)
    assert list(readers_of(session, case, filled["M05"].id)) == []

    renamed = correction(sent, "示例中学")
    receive_message(session, renamed, now=MONDAY)
    anew = library(session, case.id)
    assert {code: row.version for code, row in anew.items()} == {
        "HANDOVER": 2, "M04": 2, "M05": 2, "SITE": 2,
    }  # fmt: skip
    assert "corrected" in str(anew["M04"].replaces_reason)
