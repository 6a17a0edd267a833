"""The exit codes of the command."""

LOADED, FAILED, WRONG, WITH_REJECTS = 0, 1, 2, 3
"""All loaded or skipped; the job failed; wrong flags, contract or target; done, with rejects."""
