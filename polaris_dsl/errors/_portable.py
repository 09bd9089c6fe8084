"""Tells and carries what users raise, and what of that may not survive pickling."""

from __future__ import annotations

from typing import Optional, Type, TypeVar

T = TypeVar("T")


def blank(cls: Type[T]) -> T:
    """Return an error that knows nothing yet."""
    return cls.__new__(cls)


def portable(value: T) -> Optional[T]:
    """Return what pickles, or None: exceptions and data of users may not, and must not take our error with them."""
    import pickle  # noqa: PLC0415  slow to load

    try:
        pickle.loads(pickle.dumps(value))  # noqa: S301  what was pickled just now
    except Exception:  # noqa: BLE001  their classes may raise anything
        return None
    return value


def text_of(cause: BaseException) -> str:
    """Return the text of an exception of a user."""
    try:
        return str(cause)
    except Exception:  # noqa: BLE001  an exception of a user that cannot even be told
        return ""


def raised(error: BaseException) -> str:
    """Tell the cause of an error."""
    cause = error.__cause__
    return "failed" if cause is None else f"raised {': '.join(filter(None, [type(cause).__name__, text_of(cause)]))}"
