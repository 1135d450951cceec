"""What somebody who signed in may still owe: a code, a password, a second factor."""

from enum import StrEnum

from blueprint.sentences import Sentence


class Owed(StrEnum):
    """What a person who signed in has to do before any role counts."""

    CODE = "second_factor_code"
    NEW_PASSWORD = "new_password"  # noqa: S105 - a step, not a password
    SECOND_FACTOR = "second_factor"


HOW = {
    Owed.CODE: Sentence("give the code of the second factor (POST /api/session/code)"),
    Owed.NEW_PASSWORD: Sentence("change the password (POST /api/me/password)"),
    Owed.SECOND_FACTOR: Sentence(
        "set up a second factor, which a role of theirs needs (POST /api/me/second-factor)"
    ),
}
"""How each is done."""
