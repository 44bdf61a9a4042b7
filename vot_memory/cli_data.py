"""The commands `vot-memory data ...`; what they do stands in `vot_memory.commands`."""

import typer

app = typer.Typer(
    help="Check and convert copies of data sets.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
