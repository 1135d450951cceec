"""Drafts (草稿): until a version comes into force, what is in it is its own department's to see."""

from sqlalchemy.orm import Session

from blueprint.layers.models import Layer, LayerVersion
from blueprint.layers.publication import version_of
from blueprint.permissions import Act, Actor, require


def refuse_draft_of_others(actor: Actor, layer: Layer, version: LayerVersion) -> None:
    """Refuse a version that never was in force to who could not bring it into force."""
    if not version.periods:
        require(actor, Act.BRING_INTO_FORCE, layer.thing)


def readable_version(session: Session, layer: Layer, number: int, actor: Actor) -> LayerVersion:
    """The version of a number, for who may read its features; of the layer itself who asks was found a reader."""
    version = version_of(session, layer, number)
    refuse_draft_of_others(actor, layer, version)
    return version
