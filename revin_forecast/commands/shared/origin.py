import hashlib
from pathlib import Path


def fingerprint_file(file: str) -> dict[str, str]:
    """Return what a saved model says of the file it was fitted on: its name and sha256."""
    if file == "-":
        return {"file": "standard input"}
    path = Path(file)
    if not path.is_file():
        return {"file": path.name}  # which reading it will tell
    with path.open("rb") as content:
        return {
            "file": Path(file).name,
            "sha256": hashlib.file_digest(content, "sha256").hexdigest(),
        }
