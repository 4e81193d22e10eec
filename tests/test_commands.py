"""The commands that paint, from file to file, with the real mask and solver and few steps."""

import json
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from nbst_live import cli
from nbst_live.backdrop.privacy import RAW_LEVELS, RAW_SHARE
from nbst_live.capture.synthetic import SyntheticClip, astronaut_cutout

FRAMES, RATE = 24, 48000
CLIP = SyntheticClip(320, 180, FRAMES)
FEW = ("--style", "swirl", "--steps", "10")


def run(*arguments: object) -> None:
    assert cli.main([str(argument) for argument in arguments]) == 0


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """A person in a room, with a tone."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with av.open(path, "w") as container:
        video, sound = container.add_stream("libx264", 30, {"crf": "10"}), container.add_stream("aac", RATE)
        video.width, video.height, video.pix_fmt, sound.layout = 320, 180, "yuv420p", "mono"
        for index in range(FRAMES):
            container.mux(video.encode(av.VideoFrame.from_ndarray(CLIP.frame(index), format="bgr24")))
        tone = 0.3 * np.sin(np.arange(RATE * FRAMES // 30) * 2 * np.pi * 440 / RATE)
        frame = av.AudioFrame.from_ndarray(tone[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
        container.mux(sound.encode(frame))
        container.mux(video.encode())
        container.mux(sound.encode())
    return path


def pictures(path: Path) -> list[np.ndarray]:
    with av.open(path) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def rendered(clip, tmp_path_factory) -> tuple[list[np.ndarray], dict, Path]:
    out, report = tmp_path_factory.mktemp("rendered") / "out.mp4", tmp_path_factory.mktemp("rendered") / "r.json"
    run(*FEW, "--input", clip, "--record", out, "--report", report)
    return pictures(out), json.loads(report.read_text()), out


def test_every_frame_of_a_clip_is_rendered_the_person_live_the_room_painted(rendered):
    frames, report, _ = rendered
    assert len(frames) == report["frames"]["in"] == report["frames"]["out"] == FRAMES
    assert report["frames"]["with_person"] == FRAMES
    assert report["solver"]["steps"] >= 5
    for index, frame in enumerate(frames):
        source, alpha = CLIP.frame(index).astype(int), CLIP.alpha(index)
        inside = cv2.erode(alpha, np.ones((9, 9))) == 1
        assert np.median(np.abs(frame - source).max(axis=2)[inside]) < 12
        near = np.abs(frame - source).max(axis=2) <= RAW_LEVELS
        assert near[alpha == 0].mean() < 3 * RAW_SHARE, "a share of chance is the encoder's"


def test_the_clips_own_sound_comes_along(rendered):
    with av.open(rendered[2]) as container:
        sound = container.streams.audio[0]
        samples = sum(frame.samples for frame in container.decode(sound))
    assert samples / RATE == pytest.approx(FRAMES / 30, abs=0.05)


def test_the_same_seed_gives_the_same_clip(rendered, clip, tmp_path):
    run(*FEW, "--input", clip, "--record", tmp_path / "again.mp4")
    again = pictures(tmp_path / "again.mp4")
    assert all((one == other).all() for one, other in zip(rendered[0], again, strict=True))


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    cv2.imwrite(str(path), SyntheticClip(480, 270, 1).frame(0))
    return path


def test_image_paints_behind_the_person_and_writes_matte_and_trace(photo, tmp_path):
    run("image", photo, *FEW, "-o", tmp_path / "out.png", "--mask-out", tmp_path / "m.png", "--trace", tmp_path / "t")
    before, after = cv2.imread(str(photo)), cv2.imread(str(tmp_path / "out.png"))
    matte = cv2.imread(str(tmp_path / "m.png"), cv2.IMREAD_UNCHANGED)
    assert after.shape == before.shape
    assert matte.shape == before.shape[:2]
    assert (after == before)[matte == 255].all()
    assert (np.abs(after.astype(int) - before).max(axis=2) <= RAW_LEVELS)[matte == 0].mean() < RAW_SHARE
    rows = (tmp_path / "t" / "loss.csv").read_text().splitlines()
    assert rows[0] == "step,seconds,total,content,style"
    assert len(rows) > 5
    assert cv2.imread(str(tmp_path / "t" / "loss.png")) is not None
    assert list((tmp_path / "t").glob("step-*.png"))


def test_image_takes_folders_and_photos_of_several_sizes(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number, size in enumerate([(160, 90), (90, 160)]):
        cv2.imwrite(str(folder / f"{number}.jpg"), SyntheticClip(*size, 1).frame(0))
    run("image", folder, *FEW, "-o", tmp_path / "out")
    shapes = [cv2.imread(str(tmp_path / "out" / f"{number}.png")).shape[:2] for number in range(2)]
    assert shapes == [(90, 160), (160, 90)]


def test_mask_of_a_photo_is_grey_of_its_own_size_and_finds_the_person(tmp_path):
    foreground, alpha = astronaut_cutout()
    scene = (alpha[..., None] * foreground + (1 - alpha[..., None]) * (90, 120, 60)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "photo.png"), scene)
    run("mask", tmp_path / "photo.png", "-o", tmp_path / "mask.png")
    mask = cv2.imread(str(tmp_path / "mask.png"), cv2.IMREAD_UNCHANGED)
    assert mask.dtype == np.uint8
    assert mask.shape == alpha.shape
    inside, truth = mask > 127, alpha > 0.5
    assert (inside & truth).sum() / (inside | truth).sum() > 0.85


def test_mask_of_a_clip_is_lossless_grey_video(clip, tmp_path):
    run("mask", clip, "-o", tmp_path / "mask.mkv")
    with av.open(tmp_path / "mask.mkv") as container:
        assert container.streams.video[0].codec_context.name == "ffv1"
        masks = [frame.to_ndarray() for frame in container.decode(video=0)]
    assert len(masks) == FRAMES
    truth = CLIP.alpha(10) > 0.5
    inside = masks[10] > 127
    assert (inside & truth).sum() / (inside | truth).sum() > 0.85
