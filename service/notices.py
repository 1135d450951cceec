"""Sends due notices outside: to a webhook, signed as handovers are, and by e-mail; each at least once."""

import json
import smtplib
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

import httpx
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from blueprint.city import City, DepartmentRole
from blueprint.errors import InvalidInputError
from coordination.handover import SIGNATURE_HEADER, sign
from coordination.notice_delivery import as_document, next_notice, record_not_sent, record_sent
from coordination.notice_models import Channel, Notice, Office
from coordination.notices import said
from service.settings import Settings

_TIMEOUT_S = 10.0
_AT_ONCE = 200
"""So many notices are sent in one round over one channel."""
_FAILURES_IN_A_ROW = 5
"""After so many a round over a channel ends: who does not answer must not keep the rest of the due work waiting."""

Send = Callable[[Notice, str], None]


def send_due(engine: Engine, *, city: City, settings: Settings, now: datetime) -> int:
    """Try every notice that is due on every channel that is set up; says how many were taken."""
    sent = 0
    if settings.notice_webhook is not None:
        url, secret = settings.notice_webhook, settings.notice_secret
        if not secret:
            raise InvalidInputError("set BLUEPRINT_NOTICE_SECRET: notices to a webhook are signed with it")
        everybody = dict.fromkeys([*(d.code for d in city.departments), *Office], url)

        def post(notice: Notice, address: str) -> None:
            _post(notice, address, city=city, secret=secret or "", now=now)

        sent += _send_all(engine, Channel.WEBHOOK, everybody, post, now=now)
    if settings.smtp_url is not None:
        server, sender = settings.smtp_url, settings.smtp_sender
        if not sender:
            raise InvalidInputError("set BLUEPRINT_SMTP_SENDER: the address that notices come from")

        def mail(notice: Notice, address: str) -> None:
            _mail(notice, address, city=city, server=server, sender=sender or "", now=now)

        sent += _send_all(engine, Channel.EMAIL, mail_addresses(city), mail, now=now)
    return sent


def mail_addresses(city: City) -> dict[str, str]:
    """Where departments and offices are written to, as far as the profile has their `email`."""
    coordinator = next((d.email for d in city.departments if d.role is DepartmentRole.COORDINATOR), None)
    known = {d.code: d.email for d in city.departments}
    known |= {Office.COORDINATOR: coordinator, Office.SUPERVISOR: city.supervisor_email}
    return {str(to): email for to, email in known.items() if email}


def _send_all(
    engine: Engine, channel: Channel, addresses: Mapping[str, str], send: Send, *, now: datetime
) -> int:
    sent = failed = 0
    for _ in range(_AT_ONCE):
        if failed == _FAILURES_IN_A_ROW:
            break
        with Session(engine) as session, session.begin():
            found = next_notice(session, channel, addresses, now=now)
            if found is None:
                break
            notice, delivery = found
            try:
                send(notice, delivery.address)
            except (httpx.HTTPError, OSError, smtplib.SMTPException) as error:
                record_not_sent(delivery, error=str(error) or type(error).__name__, now=now)
                failed += 1
            else:
                record_sent(delivery, now=now)
                sent, failed = sent + 1, 0
    return sent


def _post(notice: Notice, url: str, *, city: City, secret: str, now: datetime) -> None:
    body = json.dumps(as_document(notice, city), ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", SIGNATURE_HEADER: sign(body, secret=secret, at=now)}
    httpx.post(url, content=body, headers=headers, timeout=_TIMEOUT_S).raise_for_status()


def _mail(notice: Notice, address: str, *, city: City, server: str, sender: str, now: datetime) -> None:
    message, text = EmailMessage(), said(notice, city)
    message["Subject"] = text.splitlines()[0][:200]
    message["From"], message["To"] = sender, address
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{notice.id}@one-blueprint>"
    message.set_content(text)
    at = urlsplit(server)
    if at.hostname is None or at.scheme not in ("smtp", "smtps"):
        raise InvalidInputError(
            "BLUEPRINT_SMTP_URL must read smtp://[user:password@]host[:port], or smtps://…"
        )
    secure = ssl.create_default_context()
    if at.scheme == "smtps":
        client: smtplib.SMTP = smtplib.SMTP_SSL(
            at.hostname, at.port or 465, timeout=_TIMEOUT_S, context=secure
        )
    else:
        client = smtplib.SMTP(at.hostname, at.port or 25, timeout=_TIMEOUT_S)
    with client:
        client.ehlo()
        if at.scheme == "smtp" and client.has_extn("starttls"):
            client.starttls(context=secure)
            client.ehlo()
        if at.username:
            client.login(unquote(at.username), unquote(at.password or ""))
        client.send_message(message)
