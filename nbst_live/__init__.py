"""nbst-live: the person stays live, the room behind becomes a painting.

from nbst_live import BackgroundFilter

with BackgroundFilter(style="starry.jpg") as f:
    out = f(frame)
"""

from typing import TYPE_CHECKING

from nbst_live.version import __version__

if TYPE_CHECKING:
    from nbst_live.errors import NbstError as NbstError
    from nbst_live.filter import BackgroundFilter as BackgroundFilter

__all__ = ["BackgroundFilter", "NbstError", "__version__"]


def __getattr__(name: str) -> object:
    # Loaded when asked for: OpenCV and onnxruntime would make `nbst-live --help` slow.
    if name == "BackgroundFilter":
        from nbst_live.filter import BackgroundFilter

        return BackgroundFilter
    if name == "NbstError":
        from nbst_live.errors import NbstError

        return NbstError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
