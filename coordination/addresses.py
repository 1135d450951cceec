"""What the routes of coordination have in their addresses: ids, cursors, sizes of a page."""

from typing import Annotated

from fastapi import Path, Query

Id = Annotated[int, Path(ge=1, le=2_000_000_000)]
Cursor = Annotated[int, Query(ge=0, le=2_000_000_000, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=200)]
