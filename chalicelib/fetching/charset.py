"""Decodes a body by the charset of its content type."""

from __future__ import annotations

import codecs
import re

DEFAULT = "utf-8"

# The encodings of the web (WHATWG Encoding). Python's other codecs are unsafe with untrusted bytes: some do
# not decode to text (zlib), some take quadratic time (punycode), some always fail (undefined).
_WEB_ENCODINGS = re.compile(
    r"ascii|utf-8|utf-16(-[bl]e)?|utf-32(-[bl]e)?|iso8859-\d+|cp(125\d|866|874|932|949)|koi8-[ru]|mac-(roman|cyrillic)"
    r"|shift_jis|euc_jp|iso2022_jp|gb2312|gbk|gb18030|big5|big5hkscs|euc_kr|tis-620"
)
_PARAMETER = re.compile(r""";\s*charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)


def charset_of(content_type: str) -> str | None:
    """The codec of a content type: utf-8 without a charset, None for a charset that the web does not use."""
    parameter = _PARAMETER.search(content_type)
    if parameter is None:
        return DEFAULT
    try:
        codec = codecs.lookup(parameter[1]).name
    except LookupError:
        return None
    return codec if _WEB_ENCODINGS.fullmatch(codec) else None


def decode(data: bytes, content_type: str, *, cut: bool = False) -> str:
    """The text of `data`, with U+FFFD for undecodable bytes. `cut`: `data` may end inside a character."""
    decoder = codecs.getincrementaldecoder(charset_of(content_type) or DEFAULT)("replace")
    return decoder.decode(data, final=not cut)
