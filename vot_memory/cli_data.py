"""The commands `vot-memory data ...`; what they do stands in `vot_memory.commands`."""

from pathlib import Path
from typing import Annotated

import typer

from vot_memory.cli_options import Data

app = typer.Typer(
    help="Check and convert copies of data sets.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def check(
    split: Annotated[
        str, typer.Argument(metavar="NAME|DIR", help="Split (`ls splits`) or folder of videos.")
    ],
    data: Data = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Read headers of pictures, not all pixels.")
    ] = False,
    csv: Annotated[Path | None, typer.Option(help="Table of everything found.")] = None,
    threads: Annotated[
        int | None, typer.Option(help="Videos looked at together; default: one a processor.")
    ] = None,
) -> None:
    """Look for what is missing or damaged in a local copy; exit code 1 if anything is."""
    from rich.console import Console
    from rich.progress import Progress

    from vot_memory.commands import data_check

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("sequences", total=None)
        try:
            report = data_check.check_data(
                split,
                data,
                quick=quick,
                threads=threads,
                started=lambda total: bar.update(task, total=total),
                advanced=lambda name: bar.advance(task),
            )
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
    for line in data_check.lines(report):
        typer.echo(line)
    if csv:
        data_check.write_csv(report, csv)
        typer.echo(f"Table: {csv}")
    raise typer.Exit(0 if report.ok else 1)
