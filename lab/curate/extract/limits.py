"""What a page may cost: limits by counts that the page alone decides, and a clock as the last guard.

In: decoded HTML. Out: the reason to remove it, or None. Native code can't be interrupted, so that its input is bounded:
tags, and attributes of one tag, which the parser compares with each other. Depth is bounded after parsing (content).
The same page has the same fate on every machine, unless the clock strikes: its reason is counted apart.
"""

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from lab.documents import Reason
from lab.params import ExtractParams

_REPEAT = 0.1  # seconds between signals after the first
_MOST_OPTIONS = 10_000  # of menus; the parser's time is quadratic in those of one menu
_ATTRIBUTE = re.compile(r"[\s/]*[^\s/>=]+(?:\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s>\"']*))?")


class PageTimeout(Exception):
    """A page took longer than `max_seconds`."""


def over_limit(html: str, tags: int, params: ExtractParams) -> Reason | None:
    """The limit that a page with this number of "<" exceeds. Takes time linear in the page."""
    if tags > params.max_tags:
        return Reason("max_tags", tags, ">", params.max_tags)
    if tags > _MOST_OPTIONS and (options := html.count("<option")) > _MOST_OPTIONS:
        return Reason("max_options", options, ">", _MOST_OPTIONS)
    # A tag of few characters can't have many attributes; text after "<" is no tag.
    long = _long_parts(html, 2 * params.max_attributes)
    if any(_attributes(part, params.max_attributes) > params.max_attributes for part in long if part[0].isalpha()):
        return Reason("max_attributes", "over", ">", params.max_attributes)
    return None


def _long_parts(html: str, most: int) -> Iterator[str]:
    """The parts between "<" that have more characters than `most`. Steps over many short parts at once."""
    start = 0
    while len(html) - start > most:
        if (last := html.rfind("<", start, start + most + 1)) < 0:
            last = html.find("<", start)
            last = len(html) if last < 0 else last
            yield html[start:last]
        start = last + 1


def _attributes(tag: str, most: int) -> int:
    """How many attributes a tag has, its "<" left out; counted no further than `most` + 1."""
    count, place = -1, 0  # its name looks like one
    while count <= most and (match := _ATTRIBUTE.match(tag, place)):
        place, count = match.end(), count + 1
    return count


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise PageTimeout in the main thread after `seconds` of CPU, which unlike wall-clock time no load stretches.

    A call into native code is stopped when it returns. No limit in other threads, which receive no signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise PageTimeout

    before = signal.signal(signal.SIGPROF, stop)
    # Repeatedly, because Python drops an exception raised in a callback of the garbage collector.
    signal.setitimer(signal.ITIMER_PROF, seconds, _REPEAT)
    try:
        yield
    except (PageTimeout, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        # Raised while Rust code calls Python, it arrives as pyo3's PanicException, which is no Exception.
        if isinstance(error, Exception):
            raise
        raise PageTimeout from error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        # A pending signal may still arrive, and by default would end the process.
        signal.signal(signal.SIGPROF, before if callable(before) else signal.SIG_IGN)
