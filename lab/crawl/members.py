"""The bytes of a WARC file: its gzip members or zstd frames one after the other, or a plain file as a single one.

In: a stream with random access. Out: a Reader, which reads one member forward, knows where it ends, and finds the next
one after damage. Formats: ISO 28500 annex D (gzip, one record per member by custom, several allowed), the IIPC's WARC
compression with Zstandard (a dictionary may stand in the file's first frame).
"""

import os
import re
import zlib
from typing import IO

import zstandard
from isal import isal_zlib  # twice as fast as zlib

BLOCK = 1 << 16  # compressed bytes read at a time
PIECE = 1 << 18  # decompressed bytes made at a time, at most
ZSTD_INPUT = 1 << 10  # compressed bytes that zstd gets at a time: it can't be told to stop, and packs 128 KiB into four
GZIP, ZSTD = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"
SKIPPABLE = re.compile(rb"[\x50-\x5f]\x2a\x4d\x18")
DICTIONARY = b"\x5d\x2a\x4d\x18"  # the skippable frame that holds one
RECORD = re.compile(rb"\s*WARC/\d", re.IGNORECASE)
MARK = {"gzip": re.compile(rb"\x8b\x08"), "zstd": re.compile(rb"\xb5\x2f")}  # second and third byte of a member
FIRST = {"gzip": GZIP[:1], "zstd": ZSTD[:1]}
WINDOW = 1 << 20  # bytes read at a time in search of a member
PADDING = 512  # bytes, of zeros or blanks
HEAD = 1 << 12  # compressed bytes of a member, which must unpack to a record's begin


class Broken(Exception):
    """A member that can't be decompressed further. `cut`: the file ends within it."""

    def __init__(self, message: str, *, cut: bool = False):
        super().__init__(message)
        self.cut = cut


class Frame:
    """Decompresses a zstd frame as zlib's objects do a gzip member, but may give more than `max_length` bytes."""

    def __init__(self, dictionary: zstandard.ZstdCompressionDict | None):
        self._decoder = zstandard.ZstdDecompressor(dict_data=dictionary).decompressobj()
        self.eof, self.unconsumed_tail, self.unused_data = False, b"", b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        piece = self._decoder.decompress(data[:ZSTD_INPUT])
        self.eof, rest = self._decoder.eof, data[ZSTD_INPUT:]
        self.unconsumed_tail, self.unused_data = (b"", self._decoder.unused_data + rest) if self.eof else (rest, b"")
        return piece


