"""An uploaded file on the disk, while a request works with it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import UploadFile


@contextmanager
def spooled(upload: UploadFile, *, scratch: Path) -> Iterator[Path]:
    """The content of an upload as a file of the scratch folder, which is removed afterwards."""
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        path = Path(folder) / "upload"
        with path.open("wb") as target:
            shutil.copyfileobj(upload.file, target, 1 << 20)
        yield path
