import cv2
import numpy as np
import pytest

from nbst_live.capture.decoding import JpegDecoder

WHITE_NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def jpeg_of(picture):
    return cv2.imencode(".jpg", picture)[1].tobytes()


def plain(level):
    return jpeg_of(np.full((48, 64, 3), level, np.uint8))


def without_huffman_tables(jpeg):
    """As many webcams send it: they are those of the standard."""
    parts, at = [jpeg[:2]], 2
    while jpeg[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        parts += [jpeg[at:end]] if jpeg[at + 1] != 0xC4 else []
        at = end
    return b"".join([*parts, jpeg[at:]])


def memory_of(picture):
    return picture.__array_interface__["data"][0]


def test_it_gives_what_opencv_gives():
    jpeg = jpeg_of(WHITE_NOISE)
    opencv = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(JpegDecoder().decode(jpeg), opencv)


def test_a_grey_one_has_three_channels():
    assert JpegDecoder().decode(jpeg_of(WHITE_NOISE[..., 0])).shape == (48, 64, 3)


def test_what_webcams_do_wrong_is_let_pass(capfd):
    jpeg, decoder = jpeg_of(WHITE_NOISE), JpegDecoder()
    whole = decoder.decode(jpeg)
    for odd in (without_huffman_tables(jpeg), jpeg[:-2] + bytes(7) + jpeg[-2:], jpeg + bytes(1000)):
        assert odd != jpeg
        np.testing.assert_array_equal(decoder.decode(odd), whole)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("part", [slice(0), slice(2), slice(20, None), slice(-50), slice(900)])
def test_what_is_broken_is_no_picture(part):
    assert JpegDecoder().decode(jpeg_of(WHITE_NOISE)[part]) is None
    assert JpegDecoder().decode(bytes(500) + b"\xff\xd9") is None


def test_the_memory_of_a_picture_that_nobody_holds_is_used_again():
    decoder, places = JpegDecoder(), set()
    for level in range(50):
        places.add(memory_of(decoder.decode(plain(level))))
    assert len(places) == 1


@pytest.mark.parametrize("part", [np.s_[:], np.s_[5:9, :, 1], np.s_[::2, 3:]], ids=["whole", "part", "lines"])
def test_what_is_held_in_whole_or_part_stays_as_it_is(part):
    decoder = JpegDecoder()
    held = [decoder.decode(plain(10 * k))[part] for k in range(20)]
    for k, picture in enumerate(held):
        assert (picture == 10 * k).all()


def test_one_after_another_of_several_that_are_held():
    decoder, under_way, places = JpegDecoder(), [], set()
    for k in range(60):
        under_way = [*under_way[-3:], (k, decoder.decode(plain(k)))]
        places.add(memory_of(under_way[-1][1]))
        for level, picture in under_way:
            assert (picture == level).all()
    assert len(places) <= 5


def test_another_size_needs_other_memory():
    decoder = JpegDecoder()
    assert decoder.decode(plain(1)).shape == (48, 64, 3)
    assert decoder.decode(jpeg_of(np.zeros((96, 64, 3), np.uint8))).shape == (96, 64, 3)
    assert decoder.decode(plain(2)).shape == (48, 64, 3)
