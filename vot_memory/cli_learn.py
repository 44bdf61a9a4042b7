"""Commands that search and learn memory decisions: they declare options and print."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

import typer

from vot_memory import cli_options as opt
from vot_memory.cli_report import make_console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vot_memory.learn.simulator import Rules
    from vot_memory.progress import Progress

_T = TypeVar("_T")
app = typer.Typer()

Seeds = Annotated[
    list[int] | None, typer.Option("--seed", min=0, help="Seed; repeat for several. Default: 0.")
]
Video = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this video; repeat.")]
Slots = Annotated[
    int, typer.Option(min=2, max=16, help="Memories of the bank, the prompt included.")
]
Rows = Annotated[str, typer.Option(help="Temporal rows of memories: rank or offset.")]
Pointers = Annotated[str, typer.Option(help="Object pointers: recent, or of the bank.")]


@app.command("search")
def search_command(
    split: opt.Split,
    method: Annotated[
        list[str],
        typer.Option(metavar="NAME", help="beam, sgbs, mutate, random or perturb; repeat."),
    ],
    budget: Annotated[
        int, typer.Option(metavar="N", help="Forward passes for each object, method and seed.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of what is found.")],
    seed: Seeds = None,
    video: Video = None,
    slots: Slots = 7,
    rows: Rows = "rank",
    pointers: Pointers = "recent",
    model: opt.Model = None,
    checkpoint: opt.Checkpoint = None,
    image_size: opt.ImageSize = None,
    device: opt.Device = "auto",
    dtype: opt.Dtype = "auto",
    batch: Annotated[int, typer.Option(min=1, help="Rows of one forward pass.")] = 8,
    limit: opt.Limit = None,
    shard: opt.Shard = "1/1",
    data: opt.Data = None,
    threads: opt.Threads = None,
) -> None:
    """Search for the best memory decisions by ground truth.

    What is found tells how much a policy could gain. It is no tracker: it saw the answers. Play
    it by `run --policy replay --set file=OUT/replay.json`, draw it by `report --curves
    OUT/curves.csv`.
    """
    from vot_memory.learn.search.run import SearchSettings, run_search
    from vot_memory.runner import use_threads

    settings = SearchSettings(
        split=split,
        methods=tuple(dict.fromkeys(method)),
        budget=budget,
        out=out,
        seeds=tuple(dict.fromkeys(seed or [0])),
        videos=tuple(video or ()),
        limit=limit,
        shard=shard,
        model=model,
        checkpoint=checkpoint,
        rules=_rules(slots, rows, pointers),
        batch=batch,
        data=data,
        image_size=image_size,
        device=device,
        dtype=dtype,
    )
    use_threads(threads)
    with _told() as progress:
        report = run_search(settings, progress)
    typer.echo(
        f"searches: {len(report.done)} done, {len(report.skipped)} complete before, "
        f"{len(report.failed)} failed; files are in {out}"
    )
    for name, reason in report.failed:
        typer.echo(f"FAILED {name}: {reason}", err=True)
    raise typer.Exit(report.exit_code)


@app.command()
def train(
    method: Annotated[
        str, typer.Option(help="ppo: an agent a video, as SAM2RL; imitate: one for all videos.")
    ],
    split: opt.Split,
    out: Annotated[Path, typer.Option(help="Folder of what is trained.")],
    iterations: Annotated[
        int | None, typer.Option(min=1, help="ppo: updates of the agent. Default: 150.")
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=1, help="ppo: decisions an iteration. Default: 16000.")
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option(min=1e-9, help="Learning rate. Default: 0.0025 (ppo), 0.002 (imitate)."),
    ] = None,
    dev: Annotated[
        str | None,
        typer.Option(metavar="SPLIT", help="imitate: chooses the round. Default: synth-dev."),
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="imitate: rounds of labels. Default: 5.")
    ] = None,
    visits: Annotated[
        int | None, typer.Option(min=1, help="imitate: videos of a round. Default: 128.")
    ] = None,
    finetune: Annotated[
        int | None,
        typer.Option(min=0, help="imitate: updates by returns, after the rounds. Default: 0."),
    ] = None,
    seed: Seeds = None,
    video: Video = None,
    slots: Slots = 7,
    rows: Rows = "rank",
    pointers: Pointers = "recent",
    model: opt.Model = None,
    checkpoint: opt.Checkpoint = None,
    image_size: opt.ImageSize = None,
    device: opt.Device = "auto",
    dtype: opt.Dtype = "auto",
    limit: opt.Limit = None,
    shard: opt.Shard = "1/1",
    data: opt.Data = None,
    threads: opt.Threads = None,
) -> None:
    """Train memory policies on videos with ground truth.

    What is interrupted goes on by the same command.
    """
    from vot_memory.learn.train import TrainSettings, run_training
    from vot_memory.runner import use_threads

    settings = TrainSettings(
        method=method,
        split=split,
        out=out,
        iterations=iterations,
        samples=samples,
        lr=lr,
        dev=dev,
        rounds=rounds,
        visits=visits,
        finetune=finetune,
        seeds=tuple(dict.fromkeys(seed or [0])),
        videos=tuple(video or ()),
        limit=limit,
        shard=shard,
        rules=_rules(slots, rows, pointers),
        model=model,
        checkpoint=checkpoint,
        image_size=image_size,
        device=device,
        dtype=dtype,
        data=data,
    )
    use_threads(threads)
    with _told() as progress:
        results = run_training(settings, progress)
    for result in results:
        typer.echo(result)


@app.command()
def study(
    name: Annotated[
        str,
        typer.Argument(
            help="ceilings: what knowing more would bring; causal: by which bound to store frames, "
            "for ceilings; calibration: how often search finds the "
            "optimum of short windows; readings: ranks or offsets, bank or recent pointers; "
            "robustness: what was found, on a changed video; ablation: a learned policy without "
            "each group of its features."
        ),
    ],
    split: opt.Split,
    out: Annotated[Path, typer.Option(metavar="CSV", help="Table; videos in it are skipped.")],
    found: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What search found: its replay.json.")
    ] = None,
    trained: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="ablation: folder of train --method imitate."),
    ] = None,
    policy: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="ceilings: deployed policies; repeat.")
    ] = None,
    bound: Annotated[
        float | None,
        typer.Option(
            help="ceilings: the causal rule stores frames with more overlap. Default: 0.5."
        ),
    ] = None,
    absent: Annotated[
        bool, typer.Option("--absent", help="ceilings: it also stores frames rightly left empty.")
    ] = False,
    method: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="calibration (repeat), readings: method of search. Default: mutate.",
        ),
    ] = None,
    budget: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N",
            help="calibration (repeat), readings: its forward passes. Default: 2000.",
        ),
    ] = None,
    seed: Annotated[
        list[int] | None,
        typer.Option(min=0, help="calibration (repeat), readings: its seed. Default: 0."),
    ] = None,
    video: Video = None,
    model: opt.Model = None,
    checkpoint: opt.Checkpoint = None,
    image_size: opt.ImageSize = None,
    device: opt.Device = "auto",
    dtype: opt.Dtype = "auto",
    limit: opt.Limit = None,
    shard: opt.Shard = "1/1",
    data: opt.Data = None,
    threads: opt.Threads = None,
) -> None:
    """Study what memory decisions are worth, video by video.

    Draw the tables by `report --study CSV`.
    """
    from vot_memory.learn.studies.run import run_study
    from vot_memory.learn.studies.settings import StudySettings
    from vot_memory.runner import use_threads

    settings = StudySettings(
        name=name,
        split=split,
        out=out,
        found=found,
        trained=trained,
        policies=_each(policy),
        bound=bound,
        absent=absent or None,
        methods=_each(method),
        budgets=_each(budget),
        seeds=_each(seed),
        videos=tuple(video or ()),
        limit=limit,
        shard=shard,
        model=model,
        checkpoint=checkpoint,
        image_size=image_size,
        device=device,
        dtype=dtype,
        data=data,
    )
    use_threads(threads)
    try:
        typer.echo(f"Table: {run_study(settings, typer.echo)}")
    except KeyboardInterrupt:
        typer.echo("Stopped: give the same command again to go on.", err=True)
        raise typer.Exit(130) from None


def _each(given: list[_T] | None) -> tuple[_T, ...] | None:
    """What was named, each once; None if nothing was."""
    return tuple(dict.fromkeys(given)) if given else None


def _rules(slots: int, rows: str, pointers: str) -> "Rules":
    from vot_memory.learn.simulator import Rules

    return Rules(slots, cast("Any", rows), cast("Any", pointers))


@contextmanager
def _told() -> "Iterator[Progress]":
    """Progress on standard error; Ctrl-C says how to go on and ends with code 130."""
    from vot_memory.progress import make_progress

    try:
        yield make_progress(make_console(stderr=True))
    except KeyboardInterrupt as stop:
        typer.echo(str(stop) or "Stopped: give the same command again to go on.", err=True)
        raise typer.Exit(130) from None
