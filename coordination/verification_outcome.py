"""What comes of verifying a report (核验结果): whether it holds, what was verified and what not, in a sentence each; pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from coordination.report_seal import SealState

_SAME_WORDS = (
    "一致：按报告所列版本与规则重新检查，摘要与各项数值相同 same: checked again on its versions and rules, digest and every figure are"
    " those of the report"
)
_SEAL_WORDS = {
    SealState.BROKEN: "不一致：文件所带的报告复算相同，但文件的封签不符：出具后被改动或另存过，或不是本系统所出；文件上看到的文字不可采信"
    " differs: the report that the file carries holds, and the file's seal does not: it was changed or saved again since,"
    " or is not of this service; what it shows is not to be relied on",
    SealState.MISSING: "封签缺失，未能核验：文件所带的数据复算相同，但这种文件出具时都有封签，被去掉了，或出具于有封签之前；文件上看到的文字不可采信，"
    "请向出具单位索取原件 the seal is missing, not verified: the data that the file carries holds, and files of this kind"
    " are sealed when they are issued: it was cut out, or the file is from before there were seals; what it shows is not"
    " to be relied on, ask for the original",
}

_SEAL_BESIDE = {
    SealState.BROKEN: (
        "封签也不符：文件出具后被改动或另存过，文件上看到的文字不可采信",
        "the seal does not hold either: the file was changed or saved again since, and what it shows is not to be relied on",
    ),
    SealState.MISSING: (
        "封签也缺失：文件上看到的文字不可采信",
        "the seal is missing, too: what the file shows is not to be relied on",
    ),
}

_FIGURES_ONLY_WORDS = (
    "数值一致，但文件没有封签：结论、面积与依据按报告所列版本与规则复算相同；其余内容无从核验，见所列，须凭带封签的 PDF、Word、Excel 或 HTML"
    " figures the same, the file has no seal: conclusion, areas and bases are those of its versions and rules; what else it"
    " says cannot be verified: see the list, and ask for the sealed PDF, Word, Excel or HTML"
)

_FIGURES = (
    "结论、面积台账、各图层与各条冲突的数值和依据、规则：按报告所列版本复算相同 conclusion, ledger, the figures and bases of layers and findings, rules:"
    " the same when checked again"
)
_SHOWN = (
    "文件上的文字、表格与图 the text, tables and pictures that the file shows",
    "不能复算的内容：受限图层的答复、注意事项、出具对象与时间、图层名称、来源坐标系"
    " what cannot be checked again: answers on restricted layers, notes, reader and time, titles of layers, source CRS",
)
_AS_ISSUED = (
    "文件上的文字、表格与图，以及不能复算的内容（受限图层的答复、注意事项、出具对象与时间）：由本系统写成，此后未改动"
    " what the file shows, and what cannot be checked again (answers on restricted layers, notes, reader and time): as"
    " this service wrote it"
)


@dataclass(frozen=True)
class Verification:
    """What came of it: the digest that the report says and the one now, and in one clause each where it says something else than the check now does.

    `is_same_engine`: the check is done as it was when the report was made. `seal`: of its file; None where that shows
    nothing but the report (JSON), or where the report is one that is kept here, by `is_kept`. Of a comparison of
    alternatives both digests are those of its reports, in their order.
    """

    told_digest: str | None
    digest: str
    is_same_engine: bool
    differences: tuple[str, ...]
    seal: SealState | None = None
    is_kept: bool = True

    @property
    def holds(self) -> bool:
        """Whether the report says what its versions and rules give, in a file that was not changed since."""
        return not self.differences and self.seal in (None, SealState.INTACT)

    @property
    def is_as_written(self) -> bool | None:
        """Whether what the file shows is what this service wrote; None where no seal tells."""
        return None if self.seal in (None, SealState.MISSING) else self.seal is SealState.INTACT

    @property
    def verified(self) -> tuple[str, ...]:
        """What was verified and found to be so."""
        if self.differences:
            return ()
        return (_FIGURES, _AS_ISSUED) if self.seal is SealState.INTACT else (_FIGURES,)

    @property
    def unverified(self) -> tuple[str, ...]:
        """What nobody can tell of: it may have been changed."""
        if self.is_kept or self.seal is SealState.INTACT:
            return ()
        return _SHOWN[1:] if self.seal is None else _SHOWN

    @property
    def conclusion(self) -> str:
        """What that means, in a sentence."""
        if self.holds:
            return _FIGURES_ONLY_WORDS if self.unverified else _SAME_WORDS
        if not self.differences and self.seal is not None:
            return _SEAL_WORDS[self.seal]
        told = [self._figures_differ, *([_SEAL_BESIDE[self.seal]] if self.seal in _SEAL_BESIDE else [])]
        return " ".join(("；".join(words for words, _ in told), "; ".join(english for _, english in told)))

    @property
    def _figures_differ(self) -> tuple[str, str]:
        if not self.is_same_engine:
            return (
                "不一致：计算引擎已更新，数值可能因此不同",
                "differs: the engine is another one since, which may give other figures",
            )
        if self.told_digest == self.digest:
            return (
                "不一致：摘要正确而内容不同，报告的内容被改动过",
                "differs: the digest is right and the content is not, so the report was altered",
            )
        return (
            "不一致：用地红线、图层版本、规则或摘要不是出具报告时的，或被改动过",
            "differs: footprint, layer versions, rules or digest are not those the report was made with, or were altered",
        )


def together(found: Sequence[Verification]) -> Verification:
    """What comes of several reports in one file: each difference says which of them it is of, counted from 1."""
    told = [each.told_digest for each in found]
    return Verification(
        told_digest=" ".join(digest or "—" for digest in told),
        digest=" ".join(each.digest for each in found),
        is_same_engine=all(each.is_same_engine for each in found),
        differences=tuple(
            f"方案 site {number}: {difference}"
            for number, each in enumerate(found, start=1)
            for difference in each.differences
        ),
    )
