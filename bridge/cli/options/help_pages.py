"""The help of a command with many options: what is used every day first, then groups. Knows no field's meaning."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand

EVERY_DAY = "Options"
TIMES = "A TIME is in seconds (8.5) or in minutes and seconds (1:08.5)."
EPILOG = f"{TIMES} Bars are counted by --tempo and --meter, --tempo-map, or the tags' bpm."
_DEFAULT = re.compile(r" \[default: (.*)\]$")


class GroupedCommand(TyperCommand):
    """A command whose options are shown under their headings (`rich_help_panel`), with the models' own defaults."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, everyday options, then a section for each heading."""
        sections: dict[str, list[tuple[str, str]]] = {}
        own = defaults_of_models()
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                words, text = record
                heading = _heading(parameter)
                sections.setdefault(heading, []).append((words, with_defaults(parameter.name or "", text, own)))
        for heading, rows in sorted(sections.items(), key=lambda item: _rank(item[0])):
            with formatter.section(heading):
                formatter.write_dl(rows)


def with_defaults(name: str, text: str, own: dict[str, dict[str, Any]]) -> str:
    """An option's text with what models put in place of the default: [default: 15; nano: 5]."""
    match = _DEFAULT.search(text)
    usual = match[1] if match else ""
    values = {model: as_text(default[name]) for model, default in own.items() if name in default}
    others = [f"{model}: {value}" for model, value in values.items() if value != usual]
    if not others:
        return text
    if match is None:
        return f"{text} [default of {'; '.join(others)}]"
    return f"{text[: match.start()]} [default: {'; '.join([usual, *others])}]"


def as_text(value: Any) -> str:
    """A default as the help shows it: 15, not 15.0; yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def defaults_of_models() -> dict[str, dict[str, Any]]:
    """The fields that each model which is here sets by itself, by the model's name."""
    from engine.checkpoints import registry
    from engine.errors import CheckpointError
    from engine.families.table import facts_of

    defaults: dict[str, dict[str, Any]] = {}
    for entry in registry.entries():
        if entry.installed:
            try:
                defaults[entry.name] = dict(facts_of(entry.folder).default_request)
            except (CheckpointError, OSError):
                continue
    return defaults


def _heading(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return "Arguments"
    return getattr(parameter, "rich_help_panel", None) or EVERY_DAY


def _rank(heading: str) -> int:
    from bridge.cli.options import option_groups as groups

    order = ("Arguments", EVERY_DAY, groups.TEMPO, groups.JOINTS, groups.FILE, groups.SAMPLER, groups.JOB)
    return order.index(heading) if heading in order else len(order)
