"""Strings and typed containers in compiled code."""

from numba import njit, types
from numba.typed import Dict


@njit
def count_words(text):
    """How often each word of a text occurs, as a typed dictionary."""
    counts = Dict.empty(types.unicode_type, types.int64)
    for word in text.lower().split():
        counts[word] = counts.get(word, 0) + 1
    return counts


@njit
def slug(title):
    """A title as a lower-case name: letters and digits, hyphens between words."""
    parts = []
    for word in title.lower().split():
        kept = "".join([c for c in word if c.isalnum()])
        if len(kept):
            parts.append(kept)
    return "-".join(parts)
