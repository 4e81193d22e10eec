import hypothesis.strategies as st
import numpy as np
from hypothesis import given
from hypothesis.extra.numpy import arrays

from nbst_live.composite import Compositor
from nbst_live.stages import Cutout

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@st.composite
def scenes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    height, width = draw(SIZES)
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    frame, backdrop = rng.integers(0, 256, (2, height, width, 3), np.uint8)
    matte = draw(arrays(np.uint8, (height, width), elements=st.sampled_from([0, 0, 1, 127, 128, 254, 255, 255])))
    return frame, matte, backdrop


@given(scenes())
def test_the_backdrop_shows_where_alpha_is_0_and_the_frame_where_it_is_1_to_the_bit(scene):
    frame, matte, backdrop = scene
    out = Compositor(matte.shape[1], matte.shape[0]).blend(frame, Cutout.plain(frame, matte), backdrop)
    assert (out[matte == 0] == backdrop[matte == 0]).all()
    assert (out[matte == 255] == frame[matte == 255]).all()


@given(scenes())
def test_between_them_it_is_the_compositing_equation_to_one_grey_level(scene):
    frame, matte, backdrop = scene
    out = Compositor(matte.shape[1], matte.shape[0]).blend(frame, Cutout.plain(frame, matte), backdrop)
    alpha = matte[..., None] / 255
    assert np.abs(out - (alpha * frame + (1 - alpha) * backdrop)).max() <= 1


def test_it_changes_neither_the_frame_nor_the_matte_nor_the_backdrop(rng):
    frame, backdrop = rng.integers(0, 256, (2, 30, 40, 3), np.uint8)
    matte = rng.integers(0, 256, (30, 40), np.uint8)
    before = frame.copy(), matte.copy(), backdrop.copy()
    Compositor(40, 30).blend(frame, Cutout.plain(frame, matte), backdrop)
    for now, then in zip((frame, matte, backdrop), before, strict=True):
        assert (now == then).all()


def test_it_allocates_no_new_picture_for_each_frame(rng):
    frame, backdrop = rng.integers(0, 256, (2, 30, 40, 3), np.uint8)
    compositor = Compositor(40, 30)
    first = compositor.blend(frame, Cutout.plain(frame, np.full((30, 40), 200, np.uint8)), backdrop)
    assert compositor.blend(frame, Cutout.plain(frame, np.zeros((30, 40), np.uint8)), backdrop) is first


@given(scenes(), st.floats(0, 1), st.booleans())
def test_light_of_the_backdrop_falls_on_the_edge_alone(scene, light_wrap, harmonize):
    frame, matte, backdrop = scene
    compositor = Compositor(matte.shape[1], matte.shape[0], light_wrap=light_wrap, harmonize=harmonize)
    out = compositor.blend(frame, Cutout.plain(frame, matte), backdrop)
    assert (out[matte == 0] == backdrop[matte == 0]).all()
    assert (out[matte == 255] == frame[matte == 255]).all()


def test_a_bright_backdrop_lights_the_edge_and_more_light_more():
    frame, backdrop = np.zeros((40, 60, 3), np.uint8), np.full((40, 60, 3), 255, np.uint8)
    matte = np.zeros((40, 60), np.uint8)
    matte[:, :30], matte[:, 30] = 255, 128
    edges = []
    for light_wrap in (0.0, 0.3, 1.0):
        out = Compositor(60, 40, light_wrap=light_wrap).blend(frame, Cutout.plain(frame, matte), backdrop)
        edges.append(int(out[20, 30, 0]))
    assert edges[0] < edges[1] < edges[2]


def test_the_persons_own_colours_stand_at_the_edge_not_the_rooms():
    frame, backdrop = np.full((4, 4, 3), 90, np.uint8), np.zeros((4, 4, 3), np.uint8)
    matte = np.zeros((4, 4), np.uint8)
    matte[1, 1] = 51
    cutout = Cutout(matte, np.array([5]), np.array([0.2], np.float32), np.full((3, 1), 200, np.float32))
    assert (Compositor(4, 4).blend(frame, cutout, backdrop)[1, 1] == 40).all()
