"""English: word forms (plural, past, participle, third person, article), and sentences tidied.

Regular spelling follows the usual rules (final e, y, doubled consonants); the tables hold the exceptions. A phrase
inflects at its head: "loaf of bread" -> "loaves of bread", "look after" -> "looked after".
"""

import re
from collections.abc import Callable
from functools import cache, wraps

VOWELS = "aeiou"

PLURALS = dict(
    pair.split("-")
    for pair in """
    child-children man-men woman-women foot-feet tooth-teeth goose-geese mouse-mice sheep-sheep fish-fish deer-deer
    loaf-loaves leaf-leaves shelf-shelves knife-knives wife-wives life-lives calf-calves half-halves scarf-scarves
    potato-potatoes tomato-tomatoes hero-heroes echo-echoes thief-thieves wolf-wolves hoof-hooves ox-oxen trout-trout
    person-people salmon-salmon postman-postmen fisherman-fishermen craftsman-craftsmen foal-foals elf-elves
    grandchild-grandchildren bookshelf-bookshelves penknife-penknives dormouse-dormice
    """.split()
)

# base: past, participle (one form where both are the same)
IRREGULAR = {
    row.split()[0]: (row.split()[1], row.split()[-1])
    for row in """
    be was been|become became become|begin began begun|bend bent|bite bit bitten|blow blew blown|break broke broken
    bring brought|build built|burn burnt|buy bought|catch caught|choose chose chosen|come came come|cost cost|cut cut
    deal dealt|dig dug|do did done|draw drew drawn|drink drank drunk|drive drove driven|eat ate eaten|fall fell fallen
    feed fed|feel felt|fight fought|find found|fly flew flown|forget forgot forgotten|freeze froze frozen|get got
    give gave given|go went gone|grow grew grown|hang hung|have had|hear heard|hide hid hidden|hit hit|hold held
    hurt hurt|keep kept|kneel knelt|know knew known|lay laid|lead led|learn learnt|leave left|lend lent|let let
    lie lay lain|light lit|lose lost|make made|mean meant|meet met|pay paid|put put|read read|ride rode ridden
    ring rang rung|rise rose risen|run ran run|say said|see saw seen|sell sold|send sent|set set|sew sewed sewn
    shake shook shaken|shine shone|show showed shown|shut shut|sing sang sung|sink sank sunk|sit sat|sleep slept
    speak spoke spoken|spend spent|spin spun|split split|spread spread|stand stood|steal stole stolen|stick stuck
    strike struck|sweep swept|swim swam swum|swing swung|take took taken|teach taught|tear tore torn|tell told
    think thought|throw threw thrown|understand understood|wake woke woken|wear wore worn|weave wove woven|win won
    wind wound|write wrote written|overhear overheard|rebuild rebuilt|repay repaid|creep crept|leap leapt
    bear bore borne
    """.replace("\n", "|").split("|")
    if row.strip()
}

# Two-syllable verbs stressed on the first one do not double their last consonant.
NOT_DOUBLED = frozenset(
    "open visit listen offer gather whisper wander answer enter remember water wonder matter bother order deliver "
    "cover polish finish sharpen fasten loosen tidy carry murmur flutter chatter harvest discover suffer number "
    "scatter weather hammer button season lengthen shorten whiten soften thicken ripen moisten glisten tighten "
    "simmer quiver consider happen garden shelter benefit profit wallpaper limit edit exhibit recover shiver linger "
    "flower hover batter butter ladder solder lower borrow follow develop ruin tremble fidget rescue".split()
)

VOWEL_LETTER_BUT_A = re.compile(r"(?:use|usu|uni(?!n)|euro|one\b|one-|once|ewe)", re.I)
CONSONANT_LETTER_BUT_AN = re.compile(r"(?:hour|honest|heir|honou?r)", re.I)
SPACES = re.compile(r" {2,}")
SPACE_BEFORE_MARK = re.compile(r" +([,.;:?!])")
COMMA_BEFORE_MARK = re.compile(r",+(?=[,.;:?!])")  # "the baker Anna Bell, of Mill Lane," at the end of a clause
ARTICLE = re.compile(r"\b([Aa]) (?=([A-Za-z]+-?))")
SENTENCE_START = re.compile(r"(?<=[.!?] )[a-z]")
SMALL_WORDS = frozenset("a an and at by for from in of on or the to with".split())


