"""`vot-trax`: any memory policy as a tracker that the VOT toolkit can start.

The toolkit starts this program, a new one for each video, and talks with it by TraX: it sends the
path of every picture and the regions of objects that begin there, and takes a region for every
object. TraX uses this process's standard output, so whatever else is printed goes to standard
error, which the toolkit keeps in its log of a failure.

Weights are loaded when the first video begins: by then the toolkit is connected, and can be told
why something fails. A first frame is answered after it was tracked, so that the times which the
toolkit keeps of later frames are those of tracking alone.
"""

from __future__ import annotations

import contextlib
import logging
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from vot_memory.datasets.prompts import Prompt, PromptKind, prompt_from_truth
from vot_memory.datasets.rle import decode, encode
from vot_memory.datasets.sequence import NO_BOX, ObjectTrack, bounding_box, has_area
from vot_memory.datasets.vot_regions import Polygon, rle_of_region
from vot_memory.errors import InputError, described, unknown

if TYPE_CHECKING:
    from vot_memory.backbone import Backbone
    from vot_memory.policy import MemoryPolicy
    from vot_memory.results import Protocol
    from vot_memory.tracking import Answer, Tracker

Located = tuple[Any, dict[str, str]]  # a TraX region and its properties
DEFAULT_MODEL = "sam2.1-l"
INSTALL = "pip install vot-trax"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Choice:
    """Which tracker is served; the words are those of its command line.

    Attributes:
        policy: name. set: "option=value" of it. tracker: kind of tracker.
        model, checkpoint, image_size, device, dtype, compile: as `vot_memory.models.load_model`
            takes them.
        init: what objects begin with; None takes what the toolkit sends, mask or box, or in
            protocol release the policy's preset. A box that the toolkit sends stays a box.
        protocol: common or release. seed: of policies that draw.
        non_overlap: give every pixel to one object. threads: of torch.
        log: file that messages are added to, besides standard error.
    """

    policy: str
    set: tuple[str, ...] = ()
    tracker: str = "sam2"
    model: str = DEFAULT_MODEL
    checkpoint: Path | None = None
    image_size: int | None = None
    init: PromptKind | None = None
    protocol: Protocol = "common"
    device: str = "auto"
    dtype: str = "auto"
    seed: int = 0
    non_overlap: bool = False
    threads: int | None = None
    compile: bool = False
    log: Path | None = None

    def __post_init__(self) -> None:
        from vot_memory.results import Protocol

        for kind, value, known in (
            ("protocol", self.protocol, get_args(Protocol)),
            ("prompt", self.init or "mask", get_args(PromptKind)),
        ):
            if value not in known:
                raise unknown(kind, value, known)

    def words(self) -> list[str]:
        """The options that say this on a command line; defaults are left out."""
        words: list[str] = []
        for field in fields(self):
            value, option = getattr(self, field.name), "--" + field.name.replace("_", "-")
            if value is True:
                words.append(option)
            elif field.name == "set":
                words += [word for setting in value for word in (option, setting)]
            elif value != field.default:
                words += [option, str(value)]
        return words


class Model:
    """Policy and weights, loaded once for all videos of the process."""

    def __init__(self, choice: Choice) -> None:
        import torch

        from vot_memory.models import load_model
        from vot_memory.registry import policies_with_options, seeded_policy, tracker_class

        self.choice = choice
        self._hosting = tracker_class(choice.tracker)
        ((name, options),) = policies_with_options([choice.policy], choice.set)
        self.policy: MemoryPolicy = seeded_policy(name, options, choice.seed)
        if choice.threads is not None:
            torch.set_num_threads(choice.threads)
        self.backbone: Backbone = load_model(
            choice.model,
            choice.checkpoint,
            device=choice.device,
            dtype=choice.dtype,
            image_size=choice.image_size,
            compile=choice.compile,
        )

    def begin(self, video: str, *, boxes: bool) -> tuple[Tracker, PromptKind]:
        """A tracker at the beginning of a video, and what its objects begin with."""
        from vot_memory.tracking import Tracker

        choice = self.choice
        init = "box" if boxes else choice.init
        keep = choice.dtype != "auto"
        hosted = self._hosting(self.backbone, choice.protocol, init, keep_dtype=keep).host(
            self.policy
        )
        tracker = Tracker(
            hosted.engine, self.policy, non_overlap=choice.non_overlap, sequence=video
        )
        return tracker, hosted.prompt


