"""What fields and classes are called in the console's tables: the Chinese first, the English beside it."""

from collections.abc import Iterator, Mapping
from typing import Any

CONTROL_WORDS = {
    "prohibit": ("禁止", "prohibits"),
    "restrict": ("限制", "restricts"),
    "advise": ("建议", "advises"),
    "inform": ("提示", "informs"),
}
LEVEL_WORDS = {
    "fatal": "致命 fatal",
    "error": "错误 error",
    "warning": "警告 warning",
    "info": "提示 info",
}

_LABELS = {
    "id": "编号",
    "kind": "类别",
    "layer": "图层",
    "state": "状态",
    "phase": "阶段",
    "bytes_done": "已收字节",
    "bytes_total": "总字节",
    "features_done": "已处理图斑",
    "asked_by": "提交人",
    "asked_at": "提交时间",
    "started_at": "开始时间",
    "finished_at": "结束时间",
    "cancel_asked_by": "取消人",
    "attempts": "尝试次数",
    "result": "结果",
    "error": "错误",
    "code": "代码",
    "title": "名称",
    "title_en": "英文名称",
    "department": "部门代码",
    "department_name": "主管部门",
    "geometry": "类型",
    "control": "管控",
    "conflict_when": "何时冲突",
    "buffer_m": "缓冲（米）",
    "buffer_by": "缓冲按字段",
    "tolerance_m2": "面积容差（平方米）",
    "sliver_width_m": "碎面宽度（米）",
    "sensitivity": "分级",
    "basis": "依据",
    "purpose": "共享用途",
    "conditions": "共享条件",
    "source_id_field": "标识字段",
    "label_field": "标注字段",
    "color": "颜色",
    "is_base_map": "底图",
    "standard": "属性标准",
    "value_kind": "数值类别",
    "unit": "单位",
    "threshold_above": "阈值（高于）",
    "threshold_below": "阈值（低于）",
    "threshold_values": "阈值（取值）",
    "threshold_share": "阈值（占比）",
    "group": "图层组代码",
    "group_name": "图层组",
    "position": "次序",
    "symbology": "符号",
    "class_field": "分类字段",
    "abstract": "摘要",
    "owner": "权属单位",
    "scale": "比例尺",
    "data_on": "数据时点",
    "lineage": "数据来源与沿革",
    "version": "版本",
    "in_force_from": "生效日",
    "valid_until": "有效期至",
    "next_version": "下一版本",
    "next_from": "下一版本生效日",
    "feature_count": "图斑数",
    "extent": "四至（度）",
    "retired_on": "停用日",
    "retired_reason": "停用理由",
    "features": "图斑",
    "not_in_force": "未生效",
    "projects": "项目",
    "batch": "批次",
    "file": "文件",
    "audit": "核查",
    "search": "选址",
    "sites": "宗数",
}
"""Fields of things as HTTP calls them too, by which the table is read beside the JSON."""


def label_of(name: str) -> str:
    """A field's name: Chinese, and as the JSON has it."""
    return f"{_LABELS[name]} {name}" if name in _LABELS else name


def named(item: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """A thing's fields for a table of two columns; what is true or not as a word."""
    for name, value in item.items():
        yield label_of(name), ("是 yes" if value else "否 no") if isinstance(value, bool) else value
