"""Text from bytes that say, more or less honestly, how they are encoded."""

from __future__ import annotations

import codecs
import re

DEFAULT = "utf-8"

# Only what the web uses (WHATWG Encoding). Python's other codecs are not for strangers' bytes: some do not
# decode to text (zlib), some take quadratic time (punycode), some always fail (undefined).
_KNOWN = re.compile(
    r"ascii|utf-8|utf-16(-[bl]e)?|utf-32(-[bl]e)?|iso8859-\d+|cp(125\d|866|874|932|949)|koi8-[ru]|mac-(roman|cyrillic)"
    r"|shift_jis|euc_jp|iso2022_jp|gb2312|gbk|gb18030|big5|big5hkscs|euc_kr|tis-620"
)
_PARAMETER = re.compile(r""";\s*charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)


def charset_of(content_type: str) -> str | None:
    """The codec that a content type names: utf-8 when it names none, None when it is not one of the web's."""
    named = _PARAMETER.search(content_type)
    if named is None:
        return DEFAULT
    try:
        codec = codecs.lookup(named[1]).name
    except LookupError:
        return None
    return codec if _KNOWN.fullmatch(codec) else None


def decode(data: bytes, content_type: str, *, cut: bool = False) -> str:
    """The text of `data`, with U+FFFD for what cannot be read; `cut`: its last character may be halved."""
    decoder = codecs.getincrementaldecoder(charset_of(content_type) or DEFAULT)("replace")
    return decoder.decode(data, final=not cut)
