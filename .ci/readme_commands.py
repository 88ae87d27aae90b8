"""Prints the shell and Python blocks of a Markdown file as one shell script, in their order."""

import re
import sys
from pathlib import Path

BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def script(markdown: str) -> str:
    """The commands of ``markdown``; a Python block runs as a program of its own."""
    parts = []
    for language, body in BLOCK.findall(markdown):
        parts.append(body if language == "sh" else f"python - <<'EOF'\n{body}EOF\n")
    return "".join(parts)


if __name__ == "__main__":
    sys.stdout.write(script(Path(sys.argv[1]).read_text(encoding="utf-8")))
