import cv2
import numpy as np
import pytest

from nbst_live.capture.decoding import decode_jpeg
from nbst_live.capture.pool import PicturePool

NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def jpeg_of(picture):
    return cv2.imencode(".jpg", picture)[1].tobytes()


def without_huffman_tables(jpeg):
    """As many webcams send it: they are those of the standard."""
    parts, at = [jpeg[:2]], 2
    while jpeg[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        parts += [jpeg[at:end]] if jpeg[at + 1] != 0xC4 else []
        at = end
    return b"".join([*parts, jpeg[at:]])


def decoded(jpeg):
    return decode_jpeg(jpeg, PicturePool())


def test_it_gives_what_opencv_gives():
    jpeg = jpeg_of(NOISE)
    opencv = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decoded(jpeg), opencv)


def test_a_grey_one_has_three_channels():
    assert decoded(jpeg_of(NOISE[..., 0])).shape == (48, 64, 3)


def test_what_webcams_do_wrong_is_let_pass(capfd):
    jpeg = jpeg_of(NOISE)
    whole = decoded(jpeg)
    for odd in (without_huffman_tables(jpeg), jpeg[:-2] + bytes(7) + jpeg[-2:], jpeg + bytes(1000)):
        assert odd != jpeg
        np.testing.assert_array_equal(decoded(odd), whole)
    assert capfd.readouterr().err == ""


def test_so_is_what_they_do_wrong_in_the_head():
    jpeg = jpeg_of(NOISE)
    whole = decoded(jpeg)
    tables, version = jpeg.index(b"\xff\xdb"), jpeg.index(b"JFIF\0") + 5
    for odd in (jpeg[:tables] + b"\0" + jpeg[tables:], jpeg[:version] + b"\3" + jpeg[version + 1 :]):
        np.testing.assert_array_equal(decoded(odd), whole)


def test_samplings_that_have_no_name_are_opencvs_to_decode():
    jpeg = bytearray(jpeg_of(NOISE))
    luma = jpeg.index(b"\xff\xc0") + 11
    for factors in (0x14, 0x42):
        jpeg[luma] = factors
        opencv = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        np.testing.assert_array_equal(decoded(bytes(jpeg)), opencv)


@pytest.mark.parametrize("part", [slice(0), slice(2), slice(20, None), slice(-50), slice(900)])
def test_what_is_broken_is_no_picture(part):
    assert decoded(jpeg_of(NOISE)[part]) is None
    assert decoded(bytes(500) + b"\xff\xd9") is None


def test_a_thumbnail_in_its_head_does_not_make_a_cut_off_picture_whole():
    jpeg, thumbnail = jpeg_of(NOISE), jpeg_of(NOISE[:8, :8])
    whole = jpeg[:2] + b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail + jpeg[2:]
    np.testing.assert_array_equal(decoded(whole), decoded(jpeg))
    for end in (-50, -len(jpeg) + 100):
        assert decoded(whole[:end]) is None


def test_a_size_that_a_broken_head_tells_is_not_believed():
    jpeg = bytearray(jpeg_of(NOISE))
    size = jpeg.find(b"\xff\xc0") + 5
    jpeg[size : size + 4] = (65500).to_bytes(2, "big") * 2
    assert decoded(bytes(jpeg)) is None


def test_it_is_held_as_long_as_anybody_looks_at_it():
    pool = PicturePool()
    held = [decode_jpeg(jpeg_of(np.full_like(NOISE, 10 * k)), pool)[k : k + 3] for k in range(20)]
    assert [int(part.mean()) for part in held] == [10 * k for k in range(20)]
