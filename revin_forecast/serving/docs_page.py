"""The API as a page: made of its OpenAPI document alone, so that it needs no network."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any

CURL_EXAMPLES = """curl --data-binary @newer.csv -H 'Content-Type: text/csv' 'ADDRESS/forecast?level=80'
curl -d '{"level": [80]}' -H 'Content-Type: application/json' ADDRESS/forecast
curl -X POST -H 'Accept: text/csv' ADDRESS/forecast
curl -H 'Authorization: Bearer TOKEN' ADDRESS/model  # where a token is wanted"""


def render_docs_page(document: Mapping[str, Any]) -> str:
    """Return the page.

    Args:
        document: as FastAPI makes it.
    """
    operations = "".join(
        _render_operation(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    title = f"{document['info']['title']} {document['info']['version']}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{escape(title)}</title><link rel="icon" href="data:,">'
        '<link rel="stylesheet" href="/page.css"></head><body>'
        '<nav aria-label="Contents"><a href="/">The page</a>'
        '<a href="/openapi.json">openapi.json</a></nav><main>'
        f"<h1>{escape(title)}</h1><p>{escape(document['info']['description'])}</p>"
        f"<pre>{escape(CURL_EXAMPLES)}</pre>{operations}</main></body></html>\n"
    )


def _render_operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    told = operation.get("description", "")
    parts = [f"<h2>{method.upper()} {escape(path)}</h2>", f"<p>{escape(operation['summary'])}."]
    parts.append(f" {escape(told)}</p>" if told else "</p>")
    parameters = operation.get("parameters", ())
    if parameters:
        rows = [(one["name"], one["in"], one.get("description", "")) for one in parameters]
        parts.append(_render_table(("parameter", "in", "what it is"), rows))
    if body := operation.get("requestBody"):
        parts.append(f"<p>{escape(body['description'])}</p>")
        for kind, content in body["content"].items():
            schema = json.dumps(content["schema"], indent=2)
            parts.append(
                f"<details><summary>{escape(kind)}</summary><pre>{escape(schema)}</pre></details>"
            )
    answers = [
        (code, answer["description"], _format_media_types(answer))
        for code, answer in sorted(operation["responses"].items())
    ]
    return "".join(parts) + _render_table(("answer", "what it says", "as"), answers)


def _format_media_types(answer: Mapping[str, Any]) -> str:
    return ", ".join(kind.partition("/")[2].upper() for kind in answer.get("content", ()))


def _render_table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll" tabindex="0">{table}</div>'
