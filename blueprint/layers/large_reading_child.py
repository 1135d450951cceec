"""Inside the cell: read a large file. It is a child of its own kind, as what compiles its loops takes a second to load."""

from typing import Any

from blueprint.layers import reading_child
from blueprint.layers.compiled_ground import CompiledGround
from blueprint.layers.plain_areas import plain_areas


def main(request: dict[str, Any]) -> None:
    """Read the file of the request."""
    reading_child.read(request, CompiledGround, plain_areas)
