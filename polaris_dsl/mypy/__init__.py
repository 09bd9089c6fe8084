"""The mypy plugin: with `plugins = ["polaris_dsl.mypy"]` in its configuration, mypy checks every workflow."""

from polaris_dsl.mypy._plugin import plugin

__all__ = ["plugin"]
