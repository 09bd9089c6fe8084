"""The root of all errors."""

from __future__ import annotations

from typing import Tuple

from polaris_dsl.errors._portable import blank, portable


class PolarisError(Exception):
    """The root of all errors of this library: data in attributes, told in `str()`; survives pickling with its cause."""

    __module__ = "polaris_dsl.errors"  # where users import it from, as all of them: so tracebacks call it

    def __init_subclass__(cls) -> None:
        if cls.__module__.startswith("polaris_dsl.errors."):
            cls.__module__ = PolarisError.__module__

    def __reduce__(self) -> Tuple[object, ...]:
        # The state goes in after the error was made: a failure stands among its own `failures`.
        state = {**self.__dict__, "__cause__": portable(self.__cause__)}
        if "run" in state:
            state["run"] = portable(state["run"])
        return blank, (type(self),), state
