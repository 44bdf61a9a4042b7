"""Commands that score results: they declare options and print."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vot_memory import cli_options as opt

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer()


Results = Annotated[Path, typer.Option(help="Folder of results.")]
Split = Annotated[
    str | None, typer.Option(help="Name, or the folder that was run; default: all names.")
]
Baseline = Annotated[str, typer.Option(help="Policy to compare with.")]
ToolkitCompatible = Annotated[
    bool,
    typer.Option(
        "--toolkit-compatible",
        help="Measures exactly as the VOT toolkit, frame 0 included; those of boxes as the "
        "code of the data set's own benchmark (LaSOT, GOT-10k, OTB).",
    ),
]
JF = Annotated[
    bool, typer.Option("--jf", help="Also J, F and J&F of DAVIS and SA-V; takes longer.")
]


@app.command()
def report(
    split: Split = None,
    results: Results = Path("results"),
    baseline: Baseline = "fifo",
    out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("report"),
    pictures: Annotated[
        int, typer.Option(min=0, help="Videos with pictures: those where policies differ most.")
    ] = 4,
    sequence: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A video that gets pictures in any case; repeat."),
    ] = None,
    curves: Annotated[
        list[Path] | None,
        typer.Option(metavar="CSV", help="Curves of search or training to draw; repeat."),
    ] = None,
    study: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="CSV",
            help="What a study found: causal, ceilings, calibration, readings, robustness, "
            "ablation; repeat.",
        ),
    ] = None,
    formats: Annotated[str, typer.Option(help="Files of each plot.")] = "png,svg,pdf",
    page_size: Annotated[
        float,
        typer.Option(
            min=0, metavar="MB", help="Room for videos on the page; those that differ most come in."
        ),
    ] = 12,
    toolkit_compatible: ToolkitCompatible = False,
    jf: JF = False,
    data: opt.Data = None,
) -> None:
    """Score results and compare the policies on a page."""
    from vot_memory import reports
    from vot_memory.commands.track import sigterm_as_ctrl_c
    from vot_memory.reports.pages import terminal

    wanted = reports.Wanted(
        pictures=pictures,
        sequences=tuple(sequence or ()),
        curves=tuple(curves or ()),
        studies=tuple(study or ()),
        formats=tuple(part.strip() for part in formats.split(",") if part.strip()),
        room=int(page_size * 1e6),
    )
    try:
        with sigterm_as_ctrl_c(), make_console(stderr=True).status("begins") as status:
            made = reports.write_report(
                results,
                split,
                baseline,
                out,
                wanted=wanted,
                toolkit_compatible=toolkit_compatible,
                jf=jf,
                data=data,
                say=status.update,
            )
    except KeyboardInterrupt:
        typer.echo("Stopped: no report was written.", err=True)
        raise typer.Exit(130) from None
    terminal.print_report(made, make_console())


@app.command()
def show(
    sequence: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only this video: its objects and what was lost when."),
    ] = None,
    split: Split = None,
    results: Results = Path("results"),
    baseline: Baseline = "fifo",
    toolkit_compatible: ToolkitCompatible = False,
    jf: JF = False,
    data: opt.Data = None,
) -> None:
    """Print the tables of a report, or one video of it. Writes nothing."""
    from vot_memory.commands.show import gather_sequence
    from vot_memory.reports.gather import gather
    from vot_memory.reports.pages import terminal, terminal_video

    console = make_console()
    if sequence is None:
        made = gather(
            results, split, baseline, toolkit_compatible=toolkit_compatible, jf=jf, data=data
        )
        terminal.print_gathered(made, console, "vot-memory report")
        return
    made = gather_sequence(
        results, sequence, split, baseline, toolkit_compatible=toolkit_compatible, jf=jf, data=data
    )
    terminal.print_incomplete(made, console, "vot-memory report")
    for section in made.sections:
        terminal_video.print_sequence(section, sequence, console)


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="Policy, or row of the report.")],
    b: Annotated[str, typer.Argument(help="What it is compared with.")],
    split: Split = None,
    results: Results = Path("results"),
    toolkit_compatible: ToolkitCompatible = False,
    jf: JF = False,
    data: opt.Data = None,
) -> None:
    """Where does A beat B, by how much, and by what."""
    from vot_memory.commands import compare as command
    from vot_memory.reports.pages.terminal import prose
    from vot_memory.reports.pages.terminal_pair import print_comparison

    console = make_console()
    found = command.compare(
        results, a, b, split, toolkit_compatible=toolkit_compatible, jf=jf, data=data
    )
    for line in found.said:
        console.print(prose(line, console, "red"))
    for table, comparison in found.pairs:
        print_comparison(table, comparison, console)


@app.command()
def overlay(
    sequence: Annotated[str, typer.Argument(help="Its name in the split.")],
    out: Annotated[Path, typer.Option(help="Overlay: .mp4, .avi, or a new folder for pictures.")],
    policy: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Row of the report; repeat. Default: all."),
    ] = None,
    split: opt.MaybeSplit = None,
    results: Results = Path("results"),
    object_: Annotated[
        str | None, typer.Option("--object", metavar="ID", help="Only this object; default: all.")
    ] = None,
    data: opt.Data = None,
) -> None:
    """Show what policies made of a sequence, side by side."""
    from vot_memory.commands import overlay as command
    from vot_memory.progress import make_progress

    request = command.Request(
        sequence=sequence,
        out=out,
        results=results,
        split=split,
        policies=tuple(policy or ()),
        object=object_,
        data=data,
    )
    try:
        said = command.overlay(request, make_progress(make_console(stderr=True)))
    except KeyboardInterrupt as stop:
        typer.echo(stop, err=True)
        raise typer.Exit(130) from None
    for line in said:
        typer.echo(line)


def make_console(*, stderr: bool = False) -> "Console":
    """A console that does not wrap what goes into a file or a pipe."""
    from rich.console import Console

    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=1000, no_color=True)
