"""Makes the fonts that captions are drawn with from those of Noto: `python -m cluster.caption_fonts <folder> …`.

The folders hold what `app/captions/fonts/README.md` names as sources, anywhere below. Fonts get smaller here and are
otherwise what they were: hints and features that a caption never uses are left out, and of the Han letters all but
those of the national character sets.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from fontTools import subset

TARGET: Final = Path(__file__).resolve().parent.parent / "app" / "captions" / "fonts"
SCRIPTS: Final = (
    *("Arabic", "Hebrew", "Devanagari", "Thai", "Armenian", "Georgian", "Bengali", "Gurmukhi", "Gujarati", "Oriya"),
    *("Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala", "Lao", "Khmer", "Myanmar", "Ethiopic"),
)
SYMBOLS: Final = (range(0x2010, 0x2070), range(0x20A0, 0x20C1), range(0x2100, 0x2400), range(0x2460, 0x2800))
"""What comes from the fonts of symbols: punctuation, currencies, arrows, mathematics, shapes."""
_HIGH: Final = range(0xA1, 0xFF)
_JIS, _GB, _KS = "euc_jp", "gb2312", "euc_kr"


def main(folders: Iterable[str]) -> None:
    """Write all fonts. Raises FileNotFoundError where a source is missing."""
    sources = [Path(folder) for folder in folders]
    make(found("NotoSans-Regular.ttf", sources), "NotoSans-Regular.woff", None)
    for script in SCRIPTS:
        make(found(f"NotoSans{script}-Regular.ttf", sources), f"NotoSans{script}-Regular.woff", None)
    for name in ("Symbols", "Symbols2", "Math"):
        marks = [mark for some in SYMBOLS for mark in some]
        make(found(f"NotoSans{name}-Regular.ttf", sources), f"NotoSans{name}-Subset.woff", marks)
    make(found("noto-emoji-emoji-400-normal.woff", sources), "NotoEmoji-Regular.woff", None)
    cjk(found("NotoSansCJK-Regular.ttc", sources), "NotoSansCJK-Subset.otf")


def found(name: str, folders: Iterable[Path]) -> Path:
    """The file of that name below the folders. Raises FileNotFoundError."""
    for folder in folders:
        for path in folder.rglob(name):
            return path
    raise FileNotFoundError(name)


def make(source: Path, target: str, characters: Iterable[int] | None) -> None:
    """One font for those characters (None: all that it has), with all that shapes them."""
    options = subset.Options(hinting=False, name_IDs=["*"], name_languages=[0x409], notdef_outline=True, flavor="woff")
    font = subset.load_font(str(source), options)
    _save(font, target, options, characters if characters is not None else font.getBestCmap())


def cjk(source: Path, target: str) -> None:
    """Japanese forms first; simplified Chinese ones by language; all of Hangul; no vertical setting."""
    options = subset.Options(
        hinting=False, layout_features=["locl", "ccmp", "ljmo", "vjmo", "tjmo"], name_IDs=["*"], name_languages=[0x409]
    )
    options.notdef_outline = True
    options.font_number = 0
    options.drop_tables += ["VORG", "vhea", "vmtx", "BASE"]
    font = subset.load_font(str(source), options)
    _local_forms(font, {mark for mark in of_codec(_GB) if mark >= 0x2E80})
    han = set(of_codec(_JIS)) | set(of_codec(_GB)) | {mark for mark in of_codec(_KS) if 0x3400 <= mark <= 0x9FFF}
    han |= set(of_codec("big5", range(0xA1, 0xC7), (*range(0x40, 0x7F), *_HIGH)))
    rest = (range(0x1100, 0x1200), range(0x3000, 0x3400), range(0xAC00, 0xD7A4), range(0xFF00, 0xFFF0))
    _save(font, target, options, han.union(*rest))


def of_codec(codec: str, leads: Iterable[int] = _HIGH, trails: Iterable[int] = _HIGH) -> Iterator[int]:
    """The code points of a national character set, by its encoding of two bytes."""
    trails = list(trails)
    for lead in leads:
        for trail in trails:
            try:
                yield ord(bytes((lead, trail)).decode(codec))
            except (UnicodeDecodeError, TypeError):  # not every pair is one letter
                continue


def _local_forms(font: Any, simplified: set[int]) -> None:
    """Have only simplified Chinese its own forms, for those characters: the others' are most of the font's size."""
    names: Mapping[int, str] = font.getBestCmap()
    kept = {names[mark] for mark in simplified if mark in names}
    table = font["GSUB"].table
    of_language: dict[int, set[str]] = {}
    for script in table.ScriptList.ScriptRecord:
        for record in script.Script.LangSysRecord:
            for index in record.LangSys.FeatureIndex:
                feature = table.FeatureList.FeatureRecord[index]
                for lookup in feature.Feature.LookupListIndex if feature.FeatureTag == "locl" else ():
                    of_language.setdefault(lookup, set()).add(record.LangSysTag.strip())
    for lookup, languages in of_language.items():
        for part in table.LookupList.Lookup[lookup].SubTable:
            forms = getattr(part, "ExtSubTable", part)
            wanted = kept if "ZHS" in languages else set()
            forms.mapping = {old: new for old, new in forms.mapping.items() if old in wanted}


def _save(font: Any, target: str, options: subset.Options, characters: Iterable[int]) -> None:
    maker = subset.Subsetter(options)
    maker.populate(unicodes=characters)
    maker.subset(font)
    TARGET.mkdir(exist_ok=True)
    subset.save_font(font, str(TARGET / target), options)


if __name__ == "__main__":
    main(sys.argv[1:])
