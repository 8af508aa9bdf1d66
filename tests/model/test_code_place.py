"""Places survive edits that change line numbers and no code."""

import textwrap

import pytest
from packageimage.model.code_place import Place, code_at, find, path_of, present_line

SOURCE = textwrap.dedent(
    """
    import functools

    def plain(x):
        y = x + 1
        if y > 2:
            raise ValueError(
                "no"
            )
        return y

    @functools.cache
    def decorated(x):

        return x

    def outer():
        def inner(x):
            return x * 2
        return inner

    class Shape:
        def area(self):
            return 1

    if functools:
        def twice():
            return 1
    else:
        def twice():
            return 2

    lam = lambda x: (
        x + 1
    )
    """
)
# Every line that is inside a function, by its text.
INSIDE = [
    "    y = x + 1", "        raise ValueError(", '            "no"', "    return y",
    "def decorated(x):", "    return x", "        return x * 2", "    return inner",
    "        return 1", "        return 2", "    x + 1",
]  # fmt: skip


def compiled(source):
    return compile(source, "module.py", "exec")


def line_with(source, text):
    return source.splitlines().index(text) + 1


def with_comments(source):
    lines = []
    for line in source.splitlines():
        if line.strip() and not line.startswith(("if", "else")):
            lines.append(" " * (len(line) - len(line.lstrip())) + "# a comment")
        lines.append(line)
    return "\n".join(lines)


@pytest.mark.parametrize("text", INSIDE)
def test_same_line_before_and_after_a_function_was_added(text):
    edited = "def new():\n    return 3\n\n" + SOURCE
    place = find(compiled(SOURCE), line_with(SOURCE, text))
    assert place is not None
    assert find(compiled(edited), line_with(edited, text)) == place
    assert present_line(compiled(edited), place) == line_with(edited, text)


@pytest.mark.parametrize("text", [t for t in INSIDE if t not in ('            "no"',)])
def test_same_place_in_commented_source(text):
    """A line without bytecode of its own is told by its distance, comments included."""
    edited = with_comments(SOURCE)
    place = find(compiled(SOURCE), line_with(SOURCE, text))
    if text != "def decorated(x):":
        assert find(compiled(edited), line_with(edited, text)) == place
        assert present_line(compiled(edited), place) == line_with(edited, text)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("    y = x + 1", "plain"),
        ("        return x * 2", "outer.inner"),
        ("        return 1", "Shape.area"),
        ("        return 2", "twice#1"),
        ("    x + 1", "<lambda>"),
    ],
)
def test_paths(text, path):
    place = find(compiled(SOURCE), line_with(SOURCE, text))
    assert place.path == path
    code = code_at(compiled(SOURCE), path)
    assert path_of(compiled(SOURCE), code) == path


def test_module_level_has_no_place():
    assert find(compiled(SOURCE), line_with(SOURCE, "import functools")) is None


@pytest.mark.parametrize(
    "place", [Place("gone", 0, 0), Place("plain.gone", 0, 0), Place("plain", 99, 0)]
)
def test_what_is_gone_has_no_line(place):
    assert present_line(compiled(SOURCE), place) is None
