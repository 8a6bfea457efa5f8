"""Generates `roster_client.openapi` from the API's document."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DOCUMENT = HERE / "../../openapi/v1.json"
PACKAGE = HERE / "src/roster_client/openapi"
#: A body that the generator does not support; `application/json` has the same content.
LINES = "application/x-ndjson"


def simplified(document: dict[str, Any]) -> dict[str, Any]:
    """Removes what `roster_client.session` takes care of: problem documents and authentication."""
    for item in document["paths"].values():
        for operation in item.values():
            operation.pop("security", None)
            operation.get("requestBody", {}).get("content", {}).pop(LINES, None)
            operation["responses"] = {
                status: response
                for status, response in operation["responses"].items()
                if status.startswith("2")
            }
    return document


def main() -> None:
    document = json.loads(DOCUMENT.read_text())
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(simplified(document), file)
        file.flush()
        command = ["openapi-python-client", "generate", "--path", file.name]
        command += ["--meta", "none", "--overwrite", "--fail-on-warning"]
        command += ["--config", str(HERE / "generate.yaml"), "--output-path", str(PACKAGE)]
        program = Path(sys.executable).with_name(command[0])
        subprocess.run([program, *command[1:]], check=True)


if __name__ == "__main__":
    main()
