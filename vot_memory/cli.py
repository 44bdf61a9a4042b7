"""The command line: declares options and prints; what commands do stands in functions elsewhere.

Nothing heavy is imported before a command needs it, so that --help answers at once.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, cast

import typer

from vot_memory import __version__, cli_data, cli_learn, cli_report, cli_vot
from vot_memory import cli_options as opt
from vot_memory.cli_report import make_console
from vot_memory.errors import InputError

if TYPE_CHECKING:
    from vot_memory.datasets.prompts import PromptKind
    from vot_memory.results import Protocol
    from vot_memory.runner import RunReport, RunSettings

app = typer.Typer(
    name="vot-memory",
    help="What is a memory policy of a SAM 2 tracker worth?",
    epilog="Begin with: vot-memory run --policy fifo --policy first --split synth-smoke",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help answers in half the time
    pretty_exceptions_enable=False,
)
app.add_typer(cli_report.app)  # without a name: its commands stand beside ours
app.add_typer(cli_learn.app)
app.add_typer(cli_data.app, name="data")
app.add_typer(cli_vot.app, name="vot")


def main() -> None:
    """Console script: wrong input becomes one sentence and exit code 2."""
    # Threads that spin while they wait make small models 30 times slower beside any other process.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is loaded
    try:
        app()
    except InputError as error:
        sys.stderr.write(f"vot-memory: {error}\n")
        sys.exit(2)
    except OSError as error:
        if error.errno is None:  # of a library that means something else by it
            raise
        sys.stderr.write(
            f"vot-memory: {error.filename or 'A file'} cannot be read or written "
            f"({os.strerror(error.errno)}): see to its path, its rights and the space there.\n"
        )
        sys.exit(2)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vot-memory {__version__}")
        raise typer.Exit


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Version.")
    ] = False,
) -> None:
    """What is a memory policy of a SAM 2 tracker worth?"""


@app.command()
def run(
    policy: Annotated[
        list[str], typer.Option(metavar="NAME", help="Memory policy (`ls policies`); repeat.")
    ],
    split: opt.Split,
    set_: opt.Set = None,
    tracker: opt.Kind = "sam2",
    model: opt.Model = None,
    checkpoint: opt.Checkpoint = None,
    image_size: opt.ImageSize = None,
    init: opt.Init = None,
    protocol: opt.Protocol = "common",
    device: opt.Device = "auto",
    dtype: opt.Dtype = "auto",
    compile_: opt.Compile = False,
    seed: opt.Seed = 0,
    limit: opt.Limit = None,
    non_overlap: opt.NonOverlap = False,
    shard: opt.Shard = "1/1",
    out: opt.Out = Path("results"),
    data: opt.Data = None,
    threads: opt.Threads = None,
) -> None:
    """Run policies on a split; what is complete is skipped."""
    from vot_memory import runner
    from vot_memory.registry import policies_with_options

    settings = runner.RunSettings(
        policies=policies_with_options(policy, set_ or []),
        split=split,
        tracker=tracker,
        model=model,
        checkpoint=checkpoint,
        image_size=image_size,
        init=cast("PromptKind | None", init),
        protocol=cast("Protocol", protocol),
        device=device,
        dtype=dtype,
        compile=compile_,
        seed=seed,
        non_overlap=non_overlap,
        limit=limit,
        shard=shard,
        out=out,
        data=data,
        threads=threads,
    )
    report = _run(settings)
    for folder in report.folders:
        typer.echo(f"  {folder.path}")
    _end_run(report)


@app.command()
def sweep(
    policy: Annotated[str, typer.Option(metavar="NAME", help="Memory policy (`ls policies`).")],
    grid: Annotated[
        list[str], typer.Option(metavar="OPTION=VALUE,VALUE", help="Values to combine; repeat.")
    ],
    split: opt.Split,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="OPTION=VALUE",
            help="Option of all combinations, not of the defaults; repeat.",
        ),
    ] = None,
    baseline: Annotated[str, typer.Option(help="Policy that runs beside the grid.")] = "fifo",
    as_dev: Annotated[
        bool, typer.Option("--as-dev", help="The folder given as split is there to tune on.")
    ] = False,
    csv: Annotated[Path | None, typer.Option(help="Table; default: beside the results.")] = None,
    tracker: opt.Kind = "sam2",
    model: opt.Model = None,
    checkpoint: opt.Checkpoint = None,
    image_size: opt.ImageSize = None,
    init: opt.Init = None,
    device: opt.Device = "auto",
    dtype: opt.Dtype = "auto",
    compile_: opt.Compile = False,
    seed: opt.Seed = 0,
    limit: opt.Limit = None,
    non_overlap: opt.NonOverlap = False,
    shard: opt.Shard = "1/1",
    out: opt.Out = Path("results"),
    data: opt.Data = None,
    threads: opt.Threads = None,
) -> None:
    """Try all combinations of a policy's options. Refuses val and test splits."""
    from vot_memory import runner
    from vot_memory.commands import sweep as command
    from vot_memory.commands import sweep_table
    from vot_memory.registry import policies_with_options

    settings = runner.RunSettings(
        policies=policies_with_options([policy], set_ or []),
        split=split,
        tracker=tracker,
        model=model,
        checkpoint=checkpoint,
        image_size=image_size,
        init=cast("PromptKind | None", init),
        device=device,
        dtype=dtype,
        compile=compile_,
        seed=seed,
        non_overlap=non_overlap,
        limit=limit,
        shard=shard,
        out=out,
        data=data,
        threads=threads,
    )
    plan = command.plan_sweep(settings, grid, baseline, own_folder=as_dev, csv=csv)
    typer.echo(plan.announcement())
    report = _run(plan.settings)
    typer.echo(f"  {report.folders[0].path.parent}")
    if table := sweep_table.tabulate(plan, report.folders):
        sweep_table.print_table(table, make_console())
        path = sweep_table.write_csv(table, csv or sweep_table.default_csv(report.folders))
        typer.echo(f"Table: {path}")
    _end_run(report)


