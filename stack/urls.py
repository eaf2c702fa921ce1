"""Keeps user names and passwords of URLs out of what is printed."""

import re

_USERINFO = re.compile(r"""(?<=//)[^/?#\s"']*@""")


def without_userinfo(text: str) -> str:
    """Remove user names and passwords from the URLs in a text: a library's message may name a proxy with both."""
    return _USERINFO.sub("", text)
