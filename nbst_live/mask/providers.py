"""Which execution provider runs the mask: the one asked for or the best there, and never a silent CPU.

onnxruntime builds a session on the CPU when a provider that was asked for cannot start, and only logs it. Here the
session is asked afterwards what it really got.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from nbst_live.errors import ModelError, NbstError, ProviderError
from nbst_live.logs import first_line
from nbst_live.models import ModelRecord, verify

PROVIDERS = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
"""Names of `--provider` and onnxruntime's own, the best first: the order in which `auto` tries them."""

INSTALL = (
    "pip install onnxruntime-gpu (NVIDIA), onnxruntime-directml (Windows) or onnxruntime-openvino, or use "
    "--provider auto"
)


@dataclass(frozen=True, slots=True)
class Opened:
    """A session, the short name of the provider it really got, and what was tried before it, a line each."""

    session: Any
    provider: str
    refused: tuple[str, ...] = ()


def load_runtime() -> ModuleType:
    """The module onnxruntime; only now, as that takes a fifth of a second that `--help` should not wait for. Raises
    ProviderError where there is none.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ProviderError(
            f"the mask needs onnxruntime, which cannot be loaded ({first_line(error)}): pip install 'nbst-live[cpu]', "
            "or 'nbst-live[gpu]' for an NVIDIA card"
        ) from error
    return onnxruntime


def available(runtime: ModuleType) -> list[str]:
    """Short names of the providers that this onnxruntime was built with, the best first."""
    there = runtime.get_available_providers()
    return [name for name, full in PROVIDERS.items() if full in there]


def has_gpu_provider() -> bool:
    """Whether this onnxruntime was built with any provider but the CPU's; it may still fail to start. Raises
    ProviderError.
    """
    return available(load_runtime()) != ["cpu"]


def open_session(model: Path, options: Any, asked: str, runtime: ModuleType, warm_up: Callable[[Any], None]) -> Opened:
    """Opens `model` on the provider `asked` for, or for `auto` on the best that works.

    `options` are onnxruntime's SessionOptions, `runtime` the onnxruntime module. `warm_up` runs a session, as a
    GPU's may open and then fail. Raises ProviderError when a provider that was asked for by name is not there or did
    not start, ModelError when no provider can read the file or run it, and what NbstError `warm_up` raises.
    """
    there = available(runtime)
    if asked != "auto" and asked not in there:
        raise ProviderError(
            f"--provider {asked}: this onnxruntime has only {', '.join(there) or 'no provider'}; {INSTALL}"
        )
    refused: list[str] = []
    for name in there if asked == "auto" else [asked]:
        try:
            return Opened(_start(model, options, name, runtime, warm_up), name, tuple(refused))
        except ProviderError as error:
            refused.append(str(error))
    if asked != "auto":
        raise ProviderError(f"{refused[0]}; {INSTALL}")
    raise ModelError(f"no provider can run {model}: {'; '.join(refused)}; expected an ONNX person mask")


def open_own(record: ModelRecord, threads: int, warm_up: Callable[[Any], None]) -> Any:
    """A session of one of the program's own small networks, on so many threads of the CPU: their pictures take longer
    to a GPU than they do. Raises ModelError and ProviderError.
    """
    runtime = load_runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    path = verify(record)
    try:
        return _start(path, options, "cpu", runtime, warm_up)
    except ProviderError as error:
        raise ModelError(f"{record.name} cannot be used: {error}; install nbst-live again") from error


def _start(model: Path, options: Any, name: str, runtime: ModuleType, warm_up: Callable[[Any], None]) -> Any:
    """A session that really runs on this provider; raises ProviderError."""
    try:
        session = runtime.InferenceSession(str(model), sess_options=options, providers=[PROVIDERS[name]])
    except Exception as error:
        raise ProviderError(f"{name} failed to start: {first_line(error)}") from error
    got = session.get_providers()
    if not got or got[0] != PROVIDERS[name]:
        raise ProviderError(f"{name} did not start: the session got {', '.join(got) or 'no provider'}")
    session.disable_fallback()
    try:
        warm_up(session)
    except NbstError:
        raise
    except Exception as error:
        raise ProviderError(f"{name} failed on its first picture: {first_line(error)}") from error
    return session