@cache
def plural(noun: str) -> str:
    """The plural of a noun or noun phrase."""
    for joint in (" of ", " for ", " with ", " in ", " from "):
        if joint in noun:
            head, rest = noun.split(joint, 1)
            return plural(head) + joint + rest
    before, _, word = noun.rpartition(" ")
    if word in PLURALS:
        word = PLURALS[word]
    elif word.endswith(("s", "x", "z", "ch", "sh")):
        word += "es"
    elif word.endswith("y") and word[-2] not in VOWELS:
        word = word[:-1] + "ies"
    else:
        word += "s"
    return f"{before} {word}" if before else word


def _doubles(verb: str) -> bool:
    if verb in NOT_DOUBLED or len(verb) < 3:
        return False
    last, middle, first = verb[-1], verb[-2], verb[-3]
    if last in VOWELS + "wxyh" or middle not in VOWELS:
        return False
    return first not in VOWELS or verb[-4:-1] in ("qui",) or (first == "u" and verb[-4] == "q")


@cache
def _stem(verb: str) -> str:
    if verb.endswith("e") and not verb.endswith(("ee", "ye", "oe")):
        return verb[:-1]
    return verb + verb[-1] if _doubles(verb) else verb


def _of_first_word(inflect: Callable[[str], str]) -> Callable[[str], str]:
    """Inflects the first word of a phrase, and keeps the results."""

    @cache
    @wraps(inflect)
    def phrase(verb: str) -> str:
        head, space, rest = verb.partition(" ")
        return inflect(head) + space + rest

    return phrase


@_of_first_word
def past(verb: str) -> str:
    """Simple past."""
    if verb in IRREGULAR:
        return IRREGULAR[verb][0]
    if verb.endswith("y") and verb[-2] not in VOWELS:
        return verb[:-1] + "ied"
    return verb + "d" if verb.endswith(("ee", "ye", "oe")) else _stem(verb) + "ed"


@_of_first_word
def participle(verb: str) -> str:
    """Past participle, as in "was written"."""
    return IRREGULAR[verb][1] if verb in IRREGULAR else past(verb)


@_of_first_word
def gerund(verb: str) -> str:
    """The -ing form."""
    if verb in ("lie", "tie", "die"):
        return verb[:-2] + "ying"
    return "being" if verb == "be" else _stem(verb) + "ing"


@_of_first_word
def third(verb: str) -> str:
    """Third person singular present."""
    if verb in ("be", "have"):
        return {"be": "is", "have": "has"}[verb]
    if verb.endswith(("s", "x", "z", "ch", "sh", "o")):
        return verb + "es"
    return verb[:-1] + "ies" if verb.endswith("y") and verb[-2] not in VOWELS else verb + "s"


def takes_an(word: str) -> bool:
    """Whether the indefinite article before this word is "an"."""
    if word[0] in "aeiouAEIOU":
        return not VOWEL_LETTER_BUT_A.match(word)
    return bool(CONSONANT_LETTER_BUT_AN.match(word))


def listed(names: list[str]) -> str:
    """Names in a row: "", "Anna", "Anna and Ben", "Anna, Ben and Cora"."""
    *others, last = names or [""]
    return f"{', '.join(others)} and {last}" if others else last


def _article(match: re.Match[str]) -> str:
    return match[1] + ("n " if takes_an(match[2]) else " ")


def tidy(sentence: str) -> str:
    """The sentence with spaces, articles, capitals and the final mark put right."""
    sentence = SPACES.sub(" ", sentence.strip())
    sentence = COMMA_BEFORE_MARK.sub("", SPACE_BEFORE_MARK.sub(r"\1", sentence)).rstrip(",")
    sentence = ARTICLE.sub(_article, sentence)
    sentence = SENTENCE_START.sub(lambda match: match[0].upper(), sentence)
    first = 1 if sentence[0] == '"' else 0
    sentence = sentence[:first] + sentence[first].upper() + sentence[first + 1 :]
    body = sentence.rstrip('"')
    return sentence if body[-1] in ".!?:" else f"{body}.{sentence[len(body) :]}"


def titled(words: str) -> str:
    """Words as in a title: "jar of honey" -> "Jar of Honey"."""
    parts = words.split(" ")
    return " ".join(
        word if at and word in SMALL_WORDS else word[:1].upper() + word[1:] for at, word in enumerate(parts)
    )
