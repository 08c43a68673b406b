"""Accessibility of pages in a browser, judged by axe-core."""

import pytest
from axe_playwright_python.base import AXE_SCRIPT

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
"""Groups of rules: WCAG 2.2 up to level AA, and the recommendations of axe-core."""
RUN = """async ([rules, without]) => {
    const context = without.length ? {exclude: without.map((selector) => [selector])} : document;
    const options = {runOnly: {type: "tag", values: rules}, resultTypes: ["violations"]};
    const { violations, passes } = await axe.run(context, options);
    return { passed: passes.length, violations: violations.map(({ id, impact, help, nodes }) => ({
        id, impact, help,
        nodes: nodes.map(({ target, html, failureSummary }) => ({
            target: target.flat().join(" "), html: html.slice(0, 200), failureSummary })) })) };
}"""
MAX_ELEMENTS = 5
"""Elements listed for each rule."""


def assert_accessible(page, *, without=()):
    """Fail with the violated rules and their elements in words.

    Args:
        page: a page of playwright, in the state to check: hidden parts are not judged.
        without: CSS selectors of parts that are left out, such as those of another author.
    """
    if not page.evaluate("'axe' in globalThis"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(RUN, [RULES, list(without)])
    assert found["passed"] > 0  # axe-core has looked at something
    if found["violations"]:
        pytest.fail("\n".join(map(describe_violation, found["violations"])), pytrace=False)


def describe_violation(violation):
    """Return a violated rule with its elements, one a paragraph."""
    nodes = violation["nodes"]
    lines = [f"{violation['help']} ({violation['id']}, {violation['impact']}), {len(nodes)} times:"]
    for node in nodes[:MAX_ELEMENTS]:
        remedy = " ".join(node["failureSummary"].split())
        lines.append(f"  {node['target']}\n    {' '.join(node['html'].split())}\n    {remedy}")
    if len(nodes) > MAX_ELEMENTS:
        lines.append(f"  and {len(nodes) - MAX_ELEMENTS} more")
    return "\n".join(lines)
