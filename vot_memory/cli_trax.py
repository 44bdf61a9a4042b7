"""The program `vot-trax`, which the VOT toolkit starts to serve `vot_memory.trackers.vot`."""

import os
import sys
from typing import TYPE_CHECKING, cast

import typer

from vot_memory import cli_options as opt
from vot_memory.errors import InputError
from vot_memory.trackers.vot import DEFAULT_MODEL, Choice, run

if TYPE_CHECKING:
    from vot_memory.datasets.prompts import PromptKind
    from vot_memory.results import Protocol

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def vot_trax(
    policy: opt.OnePolicy,
    set_: opt.Set = None,
    tracker: opt.Kind = "sam2",
    model: opt.Model = DEFAULT_MODEL,
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
    log_file: opt.LogFile = None,
) -> None:
    """Serve a memory policy to the VOT toolkit, which starts this program itself."""
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
        log=log_file,
    )
    raise typer.Exit(run(choice))


def main() -> None:
    """Console script: wrong input before the toolkit is connected is one sentence and code 2."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in `vot_memory.cli.main`
    try:
        app()
    except InputError as error:
        sys.stderr.write(f"vot-trax: {error}\n")
        sys.exit(2)
