"""The commands `vot-memory data ...`; what they do stands in `vot_memory.commands`."""

from pathlib import Path
from typing import Annotated

import typer

from vot_memory import cli_options as opt

app = typer.Typer(
    help="Check and convert copies of data sets.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def check(
    split: opt.Videos,
    data: opt.Data = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Read headers of pictures, not all pixels.")
    ] = False,
    csv: Annotated[Path | None, typer.Option(help="Table of everything found.")] = None,
    threads: Annotated[
        int | None, typer.Option(help="Videos looked at together; default: one a processor.")
    ] = None,
) -> None:
    """Look for what is missing or damaged in a local copy. Exit code 1 if anything is."""
    from rich.console import Console
    from rich.progress import Progress

    from vot_memory.commands import data_check

    if csv:
        data_check.check_table(csv)
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


@app.command()
def convert(
    split: opt.Videos,
    out: Annotated[Path, typer.Argument(help="New folder.")],
    to: Annotated[
        str,
        typer.Option(
            help="vot: VOT toolkit; vos: label maps where they lose nothing; sav: a folder an "
            "object."
        ),
    ],
    link: Annotated[
        bool, typer.Option("--link", help="Link to JPEG and PNG files instead of copying them.")
    ] = False,
    limit: opt.Limit = None,
    data: opt.Data = None,
) -> None:
    """Write videos and masks in another layout. JPEG files are copied, never encoded anew."""
    from rich.console import Console
    from rich.progress import Progress

    from vot_memory.datasets.convert import convert as write
    from vot_memory.datasets.splits import SynthSpec, find_source, load_split, split_specs

    drawn = isinstance(split_specs().get(split.partition("@")[0]), SynthSpec)
    source = None if drawn else find_source(split, data).root
    sequences = load_split(split, limit, data).sequences
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("sequences", total=len(sequences))
        made = write(
            sequences, out, to, source=source, link=link, done=lambda name: bar.advance(task)
        )
    typer.echo(f"videos: {made.sequences}, frames: {made.frames}, in {out}")
    if made.encoded:
        typer.echo(f"  {made.encoded} frames were no JPEG or PNG files and became PNG")
    for what in made.lost:
        typer.echo(f"  not kept, since this layout has no place for it: {what}")
