"""SQL that computes a column or says which rows to keep, over the columns of a row and over XML paths.

    expression: CASE WHEN amount < 0 THEN 'debit' ELSE 'credit' END
    expression: COALESCE(iban, [Acct/Id/Othr/Id])
    where: status IN ('A', 'B') AND [@type] LIKE 'x%'

=====================================  ====================================================================
``amount``, ``"odd name"``             a column; its case does not count, unless two differ in nothing else
``[Acct/Id/Othr/Id]``                  an XML path; text, or NULL when it finds nothing
``[$position]``                         a system value, of its own type
``'it''s'``, ``12``, ``0.5``           text, int, decimal; also ``TRUE``, ``FALSE``, ``NULL``
``DATE '2024-12-31'``                  also ``TIMESTAMP '2024-12-31 23:59:59'``, ``TIME '23:59:59'``
``= <> != < <= > >=``                  comparisons; text by code point, so case counts
``BETWEEN`` ``IN`` ``IS NULL``         also ``NOT ...``, ``IS TRUE``, ``IS FALSE``
``LIKE`` ``ILIKE`` ``ESCAPE``          ``%`` any text, ``_`` one character; ``ILIKE`` ignores case
``AND`` ``OR`` ``NOT``                 with SQL's three values; a filter keeps rows that are TRUE
``+ - * / %``                          ints stay ints but for ``/``; decimals are exact, quotients to 38 digits
``||``, ``CONCAT(a, ...)``             joined text; with NULL, ``||`` is NULL and ``CONCAT`` leaves it out
``CASE WHEN c THEN a ELSE b END``      also ``CASE x WHEN 'A' THEN ... END``
``COALESCE(a, ...)``, ``NULLIF(a, b)`` the first that is not NULL; NULL where a = b
``CAST(x AS int)``, ``TRY_CAST``       to any type of a column; ``TRY_CAST`` gives NULL for what cannot be
``SUBSTRING(t, from [, length])``      characters count from 1; also ``SUBSTRING(t FROM 2 FOR 3)``
``LEFT`` ``RIGHT`` ``LENGTH``          a text and a number of characters; ``LEN`` is ``LENGTH``
``UPPER`` ``LOWER`` ``REPLACE``        ``REPLACE(t, old, new)``
``TRIM`` ``LTRIM`` ``RTRIM``           white space, or the characters given: ``LTRIM(t, '0')``
``ROUND(n [, places])``                half away from zero; ``FLOOR``, ``CEILING``, ``ABS``
``YEAR(d)`` ... ``SECOND(d)``          also ``EXTRACT(month FROM d)``; quarter, month, day, hour, minute too
``DATEADD(day, 30, d)``                year, quarter, month (ends at the month's last day), week, day, hour,
                                       minute, second
``DATEDIFF(day, a, b)``                the borders crossed from a to b, as in SQL Server; weeks begin on Sunday
``STRPTIME(t, '%d/%m/%Y', ...)``       a datetime by the first format that fits, or ``us_dates``, one of the contract's
                                       ``formats``; ``TRY_STRPTIME`` gives NULL
``CURRENT_TIMESTAMP``                  the start of the run, in UTC; ``CURRENT_DATE`` its day
=====================================  ====================================================================

Types are checked when the contract is loaded. Only like is compared with like: a text with a number needs
a CAST, and only a literal takes the other's type by itself (``booked >= '2024-01-01'``, ``flag = 1``).

CAST rounds decimals and ints half away from zero and cuts text to its length; a value that does not fit is
an error, as is a division by zero: the column's ``on_error`` decides. A ``datetime`` is taken to be in UTC where it
meets a ``datetimetz``, and parts of a ``datetimetz`` are those in UTC.
"""

from .errors import ExpressionError, UnknownColumn
from .expression import Expression, compile_expression

__all__ = ["Expression", "ExpressionError", "UnknownColumn", "compile_expression"]
