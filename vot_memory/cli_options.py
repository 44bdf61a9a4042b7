"""Options that several commands share, each declared once."""

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[
    str | None,
    typer.Option(metavar="NAME|FILE", help="Model (`ls models`) or sam2 configuration FILE.yaml."),
]
Checkpoint = Annotated[
    Path | None, typer.Option(help="Weights: .safetensors, or .pt with a plain state dict.")
]
ImageSize = Annotated[
    int | None, typer.Option(help="Side of the model's input in pixels; default: the model's own.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
Dtype = Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")]
Compile = Annotated[
    bool, typer.Option("--compile", help="Compile the image encoder; results are kept apart.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="[POLICY.]OPTION=VALUE", help="Option of the policies; repeat."),
]
OnePolicy = Annotated[str, typer.Option("--policy", metavar="NAME", help="Policy (`ls policies`).")]
Protocol = Annotated[
    str, typer.Option(help="common: only the memory differs; release: the authors' presets.")
]
Split = Annotated[
    str, typer.Option(metavar="NAME|DIR", help="Split (`ls splits`) or folder of videos and masks.")
]
Kind = Annotated[str, typer.Option(help="Kind of tracker (`ls trackers`).")]
Init = Annotated[
    str | None,
    typer.Option(metavar="KIND", help="Prompt: mask, box or point; default: the protocol's."),
]
Seed = Annotated[int, typer.Option(help="Seed of policies that draw.")]
Limit = Annotated[int | None, typer.Option(help="Only the first so many videos.")]
FrameLimit = Annotated[int | None, typer.Option(help="Only the first so many frames.")]
Shard = Annotated[str, typer.Option(help="I/N: the I-th of N parts of the videos.")]
Out = Annotated[Path, typer.Option(help="Folder of results.")]
Data = Annotated[
    Path | None, typer.Option(help="Folder of published data sets; default: $VOT_MEMORY_DATA.")
]
Threads = Annotated[int | None, typer.Option(help="Threads of torch; default: torch's choice.")]
NonOverlap = Annotated[
    bool, typer.Option("--non-overlap", help="A pixel belongs to one object at most.")
]
LogFile = Annotated[
    Path | None, typer.Option("--log", help="File that messages and errors are added to.")
]
Box = Annotated[
    list[str] | None, typer.Option(metavar="X,Y,W,H", help="Box on the first frame, in pixels.")
]
Mask = Annotated[
    list[Path] | None, typer.Option(metavar="PNG", help="Mask; every label is an object.")
]
Point = Annotated[
    list[str] | None,
    typer.Option(metavar="X,Y[,LABEL]", help="Click; label 1 = object, 0 = not it; repeat."),
]
Videos = Annotated[
    str, typer.Argument(metavar="NAME|DIR", help="Split (`ls splits`) or folder of videos.")
]
MaybeSplit = Annotated[
    str | None,
    typer.Option("--split", metavar="NAME|DIR", help="Name, or the folder that was run."),
]
Experiment = Annotated[str, typer.Option(help="Name of the toolkit's experiment.")]
