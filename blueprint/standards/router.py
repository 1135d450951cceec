"""Routes of the attribute standards."""

from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as PathParameter

from blueprint.edge import ActorDep
from blueprint.given import Text
from blueprint.permissions import Act, require
from blueprint.standards.loading import find_standard, standards
from blueprint.standards.schemas import StandardOut, StandardPage, standard_out, summary_of

router = APIRouter(prefix="/api/standards", tags=["standards"])


@router.get("")
def list_standards(actor: ActorDep) -> StandardPage:
    """The layers that the standards know."""
    require(actor, Act.READ_STANDARDS)
    return StandardPage(items=[summary_of(layer) for layer in standards().layers.values()])


@router.get("/{code}")
def show_standard(
    code: Annotated[Text, PathParameter(max_length=60, description="图层代码或别名 layer code or alias")],
    actor: ActorDep,
) -> StandardOut:
    """One layer's standard: fields, code lists, sources."""
    require(actor, Act.READ_STANDARDS)
    return standard_out(find_standard(code), standards())
