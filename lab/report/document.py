"""Pages of one file, and their Markdown. In: a template's name and values. Out: HTML with style and script in it."""

import hashlib
from base64 import b64encode
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lab.formatting import count, decimal, label, percent, power, share, short, size


def make_environment(*, markup: bool = True) -> Environment:
    """Templates of this folder; `markup`: values are escaped for HTML."""
    environment = Environment(
        loader=PackageLoader("lab.report"), autoescape=markup, undefined=StrictUndefined, trim_blocks=True
    )
    for filter_ in (count, short, power, size, percent, share, decimal, label):
        environment.filters[filter_.__name__] = filter_
    return environment


def render_page(template: str, **values: object) -> str:
    """A page of a template that extends base.html.j2; `values`: its `title`, its `contents` as (id, name), and more."""
    environment = make_environment()
    script = files("lab.report").joinpath("templates/script.js").read_text("utf-8")
    return environment.get_template(template).render(
        style=Markup(environment.get_template("style.css.j2").render()),
        script=Markup(script),
        script_hash=b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **values,
    )


def render_text(template: str, **values: object) -> str:
    """Markdown or a style sheet: values are not escaped."""
    return make_environment(markup=False).get_template(template).render(**values)
