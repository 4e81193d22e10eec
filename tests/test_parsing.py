from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbst_live.errors import SettingError
from nbst_live.parsing import VGG19_LAYERS, layer, listed, number, path, people, size, source, text, weights


def test_vgg19_has_16_layers_in_five_blocks():
    assert len(VGG19_LAYERS) == len(set(VGG19_LAYERS)) == 16
    assert [sum(name[4] == block for name in VGG19_LAYERS) for block in "12345"] == [2, 2, 4, 4, 4]


@given(st.sampled_from(VGG19_LAYERS))
def test_a_layer_has_three_names(name):
    block, count = name[4], name[6]
    assert layer(name) == layer(f"conv{block}_{count}") == layer(f"block{block}_conv{count}") == name


@pytest.mark.parametrize("wrong", ["", "relu", "relu1_3", "conv6_1", "block4conv2", "relu4_2 ", "blockconv", 42, None])
def test_what_is_no_layer_is_refused(wrong):
    with pytest.raises(SettingError, match="expected a layer of VGG19"):
        layer(wrong)


@given(st.lists(st.floats(0, 1e6), min_size=1).filter(any), st.sampled_from([",", ":"]))
def test_weights_come_as_text_and_as_list(values, separator):
    assert weights(separator)(separator.join(map(repr, values))) == weights(separator)(values) == tuple(values)


@pytest.mark.parametrize("wrong", ["", "1:", "1,2", "-1:2", "0:0", "a:b", [], 3, None, "nan:1"])
def test_what_are_no_weights_is_refused(wrong):
    with pytest.raises(SettingError, match="got"):
        weights(":")(wrong)


def test_a_list_may_have_spaces():
    assert listed(number(0, 9), ",")("1, 2 ,3") == (1, 2, 3)


@given(st.integers(1, 100))
def test_people_are_all_or_central_or_a_number(count):
    assert people(count) == people(str(count)) == count
    assert (people("all"), people("central")) == ("all", "central")


@pytest.mark.parametrize("wrong", ["", "none", "0", -1, True, "1.5", 101, None])
def test_any_other_people_are_refused(wrong):
    with pytest.raises(SettingError, match="expected all, central or a whole number"):
        people(wrong)


def test_numbers_of_numpy_are_numbers_but_its_truth_is_none():
    assert number(0, 9, whole=True)(np.int64(2)) == 2
    assert number(0, 1)(np.float32(0.5)) == 0.5
    assert people(np.uint8(2)) == 2
    for wrong in (np.True_, np.float32("nan"), np.int64(10)):
        with pytest.raises(SettingError, match="expected a number from 0 to 9"):
            number(0, 9)(wrong)


def test_a_path_is_as_good_as_its_text():
    assert text(Path("a/b")) == str(Path("a/b"))
    assert path(Path("~")) == path("~") == Path.home()


def test_a_camera_may_be_a_whole_number():
    assert (source(0), source("0"), source("a.mp4")) == ("0", "0", "a.mp4")
    for wrong in (True, 1.0, None, ""):
        with pytest.raises(SettingError, match="expected a text"):
            source(wrong)


def test_a_size_may_be_a_list():
    assert size([640, 480]) == size("640x480") == (640, 480)
    for wrong in ([640], [640, 480, 3], [640.0, 480], [True, 480], [8, 480]):
        with pytest.raises(SettingError, match="expected WIDTHxHEIGHT"):
            size(wrong)
