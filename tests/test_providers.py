import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from nbst_live import models
from nbst_live.errors import ModelError, ProviderError
from nbst_live.mask.providers import PROVIDERS, available, has_gpu_provider, open_own, open_session

MODEL = Path("person.onnx")
CPU, CUDA, TENSORRT = PROVIDERS["cpu"], PROVIDERS["cuda"], PROVIDERS["tensorrt"]


class FakeRuntime(SimpleNamespace):
    """An onnxruntime with these providers, of which some raise, and some quietly give the CPU."""

    def __init__(self, there, raising=(), quiet=()):
        super().__init__(there=there, raising=raising, quiet=quiet, tried=[])

    def get_available_providers(self):
        return self.there

    def InferenceSession(self, path, sess_options, providers):  # noqa: N802 - onnxruntime's name
        (provider,) = providers
        self.tried.append(provider)
        if provider in self.raising:
            raise RuntimeError(f"{provider}: libnvinfer.so.10: cannot open shared object file\nsecond line")
        got = [CPU] if provider in self.quiet else [provider, CPU]
        return SimpleNamespace(get_providers=lambda: got, disable_fallback=lambda: None)


def open_on(runtime, asked="auto", warm_up=lambda _: None):
    return open_session(MODEL, None, asked, runtime, warm_up)


def test_auto_takes_the_best_that_works():
    runtime = FakeRuntime([CPU, CUDA, TENSORRT])
    assert available(runtime) == ["tensorrt", "cuda", "cpu"]
    assert open_on(runtime).provider == "tensorrt"


def test_auto_goes_on_to_the_next_and_says_what_was_refused():
    opened = open_on(FakeRuntime([TENSORRT, CUDA, CPU], raising=[TENSORRT], quiet=[CUDA]))
    assert opened.provider == "cpu"
    assert [line.split()[0] for line in opened.refused] == ["tensorrt", "cuda"]
    assert "libnvinfer.so.10" in opened.refused[0]
    assert "\n" not in opened.refused[0]


def test_whatever_needs_the_runtime_says_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    for needs in (has_gpu_provider, lambda: open_own(models.find("edge-alpha"), 1, lambda _: None)):
        with pytest.raises(ProviderError, match=r"cannot be loaded .*: pip install 'nbst-live\[cpu\]'"):
            needs()


def test_a_provider_that_opens_and_fails_on_its_first_picture_is_refused_too():
    def warm_up(session):
        if session.get_providers()[0] == CUDA:
            raise RuntimeError("CUDNN_STATUS_EXECUTION_FAILED\nat conv.cc")

    opened = open_on(FakeRuntime([CUDA, CPU]), warm_up=warm_up)
    assert opened.provider == "cpu"
    assert opened.refused == ("cuda failed on its first picture: CUDNN_STATUS_EXECUTION_FAILED",)
    with pytest.raises(ProviderError, match="cuda failed on its first picture"):
        open_on(FakeRuntime([CUDA, CPU]), "cuda", warm_up)


def test_a_model_that_is_no_mask_is_no_providers_fault():
    def warm_up(_):
        raise ModelError("takes two pictures")

    with pytest.raises(ModelError, match="takes two pictures"):
        open_on(FakeRuntime([CUDA, CPU]), warm_up=warm_up)


def test_a_provider_asked_for_by_name_that_is_not_there_is_an_error():
    runtime = FakeRuntime([CPU])
    with pytest.raises(ProviderError, match=r"--provider cuda: this onnxruntime has only cpu; pip install"):
        open_on(runtime, "cuda")
    assert runtime.tried == []


def test_a_provider_asked_for_by_name_that_fails_is_an_error_with_its_reason():
    with pytest.raises(ProviderError, match=r"cuda failed to start: .*libnvinfer"):
        open_on(FakeRuntime([CUDA, CPU], raising=[CUDA]), "cuda")


def test_a_provider_asked_for_by_name_is_never_silently_the_cpu():
    runtime = FakeRuntime([CUDA, CPU], quiet=[CUDA])
    with pytest.raises(ProviderError, match="cuda did not start: the session got CPUExecutionProvider"):
        open_on(runtime, "cuda")
    assert runtime.tried == [CUDA]


def test_when_nothing_can_read_the_model_it_is_the_models_fault():
    with pytest.raises(ModelError, match=r"no provider can run person\.onnx"):
        open_on(FakeRuntime([CPU], raising=[CPU]))