class Reader:
    """Reads a member forward from `open`. Raises Broken where its bytes are damaged.

    `kind` is gzip, zstd or plain; `first` the place of the first member; `end`, once a member was read to its end, the
    place after it. Places are bytes of the file, `tell` and `seek` decompressed bytes of the member.
    """

    def __init__(self, stream: IO[bytes], name: str = ""):
        self.stream = stream
        self.size = stream.seek(0, os.SEEK_END)
        self.first = 0
        self._dictionary: zstandard.ZstdCompressionDict | None = None
        self.kind = self._sniff(name)
        self.start, self.end = 0, 0
        self._block, self._block_start = b"", 0
        self.open(self.first)

    def _sniff(self, name: str) -> str:
        head = self._at(0, 1 << 12)
        if head.startswith(DICTIONARY) or SKIPPABLE.match(head):
            length = int.from_bytes(head[4:8], "little")
            content = self._at(8, length)
            if head.startswith(DICTIONARY):
                content = zstandard.ZstdDecompressor().decompress(content) if content.startswith(ZSTD) else content
                self._dictionary = zstandard.ZstdCompressionDict(content)
            self.first = 8 + length
            return "zstd"
        if RECORD.match(head):
            return "plain"
        if head.startswith(GZIP) or name.endswith(".gz"):
            return "gzip"
        return "zstd" if head.startswith(ZSTD) or name.endswith(".zst") else "plain"

    def _at(self, place: int, length: int) -> bytes:
        self.stream.seek(place)
        return self.stream.read(max(length, 0))

    def open(self, place: int) -> None:
        """Begin with the member at a place of the file."""
        self.start, self.end = place, self.size
        self._data, self._offset, self._base = b"", 0, 0
        self._decoder = None
        if self.kind != "plain":
            self._decoder = isal_zlib.decompressobj(31) if self.kind == "gzip" else Frame(self._dictionary)
        self._input, self._next = b"", place  # compressed bytes not yet decoded, and the place after them

    def tell(self) -> int:
        """Decompressed bytes of the member before the next one to be read."""
        return self._base + self._offset

    def seek(self, place: int) -> None:
        """Go to a place of the member: forward by reading on, backward by reading it again."""
        if self.kind == "plain":
            self._data, self._offset, self._base, self._next = b"", 0, place, self.start + place
            return
        if place < self._base:
            self.open(self.start)
        self._offset = min(self._offset, place - self._base) if place < self.tell() else self._offset
        self.skip(place - self.tell())

    def read(self, length: int) -> bytes:
        """At most `length` bytes, fewer only at the member's end."""
        pieces = []
        while length > 0 and (self._offset < len(self._data) or self._more()):
            pieces.append(self._data[self._offset : self._offset + length])
            self._offset += len(pieces[-1])
            length -= len(pieces[-1])
        return b"".join(pieces)

    def peek(self, length: int) -> bytes:
        """What `read` would give, left to be read."""
        while len(self._data) - self._offset < length and self._more():
            pass
        return self._data[self._offset : self._offset + length]

    def skip(self, length: int) -> int:
        """Go on by `length` bytes, or up to the member's end; returns by how many."""
        begin = self.tell()
        if self.kind == "plain":
            self.seek(min(begin + length, self.size - self.start))
        while self.tell() < begin + length and (self._offset < len(self._data) or self._more()):
            self._offset = min(len(self._data), begin + length - self._base)
        return self.tell() - begin

    def _more(self) -> bool:
        """Add decompressed bytes to those that wait to be read; False at the member's end."""
        if self._offset:
            self._data, self._base, self._offset = self._data[self._offset :], self._base + self._offset, 0
        if self._decoder:
            piece = self._decoded()
        else:
            piece = self._at(self._next, PIECE)
            self._next += len(piece)
        self._data += piece
        return bool(piece)

    def _decoded(self) -> bytes:
        decoder = self._decoder
        while not decoder.eof:
            self._input = self._input or self._fill()
            if not self._input:
                raise Broken("the file ends within a compressed member", cut=True)
            try:
                piece = decoder.decompress(self._input, PIECE)
            except (isal_zlib.error, zstandard.ZstdError) as error:
                raise Broken(str(error)) from None
            self._input = decoder.unconsumed_tail
            if decoder.eof:
                self.end = self._next - len(decoder.unused_data)
            if piece:
                return piece
        return b""

    def _fill(self) -> bytes:
        """The next compressed bytes: of the block read last, where members follow one another, or of a new one."""
        offset = self._next - self._block_start
        if not 0 <= offset < len(self._block):
            self._block, self._block_start, offset = self._at(self._next, BLOCK), self._next, 0
        piece = self._block[offset:]
        self._next += len(piece)
        return piece

    def is_member(self, place: int) -> bool:
        """Whether bytes as of a member stand at a place of the file, or the file ends there."""
        head = self._at(place, 4)
        return not head or head.startswith(GZIP if self.kind == "gzip" else ZSTD) or bool(SKIPPABLE.match(head))

    def is_padding(self, place: int, end: int) -> bool:
        """Whether what stands between two places is blank, and too short to have been a record."""
        return end - place < PADDING and not self._at(place, end - place).strip(b"\0\r\n\t ")

    def next_member(self, place: int, end: int) -> tuple[int | None, int]:
        """Where the next member of records begins, from `place` on and before `end`, or None; and how many there are on
        the way whose first byte is damaged."""
        damaged = 0
        if self.kind == "plain":
            return None, 0
        mark, first = MARK[self.kind], FIRST[self.kind]
        while place < end:
            window = self._at(place, WINDOW + HEAD)
            for match in mark.finditer(window, 1, WINDOW + 2):
                offset = match.start() - 1
                if place + offset >= end:
                    return None, damaged
                if self._unpacks_to_record(first + window[offset + 1 : offset + HEAD]):
                    if window.startswith(first, offset):
                        return place + offset, damaged
                    damaged += 1
            place += WINDOW
        return None, damaged

    def _unpacks_to_record(self, data: bytes) -> bool:
        """Whether a member's first bytes say that a record begins there."""
        try:
            if self.kind == "gzip":  # zlib stops at the 64th byte; isal reads on, and may meet damage there
                data = zlib.decompressobj(31).decompress(data, 64)
            elif self.kind == "zstd":
                data = Frame(self._dictionary).decompress(data, 64)
        except (zlib.error, zstandard.ZstdError):
            return False
        return bool(RECORD.match(data))
