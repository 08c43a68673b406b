"""Templates: every value is escaped, and an unknown name is an error."""

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from revin_forecast.utils.templates import build_environment, escape_markdown

HOSTILE = "<script>\"'{{ 7 * 7 }}|`*_\n# b"


@pytest.mark.parametrize("text", ["plain words", "Größe (m³)", "日本", "a.b-c+d: 1/2"])
def test_harmless_text_stays_as_it_is(text):
    assert escape_markdown(text) == text


def test_values_are_escaped_once_unless_they_are_markup():
    source = "{% macro cell(x) %}|{{ x }}|{% endmacro %}{{ x }}{{ cell(x) }}{{ [x] | join }}"
    html = "&lt;script&gt;&#34;&#39;{{ 7 * 7 }}|`*_\n# b"
    text = "&lt;script&gt;\"'{{ 7 \\* 7 }}\\|\\`\\*\\_ \\# b"
    for language, escaped in (("html", html), ("md", text)):
        template = build_environment(language, {}).from_string(source)
        assert template.render(x=HOSTILE) == f"{escaped}|{escaped}|{escaped}"
        assert template.render(x=Markup("<b>")) == "<b>|<b>|<b>"


@pytest.mark.parametrize("source", ["{{ x }}", "{{ row.x }}", "{% if x %}{% endif %}"])
@pytest.mark.parametrize("language", ["html", "md"])
def test_unknown_names_are_errors(language, source):
    with pytest.raises(UndefinedError):
        build_environment(language, {}).from_string(source).render(row={})
