"""The person mask: an ONNX network of the DeepLabv3+ family, run on every frame by onnxruntime."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.closing import Closable
from nbst_live.errors import MaskError, ModelError
from nbst_live.logs import first_line
from nbst_live.mask.providers import load_runtime, open_session
from nbst_live.models import ModelRecord, verify
from nbst_live.shrink import shrink
from nbst_live.stages import Alpha, Picture

WARM_UP_RUNS = 3
"""The first runs allocate and choose kernels: the first live frame should not pay for it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a network takes its picture: (height, width) in pixels, and whether the channels come last."""

    height: int
    width: int
    channels_last: bool


class OnnxMasker(Closable):
    """Runs a mask model at the shape that suits the frame's aspect ratio. For one thread at a time.

    `record` says which file, its normalisation and its input shapes; `frame_size` is (width, height) of the frames to
    come. `provider` (attribute) is the one that the session really got, `name` the model's, `size` the (width, height)
    at which the network works. Raises ModelError and ProviderError.
    """

    def __init__(
        self, record: ModelRecord, frame_size: tuple[int, int], *, provider: str = "auto", threads: int = 2
    ) -> None:
        runtime = load_runtime()
        runtime.set_default_logger_severity(3)
        width, height = frame_size
        wanted = record.size_for(height, width)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        # Spinning threads would burn the cores that the solver and the call itself need between two frames.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if wanted is not None:
            options.add_free_dimension_override_by_name("height", wanted.height)
            options.add_free_dimension_override_by_name("width", wanted.width)
        opened = open_session(verify(record), options, provider, runtime, _warm_up)
        self.name = record.name
        self.provider = opened.provider
        self.refused = opened.refused
        self._session = opened.session
        self._layout = _layout(self._session)
        self._input, self._output = self._session.get_inputs()[0].name, self._session.get_outputs()[0].name
        self._rgb = record.colour == "RGB"
        levels = np.arange(256, dtype=np.float32)[:, None] / 255
        mean, std = np.asarray(record.mean, np.float32), np.asarray(record.std, np.float32)
        self._tables = np.ascontiguousarray(((levels - mean) / std).T)
        height, width = self._layout.height, self._layout.width
        self.size = width, height
        self._planar = np.empty((1, 3, height, width), np.float32)
        self._interleaved = np.empty((1, height, width, 3), np.float32)

    def mask(self, picture: Picture) -> Alpha:
        """Alpha (h, w) float32 in [0, 1] at the network's size, of a picture stretched to it. Raises MaskError."""
        try:
            return _alpha(self._session.run([self._output], {self._input: self._prepare(picture)})[0], self._layout)
        except Exception as error:
            raise MaskError(f"the mask failed on a frame: {first_line(error)}") from error

    def close(self) -> None:
        """Frees the session."""
        self._session = None

    def _prepare(self, picture: Picture) -> npt.NDArray[np.float32]:
        """The network's input: the picture shrunk, normalised by table, the channels where the network wants them."""
        small = shrink(picture, *self.size)
        planes = cv2.split(small)[:: -1 if self._rgb else 1]
        for channel, plane in enumerate(planes):
            cv2.LUT(plane, self._tables[channel], dst=self._planar[0, channel])
        if not self._layout.channels_last:
            return self._planar
        np.copyto(self._interleaved, self._planar.transpose(0, 2, 3, 1))
        return self._interleaved


def _warm_up(session: Any) -> None:
    layout = _layout(session)
    shape = (1, layout.height, layout.width, 3) if layout.channels_last else (1, 3, layout.height, layout.width)
    for _ in range(WARM_UP_RUNS):
        outputs = session.run(None, {session.get_inputs()[0].name: np.zeros(shape, np.float32)})
        _alpha(outputs[0], layout)


def _alpha(output: Any, layout: Layout) -> Alpha:
    """The network's output as alpha (h, w) float32. Raises ValueError where it cannot be one."""
    alpha = np.asarray(output, np.float32).reshape(layout.height, layout.width)
    if not np.isfinite(alpha).all():
        raise ValueError("the network gave values that are not numbers")
    return alpha


def _layout(session: Any) -> Layout:
    """The input layout of a session whose sizes are all known by now. Raises ModelError."""
    inputs = session.get_inputs()
    shape = list(inputs[0].shape) if len(inputs) == 1 else []
    if len(shape) == 4 and 3 in (shape[1], shape[3]):
        last = shape[3] == 3
        height, width = shape[1:3] if last else shape[2:4]
        if isinstance(height, int) and isinstance(width, int) and min(height, width) > 0:
            return Layout(height, width, last)
    raise ModelError(
        f"the mask model takes {[i.shape for i in inputs]}, expected one picture of 3 channels (NCHW or NHWC) whose "
        "size the model or a JSON file beside it gives; see the card of person-fast"
    )