@app.command()
def track(
    video: Annotated[
        str,
        typer.Argument(
            help="Video file, folder of pictures, number of a camera, URL of a stream, or - for "
            "pictures from a pipe."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Overlay: .mp4, .avi, or a new folder for pictures.")
    ] = None,
    masks: Annotated[Path | None, typer.Option(help="New folder for masks as PNG.")] = None,
    json: Annotated[
        Path | None,
        typer.Option(metavar="FILE|-", help="One line of JSON a frame; - for standard output."),
    ] = None,
    json_masks: Annotated[
        bool, typer.Option("--json-masks", help="Masks in these lines, as COCO run lengths.")
    ] = False,
    box: opt.Box = None,
    mask: opt.Mask = None,
    point: opt.Point = None,
    policy: Annotated[str, typer.Option(help="Memory policy (`ls policies`).")] = "fifo",
    set_: opt.Set = None,
    model: opt.Model = "nano",
    checkpoint: opt.Checkpoint = None,
    image_size: opt.ImageSize = None,
    device: opt.Device = "auto",
    dtype: opt.Dtype = "auto",
    compile_: opt.Compile = False,
    limit: opt.FrameLimit = None,
    non_overlap: opt.NonOverlap = False,
    raw: Annotated[
        str | None,
        typer.Option(metavar="WIDTHxHEIGHT", help="The pipe carries bare RGB of that size."),
    ] = None,
    live: Annotated[
        bool | None,
        typer.Option(
            "--live/--every-frame",
            help="Drop the frames of a stream that come too fast; default: of cameras and streams "
            "without an end.",
        ),
    ] = None,
    fps: Annotated[
        float | None, typer.Option(help="Frames per second of the overlay; default: the video's.")
    ] = None,
) -> None:
    """Track objects through a video or a live stream.

    Ctrl-C is how a stream ends, and all answers are kept. A video that is stopped leaves no file.
    """
    from vot_memory.commands import track as command
    from vot_memory.progress import Silent, make_progress

    request = command.Request(
        video=video,
        out=out,
        masks=masks,
        boxes=tuple(box or ()),
        mask_files=tuple(mask or ()),
        points=tuple(point or ()),
        policy=policy,
        settings=tuple(set_ or ()),
        model=model or "nano",
        checkpoint=checkpoint,
        image_size=image_size,
        device=device,
        dtype=dtype,
        compile=compile_,
        limit=limit,
        non_overlap=non_overlap,
        json=json,
        json_masks=json_masks,
        raw=raw,
        live=live,
        fps=fps,
    )
    piped = json == Path("-")  # standard output then carries nothing else
    shared = piped and sys.stdout.isatty()  # a bar would be drawn between the lines
    progress = Silent() if shared else make_progress(make_console(stderr=True))
    try:
        outcome = command.track(request, progress)
    except KeyboardInterrupt as stop:
        typer.echo(stop, err=True)
        raise typer.Exit(130) from None
    for line in outcome.said:
        typer.echo(line, err=piped)
    if outcome.failure:
        typer.echo(f"vot-memory: {outcome.failure}", err=True)
        raise typer.Exit(1)


@app.command()
def export(
    results: Annotated[Path, typer.Argument(help="Folder of results, or of one run in it.")],
    out: Annotated[Path, typer.Argument(help="Where the masks go.")],
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            help="vos: palette PNG, as DAVIS; sav: a folder an object, as SA-V; vot: trajectories; "
            "boxes: x,y,width,height, as TrackingNet; got10k: the same in folders.",
        ),
    ] = "vos",
    split: opt.MaybeSplit = None,
    data: opt.Data = None,
) -> None:
    """Write results as files that evaluation servers take."""
    from vot_memory.commands.export_boxes import export_boxes
    from vot_memory.commands.export_masks import export_results
    from vot_memory.commands.export_vot import export_trajectories
    from vot_memory.errors import unknown

    if format_ not in (formats := ["vos", "sav", "vot", "boxes", "got10k"]):
        raise unknown("format", format_, formats)
    if format_ == "vot":
        made = export_trajectories(results, out, split, data)
    elif format_ in ("boxes", "got10k"):
        made = export_boxes(results, out, split, data, got10k=format_ == "got10k")
    else:
        made = export_results(results, out, split, data, apart=format_ == "sav")
    for written in made:
        typer.echo(f"videos: {written.sequences}, files are in {written.folder}")
        if written.overlapping:
            typer.echo(
                f"  {written.overlapping} pixels lay in several masks and went to the object with "
                "the highest number: give --format sav to keep them, or run with --non-overlap"
            )


