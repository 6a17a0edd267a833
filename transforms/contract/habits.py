"""What people write by the habits of XPath and SQL, and what to write here."""

from __future__ import annotations

import re

PATHS: tuple[tuple[str, str], ...] = (
    (r"\bcount\(", "`take: count` counts what a path finds"),
    (r"\bsum\(|\bmin\(|\bmax\(", "`take: sum`, `min` and `max` are of all that a path finds"),
    (r"\bavg\(", "a path computes nothing; make rows of the elements, and compute on those"),
    (r"\bid\(|\bkey\(", "declare an `index`, and follow the reference: @ref -> party/Name"),
    (r"\btext\(\)", "the value of an element is its text, so leave /text() out; in a condition write [.='x']"),
    (r"\bcontains\(", "use a condition in SQL: `where: \"[@b] LIKE '%c%'\"`"),
    (r"\bstarts-with\(|\bends-with\(|\bmatches\(", "use a condition in SQL: `where: \"[@b] LIKE 'c%'\"`"),
    (r"\bposition\(\)", "write the number alone, as in a[1]; $position is the number of a row"),
    (r"\bself::", "`.` is the current element; a name is tested by the step that leads to it"),
    (r"\bparent::", "`..` is the element above"),
    (r"\bancestor(?:-or-self)?::", "above(a)/@b is of the nearest element a above; `..` is one level up"),
    (r"\bchild::", "a child is its name alone"),
    (r"\bdescendant(?:-or-self)?::", "write .//a for any depth"),
    (r"\bpreceding(?:-sibling)?::", "before(a) is the nearest element a before it, among its siblings"),
    (r"\bfollowing(?:-sibling)?::", "paths go down, up by `..` and above(a), and back by before(a): not onwards"),
    (r"\battribute::", "an attribute is @name"),
    (r"\bname\(|\blocal-name\(", "`take: name` gives the name of an element"),
    (r"\bconcat\(", "use an expression: CONCAT([a], [b])"),
    (r"\bstring\(|\bnumber\(|\bboolean\(", "`type` says what a text becomes"),
    (r"\bsubstring\(|\btranslate\(|\bstring-length\(|\bround\(", "use an expression in SQL"),
    (r"last\(\)\s*-", "positions are [1], [2] ... and [last()]"),
    (r"<|(?<!-)>", "paths compare with =, != and in; use a condition in SQL: `where: n > 1`"),
)  # fmt: skip
"""A pattern of what stands in a path, and the remedy."""

_TYPES = {
    **dict.fromkeys(("varchar", "nvarchar", "char", "nchar", "string", "str", "clob", "xml"), "text"),
    **dict.fromkeys(("numeric", "number", "money"), "decimal(18, 2)"),
    **dict.fromkeys(("integer", "int4", "int32", "long", "int64"), "int or bigint"),
    **dict.fromkeys(("bit", "boolean"), "bool"),
    **dict.fromkeys(("double", "real"), "float"),
    **dict.fromkeys(("timestamp", "datetime2", "smalldatetime"), "datetime"),
    **dict.fromkeys(("timestamptz", "datetimeoffset"), "datetimetz"),
    **dict.fromkeys(("varbinary", "blob", "bytea"), "binary"),
}
KEYS = {
    **dict.fromkeys(("path", "xpath", "source", "select"), "the path of a column is `from`"),
    **dict.fromkeys(
        ("length", "size", "precision", "scale"), "the length is part of the type: text(20), decimal(9, 2)"
    ),
    **dict.fromkeys(("nullable", "not_null", "optional"), "a column may be NULL unless it says `required: true`"),
    **dict.fromkeys(("sql", "formula", "calc"), "SQL is written under `expression`"),
    **dict.fromkeys(("constant", "const", "literal"), "a constant is `value`"),
}
"""Keys of columns in other languages, and what says the same here."""


def path_remedy(text: str) -> str | None:
    """What to write in place of a path that cannot be read."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "''", text)
    if re.match(r"\s*//", bare):
        return "write .// for any depth below the current element"
    if re.match(r"\s*/", bare):
        return "leave the way down to the row out: the path begins below it"
    return next((remedy for pattern, remedy in PATHS if re.search(pattern, bare)), None)


def type_remedy(text: str) -> str | None:
    """What a type of a database or of Java is called here."""
    match = re.match(r"\s*([A-Za-z]\w*)\s*(\(.*\))?", text)
    if match is None:
        return None
    name, digits = match[1].lower(), match[2] or ""
    known = _TYPES.get(name)
    if known in ("text", "binary") and re.fullmatch(r"\(\s*\d+\s*\)", digits):
        return f"write {known}{digits}"
    if known == "decimal(18, 2)" and re.fullmatch(r"\(\s*\d+\s*(?:,\s*\d+\s*)?\)", digits):
        return f"write decimal{digits}"
    return f"write {known}" if known else None
