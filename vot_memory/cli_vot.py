"""The commands `vot-memory vot ...`; what they do stands in `vot_memory.commands`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from vot_memory import cli_options as opt

if TYPE_CHECKING:
    from vot_memory.datasets.prompts import PromptKind
    from vot_memory.results import Protocol

app = typer.Typer(
    help="Work with the VOT toolkit, which runs apart.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("init")
def init_workspace(
    workspace: Annotated[Path, typer.Argument(help="Folder of the workspace; made if new.")],
    policy: opt.OnePolicy,
    stack: Annotated[
        str | None, typer.Option(help="What a new workspace evaluates, such as vots2025/main.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the tracker there; default: the policy's.")
    ] = None,
    timeout: Annotated[
        int, typer.Option(help="Seconds that the toolkit waits for an answer.")
    ] = 600,
    test: Annotated[bool, typer.Option(help="Try the entry on generated videos.")] = True,
    set_: opt.Set = None,
    tracker: opt.Kind = "sam2",
    model: opt.Model = None,
    checkpoint: opt.Checkpoint = None,
    image_size: opt.ImageSize = None,
    init: opt.Init = None,
    protocol: opt.Protocol = "common",
    device: opt.Device = "auto",
    dtype: opt.Dtype = "auto",
    seed: opt.Seed = 0,
    non_overlap: opt.NonOverlap = False,
    threads: opt.Threads = None,
    compile_: opt.Compile = False,
    log: opt.LogFile = None,
) -> None:
    """Add a tracker to a workspace of the VOT toolkit, and try it."""
    from vot_memory.commands import vot_selftest, vot_workspace
    from vot_memory.trackers.vot import DEFAULT_MODEL, Choice

    choice = Choice(
        policy=policy,
        set=tuple(set_ or ()),
        tracker=tracker,
        model=model or DEFAULT_MODEL,
        checkpoint=checkpoint,
        image_size=image_size,
        init=cast("PromptKind | None", init),
        protocol=cast("Protocol", protocol),
        device=device,
        dtype=dtype,
        seed=seed,
        non_overlap=non_overlap,
        threads=threads,
        compile=compile_,
        log=log,
    )
    entry = vot_workspace.make_entry(workspace, choice, name, timeout)
    used = vot_workspace.add_tracker(workspace, entry, stack)
    typer.echo(f"[{entry.name}] is in {workspace / vot_workspace.REGISTRY}, stack {used}")
    failed = False
    for objects in (1, 3) if test else ():
        trial = vot_selftest.try_tracker(entry.command, objects, timeout)
        failed = failed or bool(trial.failure)
        for line in vot_selftest.describe(trial):
            typer.echo(line)
    if failed:
        typer.echo(f"The tracker does not work yet; its log is {entry.log}", err=True)
        raise typer.Exit(1)
    for line in vot_workspace.next_steps(workspace, entry.name, used):
        typer.echo(line)


@app.command("export")
def export(
    results: Annotated[Path, typer.Argument(help="Folder of results, or of one run in it.")],
    out: Annotated[Path, typer.Argument(help="Where trackers go, such as WORKSPACE/results.")],
    split: opt.MaybeSplit = None,
    tracker_name: Annotated[
        str | None, typer.Option(help="Name of the only run; default: its policy and key.")
    ] = None,
    experiment: opt.Experiment = "baseline",
    text: Annotated[bool, typer.Option("--text", help="Write .txt instead of .bin.")] = False,
    data: opt.Data = None,
) -> None:
    """Write results as the toolkit stores them. It can analyse and pack them then."""
    from vot_memory.commands.export_vot import export_trajectories

    made = export_trajectories(
        results, out, split, data, tracker=tracker_name, experiment=experiment, text=text
    )
    for written in made:
        typer.echo(f"videos: {written.sequences}, trajectories are in {written.folder}")
    typer.echo("Times beside them are averages over each video.")


@app.command("import")
def import_results(
    tree: Annotated[
        Path, typer.Argument(help="Workspace, its folder results, or an unpacked submission.")
    ],
    split: opt.Split,
    tracker: Annotated[
        str | None, typer.Option(help="Which of several; or what to call the only one.")
    ] = None,
    experiment: opt.Experiment = "baseline",
    out: opt.Out = Path("results"),
    data: opt.Data = None,
) -> None:
    """Take results of the toolkit, so that reports score them."""
    from vot_memory.commands.import_vot import import_trajectories

    made = import_trajectories(tree, split, out, tracker=tracker, experiment=experiment, data=data)
    for taken in made:
        typer.echo(taken.summary)
