"""Packaging; the metadata is in pyproject.toml. Beam ships this file to remote workers by `--setup_file`."""

from setuptools import setup

setup()
