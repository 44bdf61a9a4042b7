"""Commands that score results: they declare options and print."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vot_memory import cli_options as opt

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer()


@app.command()
def report(
    split: Annotated[
        str | None, typer.Option(help="Name, or the folder that was run; default: all names.")
    ] = None,
    results: Annotated[Path, typer.Option(help="Folder of results.")] = Path("results"),
    baseline: Annotated[str, typer.Option(help="Policy to compare with.")] = "fifo",
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("report"),
    toolkit_compatible: Annotated[
        bool,
        typer.Option(
            "--toolkit-compatible",
            help="Measures exactly as the VOT toolkit, frame 0 included; those of boxes as the "
            "code of the data set's own benchmark (LaSOT, GOT-10k, OTB).",
        ),
    ] = False,
    jf: Annotated[
        bool, typer.Option("--jf", help="Also J, F and J&F of DAVIS and SA-V; takes longer.")
    ] = False,
    data: opt.Data = None,
) -> None:
    """Score results and compare the policies."""
    from vot_memory import reports
    from vot_memory.reports.pages import terminal

    made = reports.write_report(
        results, split, baseline, out, toolkit_compatible=toolkit_compatible, jf=jf, data=data
    )
    terminal.print_report(made, make_console())


def make_console(*, stderr: bool = False) -> "Console":
    """A console that does not wrap what goes into a file or a pipe."""
    from rich.console import Console

    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=1000, no_color=True)
