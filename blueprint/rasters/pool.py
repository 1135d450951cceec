"""Open rasters of the object folder, kept for the next reader: files of our own making, opened by one driver alone."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rasterio

_MAX_IDLE = 64
_ENVIRONMENT = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", "GDAL_CACHEMAX": 128, "GDAL_NUM_THREADS": 1}


class RasterPool:
    """Lends an open raster to one reader at a time; what is idle longest is closed first."""

    def __init__(self, max_idle: int = _MAX_IDLE) -> None:
        self._idle: deque[tuple[Path, Any]] = deque()
        self._lock = threading.Lock()
        self._max_idle = max_idle

    @contextmanager
    def lend(self, path: Path) -> Iterator[Any]:
        """An open raster for as long as the caller stays; closed when reading it fails."""
        raster = self._take(path)
        with rasterio.Env(**_ENVIRONMENT):
            if raster is None:
                raster = rasterio.open(path, driver="GTiff")
            try:
                yield raster
            except BaseException:
                raster.close()
                raise
        self._give_back(path, raster)

    def _take(self, path: Path) -> Any | None:
        with self._lock:
            for number, (known, raster) in enumerate(self._idle):
                if known == path:
                    del self._idle[number]
                    return raster
        return None

    def _give_back(self, path: Path, raster: Any) -> None:
        with self._lock:
            self._idle.append((path, raster))
            surplus = self._idle.popleft()[1] if len(self._idle) > self._max_idle else None
        if surplus is not None:
            surplus.close()


POOL = RasterPool()
"""The pool of this process."""
