"""What a removal's detail quotes of a text. In: a line or URL. Out: at most 80 characters of it."""

CHARACTERS = 80  # with the ellipses


def excerpt(text: str, place: int = 0) -> str:
    """The text, or as much as fits around `place`, with an ellipsis wherever something is left out.

    >>> excerpt("a" * 100 + "{" + "b" * 100, 100)[35:45]
    'aaaaa{bbbb'
    """
    if len(text) <= CHARACTERS:
        return text
    start = min(max(place - CHARACTERS // 2, 0), len(text) - CHARACTERS)
    end = start + CHARACTERS
    before, after = "…" if start else "", "…" if end < len(text) else ""
    return before + text[start + len(before) : end - len(after)] + after
