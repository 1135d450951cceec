"""Every write takes an `Idempotency-Key`, and every change of what two people edit an `If-Match`: read off the OpenAPI."""

from tests.service.conftest import Server

NOT_HELD = {
    "/api/session": "signing in and out changes nothing that another edits",
    "/api/sessions": "one's own sessions",
    "/api/me": "one's own password, authenticators and links",
    "/api/accounts": "an account is closed, a password reset, an appointment added: nothing is overwritten",
    "/api/appointments": "an appointment is ended once",
    "/api/layers/{code}/versions": "a new version beside the others",
    "/api/layers/{code}/versions/{number}/quality": "a draft is checked anew, whoever asks",
    "/api/layers/{code}/versions/{number}/quality/mendings": "a mending is undone once, and accepted again once",
    "/api/layers/{code}/field-mapping": "what is said of a field is added to what was said of others",
    "/api/access-requests": "a new request",
    "/api/access-grants": "a new grant",
    "/api/checks": "a new check",
    "/api/projects": "a new project",
    "/api/notices/{notice_id}/read": "a notice is read once",
    "/api/handovers/{message_id}/resend": "only asks for the next try",
    "/api/projects/{project_id}/meetings": "a new request for a meeting",
    "/api/meetings/{meeting_id}/call": "a meeting is called once",
    "/api/meetings/{meeting_id}/decline": "a meeting is declined once",
    "/api/meetings/{meeting_id}/minutes": "minutes are kept once",
    "/api/meetings/{meeting_id}/decisions/{number}/closing": "a decision is closed once",
    "/api/opinion-requests/{request_id}/handling/steps": "a step follows the one before, else it is refused",
    "/api/departments/{code}/responsible-section": "the whole is named, and the log has who was before",
    "/api/projects/{project_id}/guidance": "a new question",
    "/api/guidance/{guidance_id}/answer": "a question is answered once",
    "/api/rechecks": "one job at a time",
    "/api/stand-ins": "a new stand-in",
    "/api/stand-ins/{stand_in_id}/end": "a stand-in is ended once",
    "/api/projects/{project_id}/attachments": "a new file beside the others",
    "/api/opinion-requests/{request_id}/attachments": "a new file beside the others",
    "/api/approval/intake": "a message is taken once",
    "/api/approval/exchange/queue": "a row waits once",
    "/api/approval/exchange/batches": "a new batch of what waits",
    "/api/approval/exchange/batches/{number}/answers": "the answers of the receiver, the later ones count",
    "/api/approval/exchange/batches/{number}/again": "its rows wait again once",
    "/api/approval/exchange/queue/again": "refused rows wait again once",
    "/api/approval/cases/{number}/items": "an item is added once",
    "/api/approval/cases/{number}/steps": "each item is taken in, and accepted, once",
    "/api/approval/cases/{number}/items/{code}/result-file": "a result is uploaded once",
    "/api/approval/cases/{number}/items/{code}/letters": "a new letter",
    "/api/approval/cases/{number}/stages/{stage}/letters": "a new letter",
    "/api/approval/cases/{number}/items/{code}/consultations": "a new question",
    "/api/approval/cases/{number}/items/{code}/matters": "a new matter",
    "/api/approval/letters/{letter_id}/answer": "a letter is answered once",
    "/api/approval/consultation-answers/{answer_id}": "a question is answered once",
    "/api/approval/matters/{matter_id}/turns": "a matter is convened and decided once",
    "/api/approval/cases/{number}/obligations/{obligation_id}": "an obligation is closed once",
    "/api/approval/cases/{number}/materials": "a new version beside the others, with a reason",
    "/api/approval/cases/{number}/applicant-secret": "a new secret",
    "/api/approval/progress": "nothing is changed",
    "/api/approval/progress/voucher": "nothing is changed",
    "/api/session/code": "a code is taken once",
    "/api/identities/{identity_id}/end": "a link is ended once",
    "/api/departments/{code}/sections": "a new section",
    "/api/sections/{section_id}/end": "a section is closed once",
    "/api/plan-audits": "the same versions are compared once",
    "/api/footprints": "nothing is kept",
    "/api/trims": "nothing is kept",
    "/api/rules/trial": "nothing is kept",
    "/api/alternatives": "nothing is kept",
    "/api/shifts": "nothing is kept",
    "/api/refits": "nothing is kept",
    "/api/site-searches": "a new search, of who asks",
    "/api/report-verifications": "nothing is kept",
    "/api/report-differences": "nothing is kept",
    "/api/checks/{check_id}/verification": "nothing is kept",
    "/api/check-batches": "a new batch, of who asks",
    "/api/tokens": "a new token",
    "/api/tokens/{token_id}": "a token is revoked once",
    "/api/token-revocations": "tokens are revoked once",
    "/api/jobs/{job_id}/cancel": "a job is cancelled once",
    "/api/layers/{code}/versions/{number}/delta": "a new version; the address names the one it is put on",
    "/api/layers/{code}/versions/{number}/dry-run": "nothing is changed",
    "/api/layers/{code}/diagnosis": "nothing is kept",
}
"""Writes that nobody can undo for another by them, and why; below `/api/me` and `/api/accounts` all of them."""

SIGN_IN = {
    ("post", "/api/session"),
    ("post", "/api/session/code"),
    ("post", "/api/approval/progress"),
    ("post", "/api/approval/progress/voucher"),
}
"""Before somebody is known there is nobody whose key it would be; a code is taken once anyway."""


def test_every_write_takes_a_key_and_every_change_of_what_two_people_edit_takes_a_tag(running: Server):
    document = running.client().get("/api/openapi.json").json()
    tagged, unkeyed, unheld = set(), [], []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method == "get":
                continue
            names = {p["name"] for p in operation.get("parameters", []) if p["in"] == "header"}
            if "Idempotency-Key" not in names and (method, path) not in SIGN_IN:
                unkeyed.append((method, path))
            if "If-Match" in names:
                tagged.add(path)
            elif path not in NOT_HELD and not path.startswith(
                ("/api/me/", "/api/accounts/", "/api/appointments/")
            ):
                unheld.append((method, path))

    assert unkeyed == []
    assert not unheld, unheld
    assert {
        "/api/layers",
        "/api/layers/{code}/versions/{number}/in-force",
        "/api/projects/{project_id}/footprint",
        "/api/opinion-requests/{request_id}/opinion",
        "/api/access-grants/{grant_id}/grant",
        "/api/approval/cases/{number}/project-code",
        "/api/approval/cases/{number}/process",
        "/api/approval/cases/{number}/items/{code}/steps",
    } <= tagged
