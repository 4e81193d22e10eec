"""What the user asks of the optimiser, over presets, over defaults; and layers that an encoder lacks."""

import logging
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbst_live import settings as declared
from nbst_live.app import solver_settings
from nbst_live.errors import SettingError
from nbst_live.gatys import settings as solver
from nbst_live.gatys.features import LAYERS, nearest_layer, with_nearest_layers
from nbst_live.gatys.settings import PRESETS, SolverSettings, preset
from nbst_live.parsing import VGG19_LAYERS
from nbst_live.settings import Settings


def test_the_names_are_the_same_on_both_sides():
    assert tuple(PRESETS) == declared.PRESETS
    assert get_args(solver.FeaturesName) == declared.FEATURES
    assert get_args(solver.Device) == declared.DEVICES


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_makes_settings(name):
    found = solver_settings(Settings(preset=name))
    assert all(getattr(found, field) == value for field, value in preset(name).items())


def test_without_a_preset_the_solver_has_its_own_defaults():
    found = solver_settings(Settings())
    assert found == SolverSettings(threads=found.threads)


def test_a_preset_is_a_copy():
    preset("paper-code")["steps"] = 1
    assert preset("paper-code")["steps"] == 1000


def test_an_unknown_preset_is_refused():
    with pytest.raises(SettingError, match="expected one of default, paper-formula, paper-code"):
        preset("paper")


@pytest.mark.parametrize("name", ["paper-formula", "paper-code"])
def test_the_papers_weights_are_left_as_they_are_by_the_dial(name):
    found = solver_settings(Settings(preset=name))
    assert found.alpha == found.content_weight == 1e3
    assert found.style_weight == 1e-2
    assert solver_settings(Settings(preset=name, strength=1.0)).alpha < 1e3


def test_adam_goes_the_same_way_whether_black_to_white_is_255_or_1():
    """The published program's numbers on its pixels, and the preset's on ours, take the same steps down the same J."""
    import torch

    paper = preset("paper-code")
    betas = (paper["beta1"], paper["beta2"])
    theirs, ours = torch.full((4,), 100.0), torch.full((4,), 100.0 / 255)
    scale = torch.tensor([1e-4, 1e-2, 1.0, 100.0])
    for pixels, black_to_white, rate, epsilon in (
        (theirs, 255, 5.0, 0.1),
        (ours, 1, paper["learning_rate"], paper["epsilon"]),
    ):
        pixels.requires_grad_()
        adam = torch.optim.Adam([pixels], lr=rate, betas=betas, eps=epsilon)
        for _ in range(20):
            adam.zero_grad()
            (scale * (pixels * (255 / black_to_white) - 30) ** 2 / 1000).sum().backward()
            adam.step()
    torch.testing.assert_close(ours.detach() * 255, theirs.detach(), rtol=1e-4, atol=1e-3)


@given(
    st.sampled_from(list(PRESETS)),
    st.fixed_dictionaries(
        {},
        optional={
            "content_weight": st.floats(0, 1e6),
            "style_weight": st.floats(0, 1e6),
            "content_layer": st.sampled_from(VGG19_LAYERS),
            "steps": st.integers(1, 1000),
            "learning_rate": st.floats(1e-4, 1),
            "strength": st.floats(0, 1),
            "style_scale": st.floats(0.25, 4),
            "keep_colors": st.booleans(),
            "features": st.sampled_from(["compact", "vgg19"]),
        },
    ),
)
def test_what_is_asked_for_goes_over_the_preset(name, asked):
    found, before = solver_settings(Settings(preset=name, **asked)), solver_settings(Settings(preset=name))
    for field in vars(found):
        assert getattr(found, field) == asked.get(field, getattr(before, field))


def test_layers_without_weights_count_alike():
    found = solver_settings(Settings(style_layers=("relu1_1", "relu3_1")))
    assert (found.style_layers, found.layer_weights) == (("relu1_1", "relu3_1"), (1.0, 1.0))


def test_layers_and_weights_must_be_as_many():
    with pytest.raises(SettingError, match="got 3 layer weights, expected 2"):
        solver_settings(Settings(style_layers=("relu1_1", "relu3_1"), layer_weights=(1, 2, 3)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"features": "vgg16"},
        {"loss": "mean"},
        {"start": "noise"},
        {"optimizer": "sgd"},
        {"style_scale": 0.1},
        {"beta1": 1.0},
        {"beta2": -0.1},
        {"epsilon": 0.0},
        {"content_layer": "relu9_9"},
        {"style_layers": ("conv1_1",), "layer_weights": (1.0,)},
    ],
)
def test_solver_settings_out_of_range_are_refused(wrong):
    with pytest.raises(SettingError):
        SolverSettings(**wrong)


@given(st.sampled_from(VGG19_LAYERS), st.sets(st.sampled_from(VGG19_LAYERS), min_size=1))
def test_the_nearest_layer_is_the_layer_itself_where_it_is_known(name, known):
    found = nearest_layer(name, sorted(known))
    distance = abs(VGG19_LAYERS.index(found) - VGG19_LAYERS.index(name))
    assert found in known
    assert all(distance <= abs(VGG19_LAYERS.index(other) - VGG19_LAYERS.index(name)) for other in known)
    assert (found == name) == (name in known)


def test_the_papers_content_layer_has_a_stand_in_in_the_compact_encoder_and_the_log_says_so(caplog):
    with caplog.at_level(logging.WARNING):
        found = with_nearest_layers(SolverSettings(**preset("paper-code")), LAYERS)
    assert found.content_layer == "relu5_1"
    assert "no layer relu5_2; the nearest they have, relu5_1, stands in" in caplog.text


def test_weights_of_layers_with_one_stand_in_add_up():
    asked = SolverSettings(style_layers=("relu1_1", "relu5_1", "relu5_3"), layer_weights=(1.0, 2.0, 3.0))
    found = with_nearest_layers(asked, LAYERS)
    assert (found.style_layers, found.layer_weights) == (("relu1_1", "relu5_1"), (1.0, 5.0))
