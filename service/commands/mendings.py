"""`blueprint layer mendings`: the receipts of what was mended in a version, undoing it, and accepting it again."""

from typing import Annotated

import typer
from sqlalchemy.orm import Session

from blueprint.errors import InvalidInputError
from blueprint.layers import catalogue
from blueprint.layers.drafts import readable_version
from blueprint.permissions import Act, require
from blueprint.quality.report import acted_out, mendings_of
from blueprint.quality.schemas import MendingOut
from blueprint.quality.undoing import accept as accept_again
from blueprint.quality.undoing import undo as undo_mendings
from blueprint.sharing.purposes import record_reading
from service.commands.context import local_operator, open_edge, say
from service.commands.options import Code, FormatOption, Number, OutputFormat, print_json, print_table

PAGE = 1000
ALL = "all"

RowsOption = Annotated[
    str | None,
    typer.Option(metavar="ROWS", help="图斑号，以逗号分隔，或 all feature numbers with commas, or all"),
]


def mendings(
    code: Code,
    number: Number,
    undo: RowsOption = None,
    accept: RowsOption = None,
    output: FormatOption = OutputFormat.TABLE,
) -> None:
    """修复凭据 · what mending changed, feature by feature; --undo takes it back in a draft, --accept lets it stand again."""
    if undo is not None and accept is not None:
        raise InvalidInputError("give --undo or --accept, not both")
    with open_edge() as edge, Session(edge.engine, expire_on_commit=False) as session, session.begin():
        actor = local_operator()
        layer = catalogue.find_readable(session, code, actor)
        version = readable_version(session, layer, number, actor)
        if undo is not None or accept is not None:
            require(actor, Act.UPLOAD_VERSION, layer.thing)
            act = undo_mendings if undo is not None else accept_again
            done = act(session, layer, version, _rows(undo or accept or ALL), actor=actor, now=edge.now())
            result = acted_out(layer, done)
            if output is OutputFormat.JSON:
                print_json(result.model_dump(mode="json"))
            else:
                say(done.follows)
            return
        record_reading(session, actor, [layer.thing], kind="quality", id=f"{code} v{number}")
        page = mendings_of(session, version, city=edge.city, limit=PAGE)
        while page.next is not None:
            following = mendings_of(session, version, city=edge.city, limit=PAGE, after=int(page.next))
            page.items, page.next = [*page.items, *following.items], following.next
    if output is OutputFormat.JSON:
        print_json([item.model_dump(mode="json") for item in page.items])
        return
    print_table(
        f"{code} v{number} 修复凭据 receipts of mending",
        ["图斑 feature", "问题 wrong", "位置 place (E, N)", "面积 area m²", "移动 moved m", "状态 state"],
        [_line(item) for item in page.items],
        empty=f"{code} v{number}: 没有修复 nothing was mended",
    )


def _line(item: MendingOut) -> list[object]:
    named = f"{item.row} {item.source_id}" if item.source_id is not None else item.row
    state = "已修复 mended" if item.undone_by is None else f"已撤销 undone {item.undone_by}"
    place = f"{item.place[0]:.2f}, {item.place[1]:.2f}"
    areas = f"{item.before_m2:.2f} → {item.after_m2:.2f}"
    return [named, f"{item.why.zh} {item.why.en}", place, areas, f"{item.moved_m:.3f}", state]


def _rows(given: str) -> list[int] | None:
    """Numbers of features with commas between; None for all."""
    if given.strip().lower() == ALL:
        return None
    try:
        return [int(text) for text in given.split(",")]
    except ValueError:
        raise InvalidInputError("{given!r} must be feature numbers like 3,17 or all", given=given) from None
