"""Words: how a run of characters without spaces is split into words, by language.

In: a chunk, the characters between spaces. Out: its words. The rules are those of spaCy's tokenisers
(spacy/lang/{en,de}/punctuation.py and tokenizer_exceptions.py, MIT), by which datatrove counts words: marks at the ends
of a chunk are separate words; the rest is split at some marks inside it, unless it is an abbreviation or a web address.
Languages without rules use the English ones. Chinese, Japanese and Thai have segmenters.
"""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import regex

from lab.curate.text import segmenters

_SINGLE_MARKS = frozenset("'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉⟦⟧:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪")
_QUOTES = r"'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉⟦⟧"
_MARKS = r"…,:;!?¿؟¡()\[\]{}<>_\#*&。？！，、；：～·।،۔؛٪"
_UNIT = "(?:[kdcmnµ]?m[²³]?|ha|yd|in|ft|[kmµ]?g|t|lb|oz|[km]m?/[sh]|kmh|mph|h?Pa|mbar|[mMkKgGtT][bB]|T|G|M|K|%)"
_FLAGS = regex.VERBOSE | regex.VERSION1
_ADDRESS = regex.compile(
    r"(?:[\w+\-.]{2,}://)?(?:\S+@)?(?:[A-Za-z0-9\u00a1-\uffff][\w-]{0,62}\.)+\p{Ll}{2,63}(?::\d{2,5})?(?:[/?\#]\S*)?"
)
_LONGEST = 2000  # characters; longer chunks, which are no words, are cut first: time is quadratic in a chunk's length
_HYPHEN = re.compile("(-)")
_IDEOGRAPH = re.compile("[\u2e80-\U0010ffff]")
_SMALL_LETTERS = frozenset(string.ascii_lowercase)
_SINGLE_LETTERS = {f"{letter}." for letter in string.ascii_lowercase + "äöü"}
_EVERYWHERE = _SINGLE_LETTERS | set("'' C++ 8) :) :-) ;) ;-) :( :-( :D :-D :/ :P <3".split())


@dataclass(frozen=True)
class Splitter:
    """The rules of a language."""

    prefix: regex.Pattern  # a mark at the start: of several characters, or one that is a mark only in some contexts
    suffix: regex.Pattern  # the same at the end
    infix: regex.Pattern  # where the rest is split
    abbreviations: frozenset[str]  # are never split
    contraction: regex.Pattern | None = None  # two words in one, as groups
    joined: Mapping[str, list[str]] = field(default_factory=dict)  # several words in one

    def split(self, chunk: str) -> list[str]:
        """The words of a run of characters without spaces."""
        # Most chunks are letters, or letters and one mark: these go first. Else marks are taken off both ends, one at a
        # time, until neither end has one or the rest is an abbreviation; then that core is split inside.
        if len(chunk) > _LONGEST:
            parts = (chunk[start : start + _LONGEST] for start in range(0, len(chunk), _LONGEST))
            return [word for part in parts for word in self.split(part)]
        if chunk.isalpha():
            return self._split_letters(chunk)
        core, last = chunk[:-1], chunk[-1:]
        if core.isalpha() and (last in _SINGLE_MARKS or (last == "." and core[-1] in _SMALL_LETTERS)):
            return [chunk] if chunk in self.abbreviations else [*self._split_letters(core), last]
        before: list[str] = []
        after: list[str] = []
        # Chunks of letters and hyphens have no marks at their ends: skipping the patterns saves their time.
        while chunk and not chunk.replace("-", "").isalpha() and chunk not in self.abbreviations:
            first, last = chunk[0], chunk[-1]
            if first in _SINGLE_MARKS:
                before.append(first)
                chunk = chunk[1:]
            elif last in _SINGLE_MARKS and not chunk.endswith("):"):
                after.append(last)
                chunk = chunk[:-1]
            elif (not first.isalnum() or "$" in chunk) and (mark := self.prefix.match(chunk)):
                before.append(mark[0])
                chunk = chunk[mark.end() :]
            elif last == "." and chunk[-2:-1] in _SMALL_LETTERS:  # as in every language's suffix
                after.append(last)
                chunk = chunk[:-1]
            elif not last.isdecimal() and (mark := self.suffix.search(chunk)):
                after.append(mark[0])
                chunk = chunk[: mark.start()]
            else:
                break
        words = self._split_letters(chunk) if chunk.isalpha() else self._split_core(chunk)
        return before + words + after[::-1]

    @cached_property
    def _splits_at_hyphens(self) -> bool:
        return self.infix.search("a-a") is not None

    def _split_letters(self, core: str) -> list[str]:
        if core in self.joined:
            return self.joined[core]
        if core.isascii() or not _IDEOGRAPH.search(core):
            return [core]
        return [part for part in self.infix.split(core) if part]

    def _split_core(self, core: str) -> list[str]:
        """The words of a chunk without marks at its ends that is not only letters."""
        if core.isalnum() and core.isascii():
            return [core]
        parts = core.split("-")
        if all(map(str.isalpha, parts)) and not _IDEOGRAPH.search(core):
            return _HYPHEN.split(core) if self._splits_at_hyphens else [core]
        if core in self.abbreviations or (("." in core or "@" in core) and _ADDRESS.fullmatch(core)):
            return [core]
        if self.contraction and ("'" in core or "’" in core) and (words := self.contraction.fullmatch(core)):
            return list(words.groups())
        return [part for part in self.infix.split(core) if part]


