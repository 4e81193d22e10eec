import numpy as np

from nbst_live.backdrop.dissolve import Dissolve, stroke_order

OLD, NEW, NEWER = (np.full((90, 160, 3), value, np.uint8) for value in (10, 200, 90))


def test_every_pixel_is_of_the_old_picture_or_the_new_one_at_every_moment():
    screen = Dissolve(OLD, seconds=1.0)
    screen.begin(NEW, now=5.0)
    shares = []
    for moment in np.linspace(5.0, 6.0, 21):
        shown = screen.advance(moment)
        assert ((shown == 10) | (shown == 200)).all()
        shares.append((shown == 200).mean())
    assert shares[0] == 0
    assert shares[-1] == 1
    assert shares == sorted(shares)
    assert 0.2 < shares[10] < 0.8


def test_after_its_time_the_new_picture_is_whole_and_the_change_is_over():
    screen = Dissolve(OLD, seconds=1.0)
    screen.begin(NEW, now=0.0)
    assert screen.busy
    assert (screen.advance(7.0) == 200).all()
    assert not screen.busy


def test_a_picture_that_comes_during_a_change_ends_it():
    screen = Dissolve(OLD, seconds=1.0)
    screen.begin(NEW, now=0.0)
    screen.advance(0.3)
    screen.begin(NEWER, now=0.3)
    assert (screen.advance(0.3) == 200).all()
    assert (screen.advance(2.0) == 90).all()


def test_it_keeps_its_own_copy_of_the_first_picture():
    first = OLD.copy()
    screen = Dissolve(first, seconds=1.0)
    screen.begin(NEW, now=0.0)
    screen.advance(2.0)
    assert (first == 10).all()


def test_strokes_cover_the_picture_and_use_the_whole_time():
    order = stroke_order(160, 90, seed=0)
    assert order.shape == (90, 160)
    assert (np.histogram(order, bins=8, range=(0, 256))[0] > 0).all()
    assert (order == stroke_order(160, 90, seed=0)).all()
