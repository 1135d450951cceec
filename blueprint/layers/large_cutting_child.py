"""Inside the cell: cut a version of many features. It is a child of its own kind, as what compiles its loops takes a second to load."""

from typing import Any

from blueprint.layers import cutting_child
from blueprint.layers.compiled_ground import CompiledGround
from blueprint.layers.compiled_shapes import compiled_areas


def main(request: dict[str, Any]) -> None:
    """Cut the version of the request."""
    cutting_child.cut(request, compiled_areas, CompiledGround)
