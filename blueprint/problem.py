"""The one shape in which every error is told over HTTP (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from structlog.contextvars import get_contextvars

from blueprint.sentences import Sentence

PROBLEM_MEDIA_TYPE = "application/problem+json"


_TITLES = {
    400: "请求无法读取",
    401: "未登录",
    403: "无权办理",
    404: "不存在",
    405: "不支持的方法",
    408: "请求超时",
    409: "目前状态不能办理",
    412: "读取之后已被更改",
    413: "内容过大",
    415: "不支持的内容类型",
    422: "内容有误",
    429: "尝试次数过多",
    500: "服务出错",
    502: "上游服务出错",
    503: "暂不可用",
    507: "磁盘已满",
}
"""The Chinese of a status where its phrase is the title."""


def problem_document(status: int, detail: Sentence, instance: str | None) -> dict[str, Any]:
    """A problem document; `instance` is the path that was asked for.

    Its title is the status's own phrase, as RFC 9457 (4.2.1) asks where the type is `about:blank`. What people read is
    there in both languages, whatever the caller's Accept-Language: `title_zh` and `detail_zh` are the Chinese.

    It carries the id of the request under way, by which the log is searched.
    """
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "title_zh": _TITLES.get(status, str(status)),
        "status": status,
        "detail": encodable(detail.english),
        "detail_zh": encodable(detail.chinese),
    }
    if instance is not None:
        document["instance"] = encodable(instance)
    request_id = get_contextvars().get("request_id")
    if request_id is not None:
        document["request_id"] = request_id
    return document


def encodable(text: str) -> str:
    """Text that may quote half a surrogate pair of the caller's, as UTF-8 can hold it."""
    return text.encode("utf-8", "backslashreplace").decode()
