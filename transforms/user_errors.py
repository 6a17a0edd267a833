"""What a user can get wrong. Any other error is a bug of ours, and is shown as one."""

from __future__ import annotations


class UserError(ValueError):
    """A flag, a contract, an input or a target is wrong: the message says which, where, and what would be right."""


class InputError(UserError):
    """The input is wrong, or cannot be read."""
