"""Pictures by graphviz's ``dot``, where that program is installed."""

from __future__ import annotations

import shutil
import subprocess

from tinyglow.errors import Problem, ToolError, reason

TIMEOUT_SECONDS = 600


def render_dot(text: str, kind: str) -> bytes | None:
    """The picture that ``text`` describes as pdf, png or svg; None if graphviz is not there.

    Raises ToolError if it fails.
    """
    program = shutil.which("dot")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, f"-T{kind}"],
            input=text.encode("utf-8"),
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except OSError as error:
        raise ToolError("cannot start graphviz", [Problem(program, reason(error))]) from error
    except subprocess.TimeoutExpired as error:
        raise ToolError("graphviz does not end", [Problem(program, f"stopped after {TIMEOUT_SECONDS} s")]) from error
    if done.returncode:
        complaint = done.stderr.decode("utf-8", "replace").strip()[:300]
        raise ToolError("graphviz failed", [Problem(program, complaint or f"exit status {done.returncode}")])
    return done.stdout