ENGLISH = Splitter(
    prefix=regex.compile(r"\.\.+ | …+ | [§%=—–] | \+(?![0-9]) | (?:US|[CA])?\$ | \p{Sc} | \p{So}", _FLAGS),
    suffix=regex.compile(
        rf"""(?r)(?: \.\.+ | …+ | \): | [—–] | \p{{So}} | ['’][sS] | (?<=[0-9])(?:\+ | \p{{Sc}} | {_UNIT})
        | (?<=[0-9\p{{Ll}}%²\-+{_QUOTES}{_MARKS}] | \p{{Lu}}\p{{Lu}} )\. )$""",
        _FLAGS,
    ),
    infix=regex.compile(
        rf"""( \.\.+ | … | \p{{So}} | (?<=[0-9])[+\-*^](?=[0-9-])
        | (?<=[\p{{Ll}}{_QUOTES}])\.(?=[\p{{Lu}}{_QUOTES}])
        | (?<=\p{{L}}),(?=\p{{L}}) | (?<=[\p{{L}}0-9])(?:---?|——?|[-–~:<>=/])(?=\p{{L}})
        | (?<=[\p{{Han}}\p{{Hiragana}}\p{{Katakana}}])(?=\p{{L}}) )""",
        _FLAGS,
    ),
    abbreviations=frozenset(
        "Mr. Mrs. Ms. Messrs. Dr. Prof. St. Mt. Jr. Gen. Gov. Rep. Rev. Sen. Adm. Inc. Ltd. Co. co. Corp. Bros. vs. "
        "e.g. i.e. E.g. I.e. a.m. p.m. Ph.D. D.C. N.Y. N.J. Jan. Feb. Mar. Apr. Jun. Jul. Aug. Sep. Sept. Oct. Nov. "
        "Dec. Ariz. Calif. Colo. Conn. Fla. Ga. Ill. Ind. Kan. Ky. Mass. Md. Mich. Minn. Miss. Mo. Mont. Neb. Nev. "
        "Okla. Ore. Pa. Tenn. Va. Wash. Wis. and/or w/o o'clock ma'am 's 'S 'd 'm 're 've 'll".split()
    )
    | _EVERYWHERE,
    contraction=regex.compile(r"(?i)(.+)(n['’]t|['’](?:ll|re|ve|d|m))"),
    joined={"cannot": ["can", "not"], "Cannot": ["Can", "not"], "gonna": ["gon", "na"], "gotta": ["got", "ta"]},
)
GERMAN = Splitter(
    prefix=ENGLISH.prefix,
    # A full stop after a number stays with it: mostly it marks an ordinal.
    suffix=regex.compile(
        rf"""(?r)(?: \.\.+ | …+ | \): | / | \p{{So}} | (?<=[0-9])(?:\+ | \p{{Sc}} | {_UNIT})
        | (?<=[\p{{Ll}}%²\-+{_QUOTES}{_MARKS}] | \p{{Lu}}\p{{Lu}} )\. )$""",
        _FLAGS,
    ),
    # Hyphens join words: Baden-Württemberg is one.
    infix=regex.compile(
        rf"""( \.\.+ | … | \p{{So}} | (?<=[0-9])-(?=[0-9]) | (?<=\p{{Ll}})\.(?=\p{{Lu}})
        | (?<=\p{{L}})(?:[,!?:<>=]|--|[{_QUOTES.replace("'", "")}()\[\]])(?=\p{{L}})
        | (?<=[0-9\p{{L}}])/(?=[0-9\p{{L}}])
        | (?<=[\p{{Han}}\p{{Hiragana}}\p{{Katakana}}])(?=\p{{L}}) )""",
        _FLAGS,
    ),
    abbreviations=frozenset(
        "A.C. A.D. A.G. Abb. Abk. Abs. Abt. Apr. Aug. B.A. B.Sc. Bd. Betr. Bf. Bhf. Biol. Bsp. CDU/CSU Chr. Cie. "
        "Co. D.C. Dez. Di. Dipl. Dipl.-Ing. Do. Dr. Fa. Fam. Feb. Fr. Frl. G.m.b.H. Gebr. Hbf. Hg. Hr. Hrn. Hrsg. "
        "I. II. III. IV. Inc. Ing. Jan. Jh. Jhd. Jr. Jul. Jun. K.O. L' L.A. M.A. M.Sc. Mi. Mio. Mo. Mr. Mrd. Mrz. "
        "MwSt. Mär. N.Y. N.Y.C. Nov. Nr. O.K. Okt. Orig. P.S. Pkt. Prof. R.I.P. Red. S' Sa. Sep. Sept. So. St. Std. "
        "Str. Tel. Tsd. U.S. U.S.A. U.S.S. Univ. Vol. a.D. a.M. a.Z. abzgl. adv. al. allg. betr. biol. bspw. bzgl. "
        "bzw. c/o ca. co. d' d.h. dgl. e.V. e.g. ebd. ehem. eigtl. engl. entspr. erm. etc. ev. evtl. frz. geb. "
        "gegr. gem. ggf. ggfs. ggü. h.c. hrsg. i.A. i.G. i.O. i.Tr. i.V. i.d.R. i.e. incl. inkl. insb. jr. jun. "
        "jur. kath. lat. lt. m.E. m.M. max. min. mind. mtl. n.Chr. nat. o.a. o.g. o.k. o.ä. orig. p.a. p.s. pers. "
        "phil. q.e.d. rer. röm. s' s.o. sen. sog. std. stellv. tägl. u.U. u.a. u.s.w. u.v.m. usf. usw. uvm. v.Chr. "
        "v.a. v.l.n.r. vgl. vllt. vlt. vs. wiss. z.B. z.Bsp. z.T. z.Z. z.Zt. z.b. zzgl. österr. 'S 's 'n 'ne 'nem "
        "'nen".split()
    )
    | _EVERYWHERE,
    contraction=regex.compile(
        r"((?:auf|hinter|unter|vor|über)(?=.m$)|(?:du|er|ich|ihr|sie|wir)(?=.s$)|.+(?=’(?:[sS]|n|ne|nem|nen)$))(['’]\w+)"
    ),
)
SPLITTERS = {"en": ENGLISH, "de": GERMAN}


@dataclass(frozen=True)
class SegmentingSplitter:
    """The rules of a language without spaces between words; other scripts are split by the English rules."""

    runs: regex.Pattern  # of its script, in a group
    segment: segmenters.Segment

    def split(self, chunk: str) -> list[str]:
        """The words of a run of characters without spaces."""
        words: list[str] = []
        for place, part in enumerate(self.runs.split(chunk)):
            if place % 2 == 0:
                words += ENGLISH.split(part)
                continue
            for start in range(0, len(part), _LONGEST):
                words += self.segment(part[start : start + _LONGEST])
        return words


def splitter(language: str | None) -> Splitter | SegmentingSplitter:
    """The rules of a language (ISO 639-1). InputError if its segmenter is not installed."""
    if language in segmenters.SCRIPTS:
        return _segmenting(language)
    return SPLITTERS.get(language or "en", ENGLISH)


@lru_cache
def _segmenting(language: str) -> SegmentingSplitter:
    return SegmentingSplitter(segmenters.SCRIPTS[language].runs, segmenters.load(language))
