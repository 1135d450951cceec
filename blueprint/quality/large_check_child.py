"""Inside the cell: check a version of many features. It is a child of its own kind, as what compiles its loops takes a second to load."""

from typing import Any

from blueprint.quality import check_child
from blueprint.quality.compiled_check import CompiledBatch, CompiledLayer


def main(request: dict[str, Any]) -> None:
    """Check the version of the request."""
    check_child.check(request, CompiledBatch, CompiledLayer)
