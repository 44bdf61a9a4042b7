"""The commands `vot-memory vot ...`; what they do stands in `vot_memory.commands`."""

import typer

app = typer.Typer(
    help="Work with the VOT toolkit, which runs apart.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