@app.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(help="Folder with a folder of PNG masks a video.")],
    split: opt.Split,
    name: Annotated[str, typer.Option(metavar="TRACKER", help="What to call the tracker.")],
    out: opt.Out = Path("results"),
    data: opt.Data = None,
) -> None:
    """Take another tracker's masks, so that reports score them."""
    from vot_memory.commands.import_masks import import_masks

    typer.echo(import_masks(folder, split, name, out, data).summary)


@app.command("ls")
def ls(
    kind: Annotated[str, typer.Argument(help="policies, trackers, models or splits.")],
    data: opt.Data = None,
) -> None:
    """List what can be chosen by name."""
    from rich.table import Table

    from vot_memory.commands.listing import listing

    headings, rows = listing(kind, data)
    table = Table(*headings, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        table.add_row(*row)
    make_console().print(table, markup=False, highlight=False)


@app.command("check-policy")
def check_policy(
    name: Annotated[str, typer.Argument(help="Built-in, installed, or package.module:Class.")],
    set_: opt.Set = None,
) -> None:
    """Test whether a policy keeps the contract."""
    from vot_memory import contract
    from vot_memory.registry import policies_with_options

    ((_, options),) = policies_with_options([name], set_ or [])
    checks = contract.check_policy(name, options)
    for check in checks:
        typer.echo(f"{'ok    ' if check.ok else 'FAILED'} {check.name}: {check.detail}")
    raise typer.Exit(0 if all(check.ok for check in checks) else 1)


@app.command()
def verify(
    video: Annotated[Path, typer.Argument(help="Video file or folder of pictures.")],
    model: opt.Model = "nano",
    checkpoint: opt.Checkpoint = None,
    box: opt.Box = None,
    mask: opt.Mask = None,
    point: opt.Point = None,
    image_size: opt.ImageSize = None,
    device: opt.Device = "auto",
    dtype: opt.Dtype = "float32",
    compile_: opt.Compile = False,
    limit: opt.FrameLimit = None,
) -> None:
    """Compare our FIFO with sam2's own predictor. Takes your weights and video."""
    from vot_memory.commands.prompts import parse_prompts
    from vot_memory.datasets.video import open_video
    from vot_memory.verify import Started
    from vot_memory.verify import verify as compare

    opened = open_video(video)
    prompts = parse_prompts(box or [], mask or [], point or [], opened.size)
    found = compare(
        opened.frames,
        {name: Started(0, prompt) for name, prompt in prompts.items()},
        model or "nano",
        checkpoint,
        image_size=image_size,
        device=device,
        dtype=dtype,
        compile=compile_,
        limit=limit,
    )
    gap = f"{found.largest_difference:.3g}"
    if found.largest_difference:
        gap += " (object {}, frame {})".format(*found.where)
    typer.echo(f"{found.model}, frames: {found.frames}, objects: {found.objects}")
    typer.echo(f"largest difference of logits: {gap}")
    typer.echo(
        f"mask pixels that differ: {found.differing_pixels} of {found.pixels}, "
        f"{found.near_zero} of them where sam2's own logit is within {found.margin:g} of 0"
    )
    typer.echo("equal" if found.equal else "NOT equal")
    raise typer.Exit(0 if found.equal else 1)


@app.command()
def doctor(data: opt.Data = None, out: opt.Out = Path("results")) -> None:
    """Say what is found here, and what to do about the rest."""
    from vot_memory.commands import doctor as command

    findings = command.doctor(data, out)
    for finding in findings:
        typer.echo(str(finding))
    raise typer.Exit(command.exit_code(findings))


def _run(settings: "RunSettings") -> "RunReport":
    """Run with progress and say what was done; Ctrl-C ends the process with code 130."""
    from vot_memory import runner
    from vot_memory.progress import make_progress

    try:
        report = runner.run(settings, make_progress(make_console(stderr=True)))
    except KeyboardInterrupt as stop:
        typer.echo(f"\n{stop}", err=True)
        raise typer.Exit(130) from None
    typer.echo(
        f"videos: {len(report.done)} tracked, {len(report.skipped)} complete before, "
        f"{len(report.failed)} failed; results are in"
    )
    return report


def _end_run(report: "RunReport") -> NoReturn:
    """Name what failed, and exit."""
    for sequence, reason in report.failed:
        typer.echo(f"FAILED {sequence}: {reason}", err=True)
    raise typer.Exit(report.exit_code)
