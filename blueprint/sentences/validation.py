"""What Pydantic finds wrong with a value, as a sentence of ours in both languages."""

import re
from collections.abc import Mapping
from typing import Any

from blueprint.sentences.sentence import Sentence

TEMPLATES: Mapping[str, str] = {
    "bool_parsing": "Input should be a valid boolean, unable to interpret input",
    "bool_type": "Input should be a valid boolean",
    "date_from_datetime_inexact": "Datetimes provided to dates should have zero time - e.g. be exact dates",
    "date_from_datetime_parsing": "Input should be a valid date or datetime, {error}",
    "date_parsing": "Input should be a valid date in the format YYYY-MM-DD, {error}",
    "date_type": "Input should be a valid date",
    "datetime_from_date_parsing": "Input should be a valid datetime or date, {error}",
    "datetime_parsing": "Input should be a valid datetime, {error}",
    "datetime_type": "Input should be a valid datetime",
    "dict_type": "Input should be a valid dictionary",
    "enum": "Input should be {expected}",
    "extra_forbidden": "Extra inputs are not permitted",
    "finite_number": "Input should be a finite number",
    "float_parsing": "Input should be a valid number, unable to parse string as a number",
    "float_type": "Input should be a valid number",
    "greater_than": "Input should be greater than {gt}",
    "greater_than_equal": "Input should be greater than or equal to {ge}",
    "int_from_float": "Input should be a valid integer, got a number with a fractional part",
    "int_parsing": "Input should be a valid integer, unable to parse string as an integer",
    "int_parsing_size": "Unable to parse input string as an integer, exceeded maximum size",
    "int_type": "Input should be a valid integer",
    "invalid_key": "Keys should be strings",
    "json_invalid": "Invalid JSON: {error}",
    "less_than": "Input should be less than {lt}",
    "less_than_equal": "Input should be less than or equal to {le}",
    "list_type": "Input should be a valid list",
    "literal_error": "Input should be {expected}",
    "missing": "Field required",
    "model_attributes_type": "Input should be a valid dictionary or object to extract fields from",
    "model_type": "Input should be a valid dictionary or instance of {class_name}",
    "none_required": "Input should be None",
    "string_pattern_mismatch": "String should match pattern '{pattern}'",
    "string_too_long": "String should have at most {max_length} character{expected_plural}",
    "string_too_short": "String should have at least {min_length} character{expected_plural}",
    "string_type": "Input should be a valid string",
    "string_unicode": "Input should be a valid string, unable to parse raw data as a unicode string",
    "timezone_aware": "Input should have timezone info",
    "too_long": "{field_type} should have at most {max_length} item{expected_plural} after validation, not {actual_length}",
    "too_short": "{field_type} should have at least {min_length} item{expected_plural} after validation, not {actual_length}",
    "tuple_type": "Input should be a valid tuple",
    "url_parsing": "Input should be a valid URL, {error}",
    "url_scheme": "URL scheme should be {expected_schemes}",
    "url_too_long": "URL should have at most {max_length} character{expected_plural}",
    "url_type": "URL input should be a string or URL",
    "uuid_parsing": "Input should be a valid UUID, {error}",
    "uuid_type": "UUID input should be a string, bytes or UUID object",
}
"""Pydantic's own texts of what a description of ours can refuse, by kind; one that changed there is said in English."""


def sentence_of_validation(error: Mapping[str, Any]) -> Sentence:
    """The sentence of one of `ValidationError.errors()`, without the place of the value."""
    values = {name: _plain(value) for name, value in error.get("ctx", {}).items()}
    raised = values.get("error")
    if (
        error["type"] == "value_error" and isinstance(raised, ValueError) and raised.args
    ):  # a validator of ours
        said = raised.args[0]
        return said if isinstance(said, Sentence) else Sentence(str(said))
    values["expected_plural"] = "" if values.get("max_length", values.get("min_length")) == 1 else "s"
    template = TEMPLATES.get(error["type"])
    if template is None or Sentence(template, **values).english != error["msg"]:
        return Sentence(error["msg"])
    return Sentence(template, **{name: _worded(name, value) for name, value in values.items()})


def _worded(name: str, value: object) -> object:
    """A value of Pydantic's that is English itself: alternatives (`'a', 'b' or 'c'`), and what has too few or too many items."""
    if name == "expected" and isinstance(value, str) and (found := _LAST_OF_SEVERAL.fullmatch(value)):
        return Sentence("{others} or {last}", others=found["others"].split(", "), last=found["last"])
    if name == "field_type" and value in KINDS:
        return Sentence(str(value))
    return value


KINDS = frozenset({"Dictionary", "Frozenset", "List", "Set", "Tuple"})
_LAST_OF_SEVERAL = re.compile(r"(?P<others>.+) or (?P<last>[^ ]+)", re.DOTALL)


def _plain(value: object) -> object:
    """A bound as Pydantic says it: a whole one without decimals."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
