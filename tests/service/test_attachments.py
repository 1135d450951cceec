"""Attachments over HTTP: what is taken, what is not, who reads them."""

import io
import zipfile

from tests.coordination.conftest import world  # noqa: F401
from tests.service.office import Office
from tests.service.test_coordination_pages import office, opened_requests  # noqa: F401

PDF = b"%PDF-1.7\n1 0 obj\n"


def package(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        for name in names:
            made.writestr(name, "x")
    return content.getvalue()


WORD = package("[Content_Types].xml", "word/document.xml")
REFUSED = {
    "a program": b"\x7fELF\x02\x01\x01\x00" + bytes(50),
    "a Windows program": b"MZ\x90\x00" + bytes(50),
    "a page": b"<html><script>alert(1)</script></html>",
    "a drawing with script": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "nothing": b"",
    "macros": package("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
    "any package": package("readme.txt"),
    "a package without its directory": WORD[:60],
    "a package of too many members": WORD[:-12] + (60_000).to_bytes(2, "little") * 2 + WORD[-8:],
}


def test_a_file_is_judged_by_what_it_is_and_comes_back_byte_for_byte_to_those_it_is_for(
    office: Office,  # noqa: F811
) -> None:
    made, numbers = opened_requests(office)
    lin, water, heritage = (office.sign_in(login) for login in ("lin", "shui", "wen"))

    for what, content in REFUSED.items():
        answer = lin.post(f"/api/projects/{made}/attachments", files={"file": ("附件.pdf", content)})
        assert answer.status_code == 422, what
    plan = lin.post(
        f"/api/projects/{made}/attachments",
        files={"file": ("../../总平面图.pdf", PDF)},
        data={"about": "总平面"},
    )
    letter = water.post(
        f"/api/opinion-requests/{numbers['slj']}/attachments", files={"file": ("函.docx", WORD)}
    )
    assert (plan.status_code, letter.status_code) == (201, 201), (plan.text, letter.text)
    assert (plan.json()["file_name"], plan.json()["kind"], letter.json()["kind"]) == (
        "总平面图.pdf",
        "pdf",
        "docx",
    )
    assert water.post(f"/api/projects/{made}/attachments", files={"file": ("a.pdf", PDF)}).status_code == 403
    foreign = f"/api/opinion-requests/{numbers['slj']}/attachments"
    assert heritage.post(foreign, files={"file": ("a.pdf", PDF)}).status_code == 404

    seen = {
        who: [each["file_name"] for each in client.get(f"/api/projects/{made}/attachments").json()["items"]]
        for who, client in (("lin", lin), ("water", water), ("heritage", heritage))
    }
    assert seen == {
        "lin": ["总平面图.pdf", "函.docx"],
        "water": ["总平面图.pdf", "函.docx"],
        "heritage": ["总平面图.pdf"],
    }
    back = lin.get(f"/api/attachments/{letter.json()['id']}/file")
    assert back.content == WORD
    assert back.headers["content-disposition"].startswith("attachment")
    assert (back.headers["content-type"], back.headers["x-content-type-options"]) == (
        "application/octet-stream",
        "nosniff",
    )
    assert heritage.get(f"/api/attachments/{letter.json()['id']}/file").status_code == 404
    history = lin.get(f"/api/projects/{made}/history").json()["items"]
    assert history[-1]["act"] == "attach_file"
