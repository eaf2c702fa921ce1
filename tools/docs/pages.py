"""The generated files of `docs/`, each with the function that renders it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from stack.project import PROJECT
from tools.docs import commands, tables
from tools.docs.pictures import architecture, comment, dashboard, roles, terminal, tweet

FOLDER = PROJECT / "docs"

PAGES: Mapping[Path, Callable[[], str]] = {
    FOLDER / "settings.md": tables.render_settings,
    FOLDER / "alarms.md": tables.render_alarms,
    FOLDER / "commands.md": commands.render_commands,
    FOLDER / "images" / "architecture.svg": architecture.render,
    FOLDER / "images" / "demo.svg": terminal.render_demo,
    FOLDER / "images" / "watch.svg": terminal.render_watch,
    FOLDER / "images" / "dashboard.svg": dashboard.render,
    FOLDER / "images" / "tweet.svg": tweet.render,
    FOLDER / "images" / "roles.svg": roles.render,
    FOLDER / "images" / "comment.svg": comment.render,
}
