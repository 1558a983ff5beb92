"""Reads the records of a CSV in any common encoding and delimiter, and names the line of an error."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from chalicelib.domain.outcomes import Rejected
from chalicelib.fetching import Response
from chalicelib.fetching.charset import charset_of

#: In the order of preference when several fit.
DELIMITERS = ",;\t|"
_SAMPLED_RECORDS = 20
# UTF-32 before UTF-16, whose mark is a prefix of it.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_Records = Iterator[tuple[int, list[str]]]


@dataclass(slots=True)
class Source:
    """The bytes of a CSV. Reading decodes them piece by piece, never all at once."""

    data: bytes
    encoding: str
    _raw: io.BytesIO = field(init=False)

    def __post_init__(self) -> None:
        self._raw = io.BytesIO(self.data)
        if not self.encoding.startswith(("utf-16", "utf-32")) and (at := self.data.find(b"\0")) >= 0:
            raise Rejected(f"line {self._line_of(at)} contains a NUL character, so this is not a CSV")

    @classmethod
    def of_text(cls, text: str) -> Source:
        """A CSV from a payload."""
        return cls(text.encode(), "utf-8-sig")

    @classmethod
    def of_response(cls, response: Response) -> Source:
        """A fetched CSV, in the encoding of its byte order mark, else of its content type, else UTF-8.

        Raises: Rejected for a charset that the web does not use, and for a compressed response.
        """
        compression = response.headers.get("content-encoding", "identity").lower()
        if compression != "identity":
            raise Rejected(
                f"the response is compressed ({compression[:20]}), which the request does not allow"
            )
        for mark, encoding in _BYTE_ORDER_MARKS:
            if response.body.startswith(mark):
                return cls(response.body, encoding)
        charset = charset_of(response.headers.get("content-type", ""))
        if charset is None:
            raise Rejected("the charset in the response's content type is unknown")
        return cls(response.body, charset)

    def percent_read(self) -> float:
        """The percentage of the bytes that `records` has read."""
        return 100 * self._raw.tell() / max(len(self.data), 1)

    def records(self) -> _Records:
        """Each record that is not blank, with the number of its first line.

        Raises: Rejected, with the number of an invalid line.
        """
        delimiter = max(DELIMITERS, key=self._fit)
        return self._read(delimiter)

    def _fit(self, delimiter: str) -> tuple[bool, int]:
        """A sort key: have the first records the same number of columns, and how many has the header?"""
        widths: list[int] = []
        try:
            widths += (len(record) for _, record in islice(self._read(delimiter), _SAMPLED_RECORDS))
        except Rejected:
            return False, widths[0] if widths else 0
        columns = widths[0] if widths else 0
        return columns > 1 and set(widths) == {columns}, columns

    def _read(self, delimiter: str) -> _Records:
        self._raw = io.BytesIO(self.data)
        lines = io.TextIOWrapper(self._raw, self.encoding, newline="")
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        line = 1
        try:
            for record in reader:
                if record:
                    yield line, record
                line = reader.line_num + 1
        except csv.Error as error:
            raise Rejected(f"line {line}: {_explained(error)}") from None
        except UnicodeDecodeError:
            raise Rejected(f"line {self._first_unreadable()} is not valid {self.encoding}") from None

    def _first_unreadable(self) -> int:
        try:
            self.data.decode(self.encoding)
        except UnicodeDecodeError as error:
            return self._line_of(error.start)
        raise AssertionError("the reader found bytes that are not valid, a second decoding did not")

    def _line_of(self, position: int) -> int:
        return self.data.count(b"\n", 0, position) + 1


def _explained(error: csv.Error) -> str:
    text = str(error)
    if text == "unexpected end of data":
        return "a quoted value is never closed"
    if text.startswith("field larger"):
        return f"a value has more than {csv.field_size_limit()} characters"
    return text
