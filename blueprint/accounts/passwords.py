"""Passwords: argon2id by pwdlib, a few at a time, and none that is easily guessed (NIST SP 800-63B, 5.1.1.2)."""

import re
import secrets
import threading
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from pwdlib import PasswordHash

from blueprint.errors import InvalidInputError, UnavailableError

MIN_LENGTH = 12
MAX_LENGTH = 200
_WAIT_SECONDS = 5.0
_FEWEST_DIFFERENT = 5

_hasher = PasswordHash.recommended()
_at_once = threading.BoundedSemaphore(2)
"""A hash takes 64 MiB: more at once would be a way to bring the service down."""

_SUBSTITUTES = str.maketrans("013457@$!", "oieastasi")


def hash_password(password: str) -> str:
    """The argon2id hash of a password."""
    with _turn():
        return _hasher.hash(password)


def is_password(password: str, password_hash: str | None) -> bool:
    """Compare; without a hash it takes as long and is False, so that nobody learns which logins exist."""
    with _turn():
        matches = _hasher.verify(password, password_hash or _nobodys())
    return matches and password_hash is not None


def make_password() -> str:
    """A password to be used once and changed: 96 random bits."""
    return secrets.token_urlsafe(12)


def refuse_weak(password: str, *, own_words: tuple[str, ...]) -> None:
    """Refuse what is short, monotonous, built around a common word, or holds one of the person's own words."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise InvalidInputError(
            "a password has {min_length} to {max_length} characters; three or four words make a good one",
            min_length=MIN_LENGTH,
            max_length=MAX_LENGTH,
        )
    folded = password.casefold()
    if len(set(folded)) < _FEWEST_DIFFERENT or _is_run(folded):
        raise InvalidInputError("the password is the same few characters again; take three or four words")
    if any(len(word) >= 3 and word.casefold() in folded for word in own_words):
        raise InvalidInputError("the password holds your login or name; take other words")
    if _core(folded) in _common_passwords():
        raise InvalidInputError(
            "the password is on the list of common ones; take three or four words of your own"
        )
    letters = {re.sub(r"[^a-z]", "", folded), re.sub(r"[^a-z]", "", folded.translate(_SUBSTITUTES))}
    if any(_is_common(word) for word in letters):
        raise InvalidInputError(
            "the password is one of those tried first; take three or four words of your own"
        )


def _is_common(letters: str) -> bool:
    """Say whether nothing is left when the common words, longest first, are taken away."""
    for word in sorted(_weak_words(), key=len, reverse=True):
        letters = letters.replace(word, "")
    return len(letters) < _FEWEST_DIFFERENT


def _core(folded: str) -> str:
    """The password without what people add at its end to make another of it."""
    return re.sub(r"[^a-z]+$", "", folded) or folded


def _is_run(text: str) -> bool:
    steps = [ord(after) - ord(before) for before, after in pairwise(text)]
    return sum(abs(step) <= 1 for step in steps) >= 0.8 * len(steps)


@lru_cache(maxsize=1)
def _weak_words() -> frozenset[str]:
    return frozenset(_lines("weak_words.txt"))


@lru_cache(maxsize=1)
def _common_passwords() -> frozenset[str]:
    return frozenset(_core(line) for line in _lines("common_passwords.txt"))


def _lines(name: str) -> list[str]:
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@lru_cache(maxsize=1)
def _nobodys() -> str:
    return _hasher.hash(secrets.token_urlsafe(16))


class _turn:  # noqa: N801 - reads as a word where it is used
    def __enter__(self) -> None:
        if not _at_once.acquire(timeout=_WAIT_SECONDS):
            raise UnavailableError("too many people sign in at this moment; try again in a few seconds")

    def __exit__(self, *_: object) -> None:
        _at_once.release()
