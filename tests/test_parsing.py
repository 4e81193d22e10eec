import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbst_live.errors import SettingError
from nbst_live.parsing import VGG19_LAYERS, layer, listed, number, people, weights


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
