"""Words in a URL that rule it out: FineWeb's three rules (Penedo et al. 2024), as datatrove 0.10.1 applies them.

In: a URL. Out: the Reason, or None. A banned word is a whole run of ASCII letters and digits, in lower case; two
different soft-banned words count as one banned word; a banned subword may go across the marks between words and be in
any case ("free-sex-videos"). Unlike datatrove's it must begin or end where a word does, and not begin within the name
of a place ("sussexcampus", "essex-toys"): of UT1's adult hosts with a banned subword 93 % still have one that counts.
The lists here are the lab's own; a folder can hold others, such as datatrove's.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path

from lab.documents import Reason
from lab.errors import InputError
from lab.params import UrlFilterParams

SOFT_WORD_LIMIT = 2

BANNED = """
    anilingus bangbros bdsm bestiality bigcock blowjob bondage boner bukkake camgirl camgirls camwhore cialis clit cock
    cocks creampie cumshot cumshots cunnilingus daterape deepthroat dildo dildos dominatrix ecchi femdom fingering
    fisting footjob gangbang groping gspot handjob hentai hooker hookers horny jailbait jizz kamagra kinky levitra
    livesex masturbating milf milfs motherfucker nsfw nympho orgy pegging porn porno pornhub pornos pubes pussy rimjob
    salope scat sexcam sexcams sexo shemale shemales slut sluts smut sodomize squirting strapon striptease swinger
    swingers tit tits titty titties tranny twink upskirt viagra vibrator vibrators voyeur wank whore whores xxx yaoi
    bareback busty fucking gokkun onlyfans pornstar pornstars redtube xhamster zoophilia
""".split()
SOFT_BANNED = """
    adult anus ass asshole babes bitch boob boobs brunette butt clitoris cum cunt dick domination ejaculation erotic
    erotica erotism escort escorts fellatio fetish fuck genitals girls hardcore hot intercourse interracial latina
    lesbian lingerie lolita masturbate masturbation naked nipple nipples nude nudes nudity orgasm panties penis playboy
    pornography rectum semen sex sexual sexuality sexually sexy shit spank suck sucks topless vagina vulva webcam
""".split()
BANNED_SUBWORDS = """
    barelylegal bigtits bigboobs blowjob bootycall callgirl chaturbate cameltoe deepthroat doggystyle doublepenetration
    dryhump escortservice facesitting freesex freeporn gangbang gaysex girlsgonewild groupsex hotchick hotnude hugetits
    jerkoff massagegirl menageatrois nudegirl onecuptwogirls brazzers phonesex pornvideo pornhub sexcam sexdoll sextoy
    sexvideo shavedpussy suicidegirls teabagging threesome twogirlsonecup webcamgirl wetdream xvideos xhamster youjizz
    youporn
""".split()

_BREAKS = re.compile(r"[^a-zA-Z0-9]+")
_PLACES = re.compile(r"(?:es|sus|wes|middle|uni)sex")  # words in which another one must not begin, and "unisex"
_FILES = {"banned": "banned_words.txt", "soft": "soft_banned_words.txt", "subwords": "banned_subwords.txt"}


class WordRules:
    """The three lists and the search for their words; an empty list switches its rule off."""

    def __init__(self, banned: Iterable[str] = (), soft: Iterable[str] = (), subwords: Iterable[str] = ()):
        self._banned, self._soft = (frozenset(map(_squeezed, words)) - {""} for words in (banned, soft))
        self._subwords = sorted({*map(_squeezed, subwords)} - {""})

    @classmethod
    def from_params(cls, params: UrlFilterParams) -> "WordRules":
        """InputError if the folder of word lists lacks one of its files."""
        lists = {"banned": BANNED, "soft": SOFT_BANNED, "subwords": BANNED_SUBWORDS}
        if params.word_lists:
            lists = {name: _read(Path(params.word_lists) / file) for name, file in _FILES.items()}
        enabled = (params.banned_words, params.soft_banned_words, params.banned_subwords)
        return cls(*(words if on else () for words, on in zip(lists.values(), enabled, strict=True)))

    def reason(self, url: str) -> Reason | None:
        """Why the URL is refused, with the words that it hit as detail; None: keep."""
        words = _BREAKS.split(url)
        if hit := next((word for word in words if word in self._banned), None):
            return Reason("banned_word", hit)
        hits = sorted(self._soft.intersection(words), key=words.index)
        if len(hits) >= SOFT_WORD_LIMIT:
            return Reason("soft_banned_words", ", ".join(hits))
        if hit := self._subword([word.lower() for word in words]):
            return Reason("banned_subword", hit)
        return None

    def _subword(self, words: list[str]) -> str | None:
        """The first banned subword of a URL's words that begins or ends (perhaps as a plural) where a word does."""
        together = "".join(words)
        hits = [part for part in self._subwords if part in together]
        if not hits:
            return None
        borders = {0, *accumulate(map(len, words))}
        places = [match.span() for match in _PLACES.finditer(together)]
        for part in hits:
            for start in _occurrences(part, together):
                end = start + len(part)
                plural = together.startswith("s", end) and end + 1 in borders
                within_place = any(first < start < last for first, last in places)
                if (start in borders or end in borders or plural) and not within_place:
                    return part
        return None


def _occurrences(part: str, text: str) -> Iterator[int]:
    start = text.find(part)
    while start >= 0:
        yield start
        start = text.find(part, start + 1)


def _squeezed(text: str) -> str:
    """The ASCII letters and digits, in lower case."""
    return _BREAKS.sub("", text).lower()


def _read(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a word list ({error}). Correct url_filter.word_lists.") from None
    return [line for line in lines if not line.startswith("#")]
