"""The families of errors: each says in one sentence what is wrong and how to mend it."""

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from blueprint.sentences import Sentence


class BlueprintError(Exception):
    """Something the user can read and act on; `service.problems` turns the family into HTTP or an exit status.

    `raise NotFoundError("no layer {code!r}", code=code)`: the English where it happens, its values by name and never
    formatted in, for the Chinese of the same template is in `blueprint/sentences/zh_CN.po` (`make sentences`).
    """

    def __init__(
        self,
        template: str | Sentence,
        /,
        *,
        place: str | None = None,
        rows: Sequence[Mapping[str, Any]] = (),
        **values: object,
    ) -> None:
        self.sentence = template if isinstance(template, Sentence) else Sentence(template, **values)
        """What is wrong and how to mend it, in both languages."""
        self.message = self.sentence.english
        super().__init__(self.message)
        self.members: dict[str, Any] = {"rows": list(rows)} if rows else {}
        """What a problem document has beside the sentence (RFC 9457, 3.2), as JSON."""
        self.place = place
        """Where it is wrong: a field, a feature's number or coordinates, when one place can be named."""
        self.rows = rows
        """The rows of a file that are wrong, each with what is wrong with it."""

    @property
    def chinese(self) -> str:
        """The sentence in Chinese."""
        return self.sentence.chinese


class InvalidInputError(BlueprintError):
    """What was given cannot be taken as it is (HTTP 422, exit 2)."""


class NotFoundError(BlueprintError):
    """The thing asked for does not exist, or not on that day (HTTP 404, exit 2)."""


class NotPermittedError(BlueprintError):
    """The actor may not do this (HTTP 403, exit 1)."""


class NotSignedInError(NotPermittedError):
    """Nobody is signed in, or the token is not (or no longer) good (HTTP 401, exit 1)."""


class ConflictError(BlueprintError):
    """The thing is not in a state in which this can be done (HTTP 409, exit 1)."""


class ChangedMeanwhileError(ConflictError):
    """The thing is no longer what the caller read before changing it (HTTP 412, exit 1)."""


class TooLargeError(InvalidInputError):
    """What was given is larger than the service takes (HTTP 413, exit 2)."""


class TooManyAttemptsError(BlueprintError):
    """Somebody must wait before trying again (HTTP 429, exit 1)."""

    def __init__(self, template: str | Sentence, /, *, retry_after: timedelta, **values: object) -> None:
        super().__init__(template if isinstance(template, Sentence) else Sentence(template, **values))
        self.retry_after = retry_after


class BusyError(BlueprintError):
    """Others are at it at this moment; the same again may well succeed (HTTP 503, exit 1)."""


class UnavailableError(BlueprintError):
    """Something the service needs is not there: database, disk, program (HTTP 503, exit 2)."""


class StorageFullError(UnavailableError):
    """The disk is full; nothing of the act was kept (HTTP 507, exit 2)."""


@contextmanager
def placed(place: str) -> Iterator[None]:
    """Let an error of what is given in this place say so, where it names none more exact."""
    try:
        yield
    except BlueprintError as error:
        error.place = error.place or place
        raise


def is_disk_full(error: OSError) -> bool:
    """Say whether a disk, or the user's share of it, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
