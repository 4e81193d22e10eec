import cv2
import numpy as np
import pytest

from nbst_live.backdrop.cache import BackdropCache, Signature, cache_key
from nbst_live.capture.drawn_room import draw_room
from nbst_live.errors import InputError, PictureError

KNOWN = np.full((90, 160), 255, np.uint8)


@pytest.fixture
def room():
    return draw_room(160, 90)


@pytest.fixture
def painting(rng):
    return rng.integers(0, 256, (90, 160, 3), np.uint8)


@pytest.fixture
def cache(tmp_path):
    return BackdropCache(tmp_path / "cache")


def noisy(picture, rng, sigma=4.0):
    return np.clip(picture + rng.normal(0, sigma, picture.shape), 0, 255).astype(np.uint8)


def test_what_was_stored_is_found_again_to_the_bit_through_camera_noise(cache, room, painting, rng):
    cache.store("key", Signature.of(noisy(room, rng), KNOWN), painting)
    found = cache.load("key", Signature.of(noisy(room, rng), KNOWN))
    assert found is not None
    assert (found.picture == painting).all()


def test_a_person_who_sits_elsewhere_does_not_hide_the_room(cache, room, painting):
    left, right = KNOWN.copy(), KNOWN.copy()
    left[20:, 20:70], right[20:, 90:140] = 0, 0
    cache.store("key", Signature.of(cv2.copyTo(room, left), left), painting)
    assert cache.load("key", Signature.of(cv2.copyTo(room, right), right)) is not None


@pytest.mark.parametrize("other", ["mirrored", "shifted", "dark"])
def test_another_room_is_not_found(cache, room, painting, other):
    pictures = {"mirrored": room[:, ::-1].copy(), "shifted": np.roll(room, 40, axis=1), "dark": room // 3}
    cache.store("key", Signature.of(room, KNOWN), painting)
    assert cache.load("key", Signature.of(pictures[other], KNOWN)) is None


def test_another_style_is_not_found(cache, room, painting):
    cache.store("key", Signature.of(room, KNOWN), painting)
    assert cache.load("other", Signature.of(room, KNOWN)) is None


def test_the_same_room_is_stored_once_the_newest_painting(cache, room, painting, rng):
    for picture in (painting, painting[::-1].copy()):
        cache.store("key", Signature.of(noisy(room, rng), KNOWN), picture)
    assert cache.usage()[0] == 1
    assert (cache.load("key", Signature.of(room, KNOWN)).picture == painting[::-1]).all()


def test_the_oldest_go_when_it_grows_over_its_limit(tmp_path, rng):
    cache = BackdropCache(tmp_path, limit_bytes=120_000)
    rooms = rng.integers(0, 256, (4, 3, 4, 3), np.uint8)
    for number, tiny in enumerate(rooms):
        room = cv2.resize(tiny, (160, 90))
        cache.store(f"key{number}", Signature.of(room, KNOWN), rng.integers(0, 256, (90, 160, 3), np.uint8))
    pictures, size = cache.usage()
    assert size <= 120_000
    assert 1 <= pictures < 4
    assert cache.load("key3", Signature.of(cv2.resize(rooms[3], (160, 90)), KNOWN)) is not None


def test_clear_leaves_nothing(cache, room, painting, tmp_path):
    cache.store("key", Signature.of(room, KNOWN), painting)
    assert cache.clear()[0] == 1
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_room_of_which_too_little_was_seen_is_not_kept(cache, room, painting):
    little = KNOWN.copy()
    little[:, 40:] = 0
    cache.store("key", Signature.of(cv2.copyTo(room, little), little), painting)
    assert cache.usage() == (0, 0)


def test_a_painting_of_half_the_room_is_found_for_all_of_it_but_does_not_cover_it(cache, room, painting):
    half = KNOWN.copy()
    half[:, 80:] = 0
    whole = Signature.of(room, KNOWN)
    cache.store("key", Signature.of(cv2.copyTo(room, half), half), painting)
    found = cache.load("key", whole)
    assert found is not None
    assert not found.signature.covers(whole)
    assert whole.covers(found.signature)


def test_what_cannot_be_removed_is_an_error_of_ours(tmp_path):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(InputError, match="cannot be cleared: "):
        BackdropCache(tmp_path).clear()


def test_a_broken_entry_counts_as_none(cache, room, painting, tmp_path):
    cache.store("key", Signature.of(room, KNOWN), painting)
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(b"broken")
    assert cache.load("key", Signature.of(room, KNOWN)) is None


def test_the_plate_itself_is_not_on_the_disk(cache, room, painting, tmp_path):
    cache.store("key", Signature.of(room, KNOWN), painting)
    stored = sum(f.stat().st_size for f in (tmp_path / "cache").glob("*.json"))
    assert stored < room.size / 4


def test_the_key_depends_on_the_styles_bytes_and_the_settings(tmp_path):
    one, two = tmp_path / "one.jpg", tmp_path / "two.jpg"
    one.write_bytes(b"1"), two.write_bytes(b"2")
    alone = [[(one, 1.0)], [(two, 1.0)]]
    blends = [*alone, [(one, 0.5), (two, 0.5)], [(one, 0.75), (two, 0.25)], [(two, 0.5), (one, 0.5)]]
    keys = {cache_key(paintings, strength) for paintings in blends for strength in (0.5, 0.6)}
    assert len(keys) == 2 * len(blends)
    assert cache_key(blends[3], 0.6) in keys


def test_a_painting_that_is_gone_is_an_error_of_ours(tmp_path):
    with pytest.raises(PictureError, match=r"gone\.jpg cannot be read"):
        cache_key([(tmp_path / "gone.jpg", 1.0)])