class Video:
    """One video under one tracker: paths and regions in, regions out.

    Args:
        model: policy and weights.
        first: path of the first picture.
        regions: the first regions of its objects, in the order of the toolkit's queries.
    """

    def __init__(self, model: Model, first: Path, regions: Sequence[Located]) -> None:
        self.name = first.parents[1].name  # VIDEO/color/00000001.jpg
        self._tracker, self._kind = model.begin(
            self.name, boxes=any(region.type == "rectangle" for region, _ in regions)
        )
        self._boxed: dict[str, bool] = {}  # by object: it is answered by boxes

    def track(self, path: Path, regions: Sequence[Located]) -> list[Located]:
        """Regions of all objects begun by now on the next picture.

        Args:
            path: the picture.
            regions: first regions of objects that begin here.
        """
        from vot_memory.datasets.pictures import read_picture

        picture = read_picture(path)
        size = picture.shape[0], picture.shape[1]
        prompts: dict[str, Prompt] = {}
        for region, _ in regions:
            name = str(len(self._boxed) + 1)
            self._boxed[name] = region.type == "rectangle"
            if (prompt := first_prompt(name, region, self._kind, size)) is not None:
                prompts[name] = prompt
            else:
                log.warning("%s: object %s begins empty, so it is never seen", self.name, name)
        answer = self._tracker.track(picture, prompts or None)
        return [self._region(name, answer, size) for name in self._boxed]

    def _region(self, name: str, answer: Answer, size: tuple[int, int]) -> Located:
        if name not in answer.objects:
            return to_region(np.zeros(size, np.bool_), box=self._boxed[name]), {}
        index = answer.objects.index(name)
        presence = math.tanh(float(answer.object_score[index]) / 2)
        properties = {"confidence": (1 + presence) / 2}  # the sigmoid of the score
        predicted_iou = float(answer.ious[index, answer.chosen[index]])
        if not math.isnan(predicted_iou):
            properties["predicted_iou"] = predicted_iou
        region = to_region(answer.masks[index], box=self._boxed[name])
        return region, {key: f"{value:.6f}" for key, value in properties.items()}


def first_prompt(name: str, region: Any, kind: PromptKind, size: tuple[int, int]) -> Prompt | None:
    """The prompt of an object from its first TraX region, or None where that is empty.

    Made as a run on the same ground truth makes it.

    Args:
        name: of the object.
        region: a mask, which the toolkit crops to the object, a polygon or a rectangle.
        kind: what to make of a mask; a polygon is drawn as one.
        size: (height, width) of the picture.
    """
    if region.type == "rectangle":
        box = region.bounds()
        if not has_area(box):
            return None
        track = ObjectTrack(name, 0, (None,), (box,))
    else:
        mask = to_mask(region, size)
        if not mask.any():
            return None
        track = ObjectTrack(name, 0, (encode(mask),))
    return prompt_from_truth(track, kind, size)


def to_mask(region: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    """A TraX mask, which is cropped, or polygon on a picture of (height, width): bool [H, W]."""
    if region.type == "polygon":
        return decode(rle_of_region(Polygon(tuple(region)), size))
    crop = region.array() != 0
    x, y = region.offset()
    top, left = max(y, 0), max(x, 0)
    whole = np.zeros(size, np.bool_)
    inside = crop[top - y : size[0] - y, left - x : size[1] - x]
    whole[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return whole


def to_region(mask: NDArray[np.bool_], *, box: bool) -> Any:
    """A mask [H, W] as TraX mask or as its tight box; all zeros mean that the object is absent."""
    from trax import Mask, Rectangle

    if not box:
        return Mask.create(np.ascontiguousarray(mask, dtype=np.uint8))
    return Rectangle.create(*(bounding_box(mask) or NO_BOX))


def serve(server: Any, choice: Choice) -> None:
    """Answer a connected TraX server's requests until the toolkit says goodbye.

    Raises:
        InputError: names, options, weights, pictures or first regions that do not exist or fit.
    """
    model: Model | None = None
    video: Video | None = None
    while (request := server.wait()).type != "quit":
        path, regions = Path(request.image["color"].path()), request.objects or []
        if request.type == "initialize":
            model = model or Model(choice)
            video = Video(model, path, regions)
            log.info("%s: objects: %d, %s", video.name, len(regions), _describe(model))
        if video is None:
            raise InputError("The toolkit sent a frame before any first frame: update vot-trax.")
        server.status(video.track(path, regions))


def connect() -> Any:
    """Shake hands with the toolkit that started this process.

    Raises:
        InputError: vot-trax is not installed.
    """
    try:
        import trax
    except ImportError as error:
        raise InputError(
            f"vot-trax, which talks to the VOT toolkit, cannot be imported here: {INSTALL}."
        ) from error
    # Polygons too, since TraX would convert them to masks, which 4.0.2 does wrongly.
    regions = [trax.Region.MASK, trax.Region.POLYGON, trax.Region.RECTANGLE]
    # Not the metadata key "vot": with it the toolkit starts the program twice for every video.
    return trax.Server(
        regions, [trax.Image.PATH], ["color"], tracker_name="vot-memory", multiobject=True
    )


def run(choice: Choice) -> int:
    """Serve until the toolkit ends it; the exit code. What goes wrong is told to the toolkit."""
    server = connect()
    try:
        _log_to(choice.log)
        with contextlib.redirect_stdout(sys.stderr):
            serve(server, choice)
    except Exception as error:
        expected = isinstance(error, InputError)
        reason = str(error) if expected else described(error)
        log.error(reason, exc_info=not expected or error.__cause__ is not None)
        server.quit(" ".join(reason.split()))
        return 1
    return 0


def _describe(model: Model) -> str:
    said = f"policy {model.policy.name}, model {model.backbone.name}"
    if model.policy.spec.offline:
        said += ", offline policy: its answers of the moment count, not the revised ones"
    return said


def _log_to(file: Path | None) -> None:
    """Messages go to standard error and, with times, to a file."""
    log.setLevel(logging.INFO)
    log.addHandler(logging.StreamHandler(sys.stderr))
    if file is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            handler = logging.FileHandler(file, encoding="utf-8")
        except OSError as error:
            raise InputError(f"{file} cannot be written as log ({error.strerror}).") from error
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        log.addHandler(handler)
