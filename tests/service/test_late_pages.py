"""Board and inbox three weeks on, in a real browser: a clock that stands still for long, silence, notices that nobody took or read."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from blueprint.city import City
from blueprint.permissions import Role
from blueprint.wall import KEEPER, seeing
from coordination import clock
from coordination.models import OpinionRequest
from coordination.notice_models import Channel, Notice, NoticeDelivery
from service.settings import Settings
from tests.coordination.conftest import world  # noqa: F401
from tests.coordination.test_rounds import consult, register
from tests.coordination.world import CALENDAR, NOW, WATER, install_layers
from tests.service.browser import fresh_page
from tests.service.conftest import serving
from tests.service.office import Office
from tests.service.test_coordination_pages import go, picture, sign_in

pytestmark = pytest.mark.browser


def test_what_stands_still_what_passed_in_silence_and_what_nobody_was_sent_is_seen(
    make_database: Callable[[], AbstractContextManager[str]],
    world: City,  # noqa: F811
) -> None:
    now = [NOW]

    def today() -> datetime:
        return now[0]

    with (
        make_database() as database,
        serving(database, world, Settings(), clock=today) as running,
        fresh_page() as page,
    ):
        office = Office(running, world)
        with seeing(KEEPER), Session(running.edge.engine) as session, session.begin():
            install_layers(session, world)
            consult(session, world, register(session, world))
            water = session.scalars(select(OpinionRequest).where(OpinionRequest.department == "slj")).one()
            clock.stop_clock(session, water.id, reason="缺材料", actor=WATER, calendar=CALENDAR, now=NOW)
            now[0] = NOW + timedelta(days=21)
            assert clock.close_overdue(session, now[0].date(), now=now[0], calendar=CALENDAR) > 0
            lost = session.scalars(select(Notice).where(Notice.department == "wlj")).first()
            assert lost is not None
            session.add(
                NoticeDelivery(
                    notice_id=lost.id, channel=Channel.EMAIL, address="wlj@example.cn", attempts=12,
                    next_try_at=now[0], last_error="connection refused",
                )
            )  # fmt: skip
        office.hire("lin", Role.COORDINATOR, department="zrzy")
        office.hire("wen", Role.REVIEWER, department="wlj")

        sign_in(page, running, "lin")
        go(page, running, "/board")
        assert "停表已 15 个工作日" in page.inner_text("main")
        assert "wlj@example.cn" in page.inner_text("#notices-failed-table")
        picture(page, "board-late")

        sign_in(page, running, "wen")
        go(page, running, "/inbox")
        assert "逾期视为无意见" in page.inner_text("main")
        picture(page, "inbox-late")
        assert page.faults == []
