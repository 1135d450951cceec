"""The words and colours in which a report speaks to people: Chinese first, English beside it."""

SEVERITY_WORDS = {
    "prohibit": ("禁止", "prohibited"),
    "restrict": ("限制", "restricted"),
    "advise": ("建议", "advised"),
    "inform": ("提示", "for information"),
    "clear": ("无冲突", "clear"),
}
SEVERITY_COLORS = {
    "prohibit": "#c00000",
    "restrict": "#d2691e",
    "advise": "#b8860b",
    "inform": "#1f5fa8",
    "clear": "#2e7d32",
}
CONCLUSION_WORDS = {
    "prohibit": ("不符合", "does not comply"),
    "restrict": ("基本符合（有条件）", "complies on conditions"),
    "advise": ("符合", "complies"),
    "inform": ("符合", "complies"),
    "clear": ("符合", "complies"),
}
"""The overall conclusion (综合结论) of a verdict: a machine's first judgement."""

OUTCOME_WORDS = {
    "conflict": ("冲突", "conflict"),
    "clear": ("无冲突", "clear"),
    "outside_coverage": ("不在图层覆盖范围", "outside coverage"),
    "no_data": ("无现行数据", "no data"),
    "not_permitted": ("无权查看", "not permitted"),
    "expired": ("已过规划期", "expired"),
    "failed": ("文件不可读，未能检查", "its file cannot be read; not checked"),
}
SIZE_WORDS = {
    "small": ("占用地不足 5%", "less than 5 % of the site"),
    "part": ("占用地 5% 至一半", "5 % to half of the site"),
    "most": ("占用地一半以上", "half of the site or more"),
}
RELATION_WORDS = {
    "overlaps": ("压占", "overlaps"),
    "within": ("位于其内", "within"),
    "covers": ("全部包含", "covers"),
    "crosses": ("穿越", "crosses"),
    "contains": ("包含", "contains"),
    "touches": ("位于边界", "on the boundary"),
    "within_distance": ("在控制距离内", "within distance"),
    "outside": ("位于其外", "outside"),
    "uncovered": ("无规划覆盖", "not covered"),
}
LAND_WORDS = {
    "agricultural": ("农用地", "agricultural land"),
    "agri_facility": ("农业设施建设用地", "agricultural facilities"),
    "construction": ("建设用地", "construction land"),
    "sea": ("用海", "sea"),
    "unused_other": ("未利用地", "unused land"),
    "water": ("陆地水域", "inland water"),
    "wetland": ("湿地", "wetland"),
}
CHANGE_WORDS = {
    "new": ("新增", "new"),
    "gone": ("消失", "gone"),
    "grown": ("增大", "grown"),
    "shrunk": ("减小", "shrunk"),
    "weighs_otherwise": ("管控变化", "weighs otherwise"),
}
CAUSE_WORDS = {
    "footprint": ("用地红线", "footprint"),
    "particulars": ("规划用途或高度", "planned use or height"),
    "layer_version": ("图层版本", "layer version"),
    "rule": ("规则", "rule"),
    "engine": ("计算引擎", "engine"),
    "rights": ("查看权限", "rights"),
    "not_asked": ("图层到期或未能读取", "layer expired or not readable"),
}

DIFFERENCE_WORDS = {
    "engine": "计算引擎",
    "digest": "摘要",
    "verdict": "结论",
    "working_crs": "坐标系",
    "area_measure": "面积口径",
    "rule_set": "规则",
    "ledger": "面积台账",
    "layers": "图层",
    "findings": "冲突",
    "rules": "规则说明",
    "unsigned_rules": "未签认规则",
    "assumed": "假设版本",
    "footprint": "用地",
    "check_id": "所留存检查的摘要",
    "unknown": "报告中没有的内容",
}
"""What the parts of a report are called where one says something else than the check again."""

SEAL_WORDS = {"intact": "完好 intact", "broken": "不符 broken", "missing": "缺失 missing"}

WITHHELD_WORDS = (
    "今日关于受限图层的答复次数已用完，是否涉及未作答",
    "today's answers on restricted layers are used up: whether one is met is not said",
)
