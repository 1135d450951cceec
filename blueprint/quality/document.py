"""`docs/quality.md`: the catalogue of issue kinds for people, made from the data that decide; a test holds the two together."""

from blueprint.quality.issues import MAX_LISTED
from blueprint.quality.kinds import Level, kinds
from blueprint.standards.loading import standards

_LEVELS = {
    Level.FATAL: "致命 fatal: the file is refused, nothing is stored",
    Level.ERROR: "错误 error: the draft is stored and cannot come into force",
    Level.WARNING: "警告 warning: a person confirms it with a reason, which is kept with the version and in the audit log",
    Level.INFO: "提示 info: for information",
}

_HEAD = """# Quality check

Every uploaded file is checked when its draft is stored, in a confined child process, by the layer's [attribute standard](standards.md). This page is made from
`blueprint/quality/kinds.csv` and `blueprint/standards/data/limits.csv` (`python -m blueprint.quality.document > docs/quality.md`).

- `blueprint layer quality CODE N [--level error] [--format json] [--output errors.gpkg] [--check]`; `GET|POST /api/layers/{code}/versions/{n}/quality` (paged),
  `…/quality/errors.gpkg`, `GET|POST …/quality/mendings`; `blueprint layer mendings CODE N [--undo ROWS] [--accept ROWS]`.
- An issue has its code, level, file, row (the feature's number in the file), field, value, place (metres in the working CRS and degrees), shape, text and what to do, in both languages.
  Placeholders in the texts below are filled in.
- The GeoPackage of errors is in the working CRS and opens on top of the data: `issues_area`, `issues_line`, `issues_point` (those without a place, too), `mended_originals`.
- A refused file tells its issues in the problem document (`issues`) and by `blueprint layer upload … --errors errors.gpkg`; both readings of a bow tie are drawn there.
- Warnings: `blueprint layer in-force CODE N --confirm-warnings "…"`, `confirm_warnings` over HTTP. A version that was in force before comes back without being asked. A job keeps
  the draft that cannot come into force, and its `result` says why (`not_in_force`); an upload that is answered at once keeps nothing then and lists the issues.
- Where the standard's own source is unsure, and in layers without a standard, an error is a warning. Without a standard only shapes are checked.
- Up to {most:,} issues of a kind are listed, all are counted.
- Fields that your files call otherwise: `blueprint layer map CODE FILE` suggests by alias, title, case, cut-off and likeness, applies nothing but exact names, and
  keeps what you say by `--map YOURS=STANDARD` (also of `upload`) or `--accept`; `GET|PUT /api/layers/{{code}}/field-mapping`.

**Mending.** An invalid shape is mended when that changes its area by no more than the layer's tolerance; the receipt has both areas, the largest distance its outline moved
(Hausdorff, at the vertices) and the shape as it was (`mended_originals` in the GeoPackage of errors, `…/quality/mendings`), so that it can be corrected by hand; a planner undoes it there, at the console or on the layer's page ([0046](decisions/0046-undoing-a-mending.md)): the draft (of a version that was in force: a copy, the next draft) then exports the shape of the file and has the error `mending-undone` until a corrected shape is uploaded or the mending is accepted again; `--no-mend` (`mend=false`) refuses what is invalid instead. Receipts of a delta name the features that its rows became; those of unchanged features go on with the new version. An outline that can be read in several ways is refused.

**Overlaps and gaps** are found by summing directed edges from south to north ([0021](decisions/0021-edges-are-summed.md)).
"""


def quality_markdown() -> str:
    """The whole page."""
    lines = [_HEAD.replace("{most:,}", f"{MAX_LISTED:,}").replace("{{", "{").replace("}}", "}")]
    for level in Level:
        lines += [
            f"## {_LEVELS[level]}",
            "",
            "| code | 说明 | says | 处理 | what to do |",
            "| --- | --- | --- | --- | --- |",
        ]
        lines += [
            f"| `{kind.code}` | {kind.says.zh} | {kind.says.en} | {kind.todo.zh} | {kind.todo.en} |"
            for kind in kinds().values()
            if kind.level is level
        ]
        lines.append("")
    lines += [
        "## 限值 Limits",
        "",
        "| name | value | unit | | source | unsure |",
        "| --- | ---: | --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{limit.name}` | {limit.value:g} | {limit.unit} | {limit.title} | {limit.source} | {limit.unsure} |"
        for limit in standards().limits.values()
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(quality_markdown(), end="")  # noqa: T201 (its output is the page)
