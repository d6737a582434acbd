"""Stand-ins for ``op``, ``vault`` and ``aws``: they take exactly the documented arguments, and
print what the documentation says. Everything else is an error, as with the programs themselves."""

from __future__ import annotations

import json
from pathlib import Path

_PROGRAM = """#!/bin/sh
# Stand-in for {name}. Values lie in files beside it; "slow" never answers.
here=$(dirname "$0")
printf '%s\\n' "$*" >> "$here/{name}.calls"
test ! -e "$here/slow" || exec sleep 600
{body}
"""

_OP = """
test "$1" = read && test "$2" = --no-newline && test "$#" = 3 || {
  echo '[ERROR] 2026/11/26 10:00:00 unknown flag or too many arguments' >&2; exit 1; }
test -z "$(cat)" || exit 9                     # nothing is to be asked of anybody
file="$here/$(printf %s "$3" | tr '/: ' '___')"
test -e "$file" || {
  echo "[ERROR] 2026/11/26 10:00:00 could not read secret '$3': item not found" >&2; exit 1; }
cat "$file"
"""

_VAULT = """
test "$1 $2" = "kv get" && test "$#" = 5 || {
  echo "Not enough arguments (expected 1, got $#)" >&2; exit 1; }
test -n "$VAULT_ADDR" || { echo "Error reading: connection refused" >&2; exit 2; }
file="$here/vault_${3#-mount=}_$(printf %s "$5" | tr / _)_${4#-field=}"
test -e "$file" || { echo "No value found at ${3#-mount=}/data/$5" >&2; exit 2; }
cat "$file"
"""

_AWS = """
test "$1 $2 $3" = "secretsmanager get-secret-value --secret-id" && test "$5 $6" = "--output json" \\
  && test "$#" = 6 || { echo "aws: error: Unknown options: $*" >&2; exit 252; }
file="$here/aws_$(printf %s "$4" | tr /: __)"
test -e "$file" || {
  echo "An error occurred (ResourceNotFoundException) when calling the GetSecretValue operation:" \\
    "Secrets Manager can't find the specified secret." >&2; exit 254; }
cat "$file"
"""


class Vaults:
    """A folder for ``PATH`` with the three programs, and what they give."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name, body in (("op", _OP), ("vault", _VAULT), ("aws", _AWS)):
            program = folder / name
            program.write_text(_PROGRAM.format(name=name, body=body))
            program.chmod(0o755)

    def calls(self, name: str) -> list[str]:
        """The arguments of every call."""
        path = self.folder / f"{name}.calls"
        return path.read_text().splitlines() if path.exists() else []

    def one_password(self, reference: str, value: str) -> None:
        name = reference.replace("/", "_").replace(":", "_").replace(" ", "_")
        (self.folder / name).write_text(value)

    def vault(self, mount: str, path: str, field: str, value: str) -> None:
        (self.folder / f"vault_{mount}_{path.replace('/', '_')}_{field}").write_text(value)

    def aws(self, name: str, text: str) -> None:
        told = {
            "ARN": f"arn:aws:secretsmanager:us-west-2:123456789012:secret:{name}-a1b2c3",
            "Name": name,
            "VersionId": "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111",
            "SecretString": text,
            "VersionStages": ["AWSCURRENT"],
            "CreatedDate": "2026-11-01T10:00:00.000000+00:00",
        }
        (self.folder / f"aws_{name.replace('/', '_')}").write_text(json.dumps(told, indent=4))
