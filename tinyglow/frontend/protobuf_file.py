"""Files of protobuf messages, binary or as text. Files are untrusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import text_format
from google.protobuf.message import DecodeError, Message

from tinyglow.errors import ModelError, Problem
from tinyglow.frontend.importing import read_bytes

_MOST_TEXT = 2**26  # bytes: text is networks, with weights of small ones


def read_message(path: Path, message: Any, as_text: bool, what: str, hint: str = "") -> Any:
    """Parse a file into a message.

    Args:
        path: The file.
        message: An empty message of its class.
        as_text: Whether it is text, in which every field must be known.
        what: What the file should be, for messages.
        hint: What to do if it is not.

    Returns:
        The message.

    Raises:
        ModelError: The file cannot be read, or is something else.
    """
    data = read_bytes(path)
    try:
        if not as_text:
            message.ParseFromString(data)
        elif len(data) > _MOST_TEXT:
            raise _refusal(path, f"has {len(data):,} bytes of text", f"at most {_MOST_TEXT:,}", hint)
        else:
            text_format.Parse(data.decode("utf-8"), message)
    except text_format.ParseError as error:
        raise _refusal(path, f"is no {what}: {error}", "", hint) from error
    except (DecodeError, UnicodeDecodeError) as error:
        raise _refusal(path, f"is no {what}, or is truncated or damaged", "", hint) from error
    except (RecursionError, ValueError) as error:
        raise _refusal(path, f"is a damaged {what}", "", hint) from error
    if not is_text(message):
        raise _refusal(path, f"is a damaged {what}: it holds names that are not UTF-8", "", hint)
    return message


def _refusal(path: Path, found: str, expected: str, hint: str) -> ModelError:
    return ModelError(f"cannot read the model {path}", [Problem("", found, expected, hint)])


def is_text(message: Message) -> bool:
    """Whether every string of a message is one: protobuf does not look, and hands out undecodable ones as bytes."""
    for field, value in message.ListFields():
        if field.type == field.TYPE_STRING and not all(isinstance(text, str) for text in _listed(value)):
            return False
        if field.type == field.TYPE_MESSAGE and not all(is_text(part) for part in _listed(value)):
            return False
    return True


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str | bytes | Message) else value
