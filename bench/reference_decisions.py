"""What datatrove's filters decide on given texts. Runs in datatrove's own environment: nothing of the lab is imported.

In (stdin): one JSON object per line, `text`, `language` (as datatrove calls it, "deu"), `stop_words`, `show_words`.
Out (stdout): one per line, filter -> the reason of its refusal or null; each filter sees the text itself,
`fineweb_after_c4` sees what C4 leaves (null if that refuses); `c4_text` is that text's sha256; `pii` the spans that
its formatter would replace; `words` if asked for.
"""

import hashlib
import json
import sys
from functools import cache

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.utils.text import split_into_words


@cache
def filters(language: str, stop_words: tuple[str, ...]) -> dict:
    """The filters as datatrove's examples/fineweb.py sets them, in its order."""
    return {
        "repetition": GopherRepetitionFilter(language=language),
        "gopher": GopherQualityFilter(language=language, stop_words=list(stop_words)),
        "c4": C4QualityFilter(language=language, filter_no_terminal_punct=False),
        "fineweb": FineWebQualityFilter(language=language),
    }


def reason(verdict: bool | tuple[bool, str]) -> str | None:
    return None if verdict is True else verdict[1] if isinstance(verdict, tuple) else "refused"


def personal(text: str, formatter: PIIFormatter) -> list[tuple[int, int, str]]:
    """Spans of e-mail addresses and public IPv4 addresses, in the order of the text."""
    emails = [match.span() for match in formatter.emails_replacer.regex.finditer(text)]
    hidden = formatter.emails_replacer.regex.sub(lambda match: "@" * len(match[0]), text)  # as if they were replaced
    matches = formatter.ip_replacer.regex.finditer(hidden)
    ips = [match.span() for match in matches if formatter.ip_replacer.validator(match[0])]
    return sorted([(*span, "email") for span in emails] + [(*span, "ipv4") for span in ips])


def main() -> None:
    formatter = PIIFormatter()
    for line in sys.stdin:
        page = json.loads(line)
        used = filters(page["language"], tuple(page["stop_words"]))
        documents = {name: Document(text=page["text"], id=name) for name in used}
        verdicts = {}
        for name, document in documents.items():
            try:
                verdicts[name] = reason(used[name].filter(document))
            except ZeroDivisionError:  # no word in the text; in FineWeb's order none such comes so far
                verdicts[name] = "empty"
        cleaned = documents["c4"]
        verdicts |= {"fineweb_after_c4": None, "c4_text": None}
        if verdicts["c4"] is None and cleaned.text:
            verdicts["c4_text"] = hashlib.sha256(cleaned.text.encode()).hexdigest()
            verdicts["fineweb_after_c4"] = reason(used["fineweb"].filter(cleaned))
        verdicts["pii"] = personal(page["text"], formatter)
        if page.get("show_words"):
            verdicts["words"] = split_into_words(page["text"], page["language"])
        print(json.dumps(verdicts))


if __name__ == "__main__":
    main()
