"""The commands that paint, from file to file, with the real mask and solver and few steps."""

import json
import signal
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from nbst_live import cli
from nbst_live.backdrop.privacy import RAW_LEVELS, RAW_SHARE
from nbst_live.capture.synthetic import SyntheticClip, astronaut_cutout
from nbst_live.sinks.recorder import GreyRecorder

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


def test_image_follows_the_papers_program(photo, tmp_path, capsys):
    """The whole photo is painted, the person's place too, and a binary mask pastes the person back."""
    out, matte = tmp_path / "out.png", tmp_path / "m.png"
    run("image", photo, *FEW, "--preset", "paper-code", "--style-weight", 1, "-o", out, "--mask-out", matte)
    before, after, person = cv2.imread(str(photo)), cv2.imread(str(out)), cv2.imread(str(matte), cv2.IMREAD_UNCHANGED)
    assert set(np.unique(person)) == {0, 255}
    assert (after == before)[person == 255].all()
    assert (np.abs(after.astype(int) - before).max(axis=2) > RAW_LEVELS)[person == 0].all()


def test_the_crf_moves_the_mask_a_little(photo, tmp_path):
    masks = []
    for refine in ("guided", "crf"):
        run("mask", photo, "--refine", refine, "-o", tmp_path / f"{refine}.png")
        masks.append(cv2.imread(str(tmp_path / f"{refine}.png"), cv2.IMREAD_UNCHANGED).astype(int))
    assert 0.05 < np.abs(masks[0] - masks[1]).mean() < 8


def test_a_mix_of_styles_is_another_picture_than_either(photo, tmp_path):
    mixed = ("--style", "swirl", "--style", "mosaic", "--style-mix")
    pictures = []
    for number, options in enumerate([(*mixed, "1:1"), (*mixed, "9:1"), ("--style", "swirl")]):
        run("image", photo, *options, "--steps", 10, "-o", tmp_path / f"{number}.png")
        pictures.append(cv2.imread(str(tmp_path / f"{number}.png")).astype(int))
    half, little, none = pictures
    assert np.abs(half - none).mean() > np.abs(little - none).mean() > 0


@pytest.fixture(scope="module")
def couple(tmp_path_factory) -> tuple[Path, np.ndarray]:
    """A photo of two people, the larger one left, and where the other is: bool."""
    foreground, alpha = astronaut_cutout()
    scene = np.full((400, 720, 3), (90, 120, 60), np.uint8)
    where = np.zeros((400, 720), bool)
    for x, size in ((0, 400), (420, 280)):
        person, matte = cv2.resize(foreground, (size, size)), cv2.resize(alpha, (size, size))[..., None]
        place = scene[400 - size :, x : x + size]
        place[:] = matte * person + (1 - matte) * place
        if x:
            where[400 - size :, x : x + size] = matte[..., 0] > 0.5
    path = tmp_path_factory.mktemp("couple") / "couple.png"
    cv2.imwrite(str(path), scene)
    return path, where


def test_who_does_not_stay_live_is_nowhere_in_the_picture(couple, tmp_path):
    photo, other = couple
    for people in ("all", "1"):
        run("image", photo, *FEW, "--people", people, "-o", tmp_path / f"{people}.png")
    before, everybody, one = (cv2.imread(str(f)) for f in (photo, tmp_path / "all.png", tmp_path / "1.png"))
    assert (everybody == before).all(axis=2)[other].mean() > 0.7  # the mask half misses the helmet in the hand
    assert (np.abs(one.astype(int) - before).max(axis=2) <= RAW_LEVELS)[other].mean() < 0.05
    left = np.s_[150:, 60:300]
    assert (one[left] == before[left]).all(axis=2).mean() == pytest.approx(
        (everybody[left] == before[left]).all(axis=2).mean(), abs=0.02
    )


def test_mask_leaves_out_who_does_not_stay(couple, tmp_path):
    photo, other = couple
    for people in ("all", "1"):
        run("mask", photo, "--people", people, "-o", tmp_path / f"{people}.png")
    everybody, one = (cv2.imread(str(tmp_path / f"{people}.png"), cv2.IMREAD_UNCHANGED) for people in ("all", "1"))
    assert (everybody[other] > 127).mean() > 0.9
    assert one[other].max() == 0


def test_image_takes_folders_and_photos_of_several_sizes(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number, size in enumerate([(160, 90), (90, 160)]):
        cv2.imwrite(str(folder / f"{number}.jpg"), SyntheticClip(*size, 1).frame(0))
    run("image", folder, *FEW, "-o", tmp_path / "out")
    shapes = [cv2.imread(str(tmp_path / "out" / f"{number}.png")).shape[:2] for number in range(2)]
    assert shapes == [(90, 160), (160, 90)]


def test_a_broken_photo_among_others_is_left_out_and_said(tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.jpg").write_text("not a picture")
    cv2.imwrite(str(folder / "b.jpg"), SyntheticClip(160, 90, 1).frame(0))
    assert cli.main(["image", str(folder), *FEW, "-o", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err.splitlines()
    assert ["a.jpg is not a picture" in told[0], "1 of 2 photos could not be read" in told[-1]] == [True, True]
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["b.png"]


def test_names_with_colons_are_names(clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("T12:30.mp4").write_bytes(clip.read_bytes())
    run(*FEW, "--input", "T12:30.mp4", "--record", "out:1.mkv")
    with av.open(tmp_path / "out:1.mkv") as container:
        assert container.streams.audio
    run("mask", "T12:30.mp4", "-o", "mask:1.mkv")
    assert len(pictures(tmp_path / "mask:1.mkv")) == FRAMES


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
    assert (inside & truth).sum() / (inside | truth).sum() > 0.75  # the mask half misses the helmet in the hand


def test_mask_of_a_clip_that_was_interrupted_is_whole_and_no_success(clip, tmp_path, monkeypatch):
    send = GreyRecorder.send

    def interrupted(self: GreyRecorder, *picture: object) -> None:
        send(self, *picture)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(GreyRecorder, "send", interrupted)
    assert cli.main(["mask", str(clip), "-o", str(tmp_path / "mask.mkv")]) == 130
    with av.open(tmp_path / "mask.mkv") as container:
        assert len(list(container.decode(video=0))) == 1
