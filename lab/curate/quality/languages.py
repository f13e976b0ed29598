"""The thresholds of the quality filters that differ by language."""

from typing import Any

ENGLISH = "en"


def _language(
    top_ngrams: list[float], duplicate_ngrams: list[float], word_length: tuple[int, int], letters: float, ended: float
) -> dict[str, dict[str, Any]]:
    """Limits of 2- to 4-grams, of 5- to 10-grams, of the mean word length, of words with letters, of ended lines."""
    return {
        "repetition": {
            "max_top_ngram_share": {str(n): share for n, share in enumerate(top_ngrams, 2)},
            "max_duplicate_ngram_share": {str(n): share for n, share in enumerate(duplicate_ngrams, 5)},
        },
        "gopher": {
            "min_mean_word_length": word_length[0],
            "max_mean_word_length": word_length[1],
            "min_alphabetic_word_share": letters,
        },
        "c4": {"max_word_length": None, "min_words_per_line": None} | ({} if ended else {"min_sentences": None}),
        "fineweb": {"min_terminal_punctuation_share": ended, "max_short_line_share": None},
    }


# FineWeb-2's thresholds for languages without spaces between words (Penedo et al. 2025; huggingface/fineweb-2,
# configs/{cmn_Hani,jpn_Jpan,tha_Thai}.yml). It has no C4 filter: off are those of its rules that take words to stand
# between spaces, and for Thai, which does not mark the ends of sentences, those that look for such marks.
UNSPACED_LANGUAGES = {
    "zh": _language([0.256, 0.201, 0.171], [0.198, 0.182, 0.167, 0.154, 0.14, 0.127], (1, 5), 0.735, 0.106),
    "ja": _language([0.121, 0.129, 0.145], [0.307, 0.283, 0.264, 0.248, 0.234, 0.223], (1, 5), 0.759, 0.167),
    "th": _language([0.221, 0.197, 0.162], [0.185, 0.168, 0.152, 0.137, 0.124, 0.111], (2, 10), 0.9, 0.0),
}
