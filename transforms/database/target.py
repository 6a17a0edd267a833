"""Where the rows go: reading ``--target``, and keeping its secrets.

==========================  ===============================================================
``sqlite:///folder/x.db``   an SQLAlchemy URL; :data:`SCHEMES` lists the databases
``odbc:DSN=x;UID=y``        a connection string of ODBC
``env:NAME``                the environment variable NAME holds one of the others
``file:PATH``               the file PATH holds one of the others
==========================  ===============================================================

``env:`` and ``file:`` are resolved where the connection is made, so that the secret never
travels with a pipeline: remote workers need the variable or the file too.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_plus

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from transforms.user_errors import UserError


@dataclass(frozen=True)
class Scheme:
    """How a target of this kind is written, and the drivers that its URL may name."""

    example: str
    drivers: tuple[str, ...] = ()


SCHEMES = {
    "sqlite": Scheme("sqlite:///folder/name.db", ("pysqlite",)),
    "postgresql": Scheme("postgresql://user@host/database", ("psycopg", "psycopg2")),
    "mssql": Scheme("mssql+pyodbc://user@host/database", ("pyodbc",)),
    "odbc": Scheme("odbc:DSN=name;UID=user"),
}
"""The databases that can be a target, by the backend of their URL; ``odbc`` is that of ``odbc:<connection string>``."""

MASK = "***"
_SECRET_NAME = r"\w*(?:pwd|password|passphrase|secret|token|accesskey|apikey|privatekey)\w*"
_ODBC_SECRET = re.compile(rf"(?i)\b({_SECRET_NAME}\s*=\s*)(\{{(?:[^}}]|\}}\}})*\}}|[^;]+)")
_FILE_LIMIT = 65536


@dataclass(frozen=True, repr=False)
class Target:
    """A database to load into: an SQLAlchemy ``url``, or the connection string ``odbc``.

    ``str`` and ``repr`` mask every password; :meth:`mask` does so in other texts.
    """

    url: URL | None = None
    odbc: str | None = None

    @classmethod
    def parse(cls, text: str) -> Target:
        """Read a target in any of its forms; raise :class:`UserError` that says what is wrong and shows no secret."""
        text = _resolved(text.strip())
        if text[:5].lower() == "odbc:":
            target = cls(odbc=text[5:].strip())
        else:
            try:
                target = cls(url=make_url(text))
            except (ArgumentError, ValueError):
                # The text itself may be a password that was put in the wrong place.
                raise UserError(f"the target is not a database URL; write {_examples()}") from None
        if target.scheme not in SCHEMES:
            raise UserError(f"the target's scheme {target.scheme!r} is not supported; write {_examples()}")
        if target.url is not None:
            _check_url(target.url, text)
        return target

    @property
    def scheme(self) -> str:
        """The key of this target in :data:`SCHEMES`."""
        return "odbc" if self.url is None else self.url.get_backend_name()

    def mask(self, text: str) -> str:
        """``text`` without this target's secrets."""
        # The longest first: one secret may be part of another.
        for secret in sorted(self._secrets(), key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text

    @property
    def has_secret(self) -> bool:
        """Whether a password or the like is part of it."""
        return bool(self._secrets())

    def _secrets(self) -> set[str]:
        found = set(_odbc_secrets(self.odbc or ""))
        if self.url is not None:
            found.add(str(self.url.password or ""))
            for name, value in self.url.query.items():
                for one in (value,) if isinstance(value, str) else value:
                    found.update(_odbc_secrets(one))
                    if is_secret(name):
                        found.add(one)
        # A driver may quote the secret as the URL has it.
        return {form for secret in found if secret for form in (secret, quote_plus(secret))}

    def __str__(self) -> str:
        if self.url is None:
            return "odbc:" + _ODBC_SECRET.sub(rf"\g<1>{MASK}", self.odbc or "")
        query = {
            name: MASK if is_secret(name) else _ODBC_SECRET.sub(rf"\g<1>{MASK}", str(value))
            for name, value in self.url.query.items()
        }
        return self.url.set(query=query).render_as_string(hide_password=True).replace(quote_plus(MASK), MASK)

    def __repr__(self) -> str:
        return f"Target({str(self)!r})"


def is_reference(text: str) -> bool:
    """Whether a target is ``env:NAME`` or ``file:PATH``, which say where it is and nothing about it."""
    return text.strip().partition(":")[0] in ("env", "file")


def _check_url(url: URL, text: str) -> None:
    """Refuse what SQLAlchemy would read otherwise than it was meant; no message shows a part that may be a secret."""
    backend, _, driver = url.drivername.partition("+")
    if driver and driver not in SCHEMES[backend].drivers:
        raise UserError(f"the target's driver {driver!r} is not supported; write {SCHEMES[backend].example}")
    if backend == "sqlite":
        # SQLAlchemy drops what it cannot read as a parameter, and another file would be made.
        query = text.partition("?")[2]
        if "/" in query or any("=" not in part for part in query.split("&") if query):
            raise UserError("the target's path has a ?, where the path of a URL ends; rename the folder or the file")
    # A password ends at its first @: the host, or the database where the password has a slash too, holds the rest.
    if backend != "sqlite" and ("@" in (url.host or "") or "@" in (url.database or "").partition("/")[0]):
        raise UserError("the target's URL has one @ too many: write %40 for an @ in a user's name or password")


def is_secret(name: str) -> bool:
    """Whether what has this name is a password or the like."""
    return re.fullmatch(_SECRET_NAME, name, re.IGNORECASE) is not None


def _odbc_secrets(text: str) -> list[str]:
    values = [match[2].strip() for match in _ODBC_SECRET.finditer(text)]
    return values + [value[1:-1].replace("}}", "}") for value in values if value[0] == "{"]


def _resolved(text: str) -> str:
    kind, _, name = text.partition(":")
    if kind == "env":
        if name not in os.environ:
            raise UserError(f"the target env:{name}: there is no environment variable {name!r} here")
        held = os.environ[name]
    elif kind == "file":
        try:
            with Path(name).open(encoding="utf-8") as file:
                held = file.read(_FILE_LIMIT)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not a text file"
            raise UserError(f"the target file:{name} cannot be read: {reason}; it must hold {_examples()}") from None
    else:
        return text
    held = held.strip()
    if not held or held.partition(":")[0] in ("env", "file"):
        raise UserError(
            f"the target {text} holds {'nothing' if not held else 'another env: or file:'}; it must hold {_examples()}"
        )
    return held


def _examples() -> str:
    return ", ".join([*(scheme.example for scheme in SCHEMES.values()), "env:NAME", "file:PATH"])
