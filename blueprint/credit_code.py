"""The unified social credit code (统一社会信用代码) by GB 32100-2015: 18 characters, the last one checks the others."""

from blueprint.errors import InvalidInputError

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""Without I, O, S, V and Z, which are taken for digits; a character's place is its value."""

_LENGTH = 18


def check_character(first_17: str) -> str:
    """The 18th character: the values weighted by powers of 3, modulo 31 (GB 32100-2015, 附录)."""
    total = sum(_ALPHABET.index(letter) * pow(3, place, 31) for place, letter in enumerate(first_17))
    return _ALPHABET[-total % 31]


def read_credit_code(text: str) -> str:
    """The code in capitals without spaces or hyphens; InvalidInputError says what is wrong with it."""
    code = "".join(text.split()).replace("-", "").upper()
    if len(code) != _LENGTH:
        raise InvalidInputError(
            "a unified social credit code has 18 characters, this one has {count}; compare it with the"
            " licence",
            count=len(code),
            place="applicant_code",
        )
    foreign = sorted(set(code) - set(_ALPHABET))
    if foreign:
        raise InvalidInputError(
            "a unified social credit code has no {foreign} (neither I, O, S, V nor Z); compare it with the"
            " licence",
            foreign=foreign,
            place="applicant_code",
        )
    if not code[2:8].isdigit():
        raise InvalidInputError(
            "characters 3 to 8 of a unified social credit code are the six digits of a district; compare it"
            " with the licence",
            place="applicant_code",
        )
    if check_character(code[:-1]) != code[-1]:
        raise InvalidInputError(
            "the credit code {code} does not end in its check character (GB 32100-2015): one character is"
            " wrong, or two changed places; compare it with the licence",
            code=code,
            place="applicant_code",
        )
    return code
