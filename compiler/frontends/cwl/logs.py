"""The messages of cwltool's loggers that say why a step failed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, MutableSequence
from contextlib import contextmanager

_LOGGERS = ("cwltool", "salad")

# This one only repeats what an exception says, without its place.
_REPEATS = "cwl_utils"

# The one warning that says why a job failed.
_EXPRESSION = "Failed to evaluate expression"


class _Listener(logging.Handler):
    def __init__(self, messages: MutableSequence[str]) -> None:
        super().__init__(logging.WARNING)
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.levelno >= logging.ERROR or text.startswith(_EXPRESSION):
            self._messages.append(text)


@contextmanager
def logged(messages: MutableSequence[str]) -> Iterator[None]:
    """Add the messages that are logged to a list. Nothing else shows them."""
    listener = _Listener(messages)
    handlers = {**dict.fromkeys(_LOGGERS, listener), _REPEATS: logging.NullHandler()}
    for name, handler in handlers.items():
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(logging.WARNING)
        logger.propagate = False
    try:
        yield
    finally:
        for name in _LOGGERS:
            logging.getLogger(name).removeHandler(listener)
