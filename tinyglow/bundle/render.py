"""The only place that runs jinja2. Templates are our own.

What a model can name reaches C templates as legal C already; HTML templates escape it.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from tinyglow import resources
from tinyglow.resources import VERSION

if TYPE_CHECKING:
    import jinja2
    from jinja2.bccache import Bucket


def _translated_templates() -> jinja2.BytecodeCache | None:
    """Where templates stay translated from one run to the next; None where nothing may be kept.

    jinja2 makes a folder of the user's own among the temporary files, and looks whether a template has changed since.
    """
    import jinja2

    class Translated(jinja2.FileSystemBytecodeCache):
        """Files with translated templates. What cannot be written is translated again the next time."""

        def dump_bytecode(self, bucket: Bucket) -> None:
            with suppress(OSError):
                super().dump_bytecode(bucket)

    if sys.dont_write_bytecode:
        return None
    try:
        return Translated()
    except (OSError, RuntimeError):  # no such place, or it is somebody else's
        return None


@cache
def _environment(autoescape: bool) -> jinja2.Environment:
    """One for all files, for it keeps the templates that it has translated."""
    import jinja2  # takes long, and many commands write no text

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.TEMPLATES),
        bytecode_cache=_translated_templates(),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=not autoescape,
        autoescape=autoescape,
    )
    environment.filters["count"] = lambda value: "" if value is None else f"{value:,}"
    environment.filters["more"] = lambda value: f"{value:+,}" if value else "0"
    environment.filters["round"] = lambda value, digits=1: "" if value is None else f"{value:.{digits}f}"
    return environment


def render(template: str, **context: object) -> str:
    """Text of ``templates/<template>`` with ``context`` filled in; an undefined name is an error, never blank."""
    return _environment(autoescape=False).get_template(template).render(**context)  # C, not HTML


def render_html(template: str, **context: object) -> str:
    """Like ``render``, for HTML: every value is escaped, unless it says that it is HTML (``markupsafe.Markup``)."""
    return _environment(autoescape=True).get_template(template).render(**context)


def hex_float(value: float) -> str:
    """``value`` as a C99 hexadecimal constant without trailing zeros: exact, and read back by ``float.fromhex``."""
    mantissa, exponent = value.hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.')}p{exponent}" if "." in mantissa else value.hex()


def stamped(text: str) -> str:
    """A C file of a bundle with its license, and the version that wrote it, in the first two lines."""
    return f"/* SPDX-License-Identifier: Apache-2.0 */\n/* tinyglow {VERSION} */\n{text}"


def for_size(text: str) -> str:
    """A C file that asks the compiler to optimize it for size, if the compiler has a directive for that."""
    return f'#include "tg_small_begin.h"\n\n{text}\n#include "tg_small_end.h"\n'
