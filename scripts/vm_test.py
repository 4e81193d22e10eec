"""The whole program on real V4L2 devices, in an emulated machine: a webcam in, a virtual camera out, a second reader.

    python scripts/vm_test.py --vm TOOL --style NAME [--real-mask] [--clip FILE] [--out DIR] [PHASE ...]

TOOL is a program that runs a command on a kernel of its own, called as `TOOL -t SECONDS -o DIR -- COMMAND ...`: over
this machine's files, with DIR as /out, the module v4l2loopback loadable from /mods, and the kernel's test webcam,
vivid, as /dev/video0. Such a machine is slow, above all in floating point, so pictures are small and few, and the
person's mask is a stand-in, the middle of the picture, unless --real-mask asks for the real network.

The phases, all of them unless some are named: `fed` plays a clip into a device that the program takes as its webcam,
`again` does so once more, `unplugged` pulls the webcam out and puts it back while the program runs, `doctor`.
Ends with 0 when every check holds. DIR keeps the pictures that were read, the program's log and its report.
"""

import argparse
import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

WIDTH, HEIGHT, FPS = 320, 180, 5
FED, VIRTUAL, WEBCAM = "/dev/video10", "/dev/video11", "/dev/video0"
PHASES = ("fed", "again", "unplugged", "doctor")
PICTURES = 3
MIDDLE = np.s_[40:140, 110:210]
"""Where the stand-in mask sees a person."""
INSIDE, OUT = "--inside", Path("/out")
SOURCE_LEVELS = 6.0
"""Mean grey levels by which the person may differ from the source after two turns through 4:2:0 colour."""
EDGE = 25
"""Pixels about the person's outline that are left out, as the matte is soft there."""
Picture = npt.NDArray[np.uint8]
Pictures = npt.NDArray[np.uint8]
Alphas = npt.NDArray[np.float32]


def main() -> int:
    if sys.argv[1:2] == [INSIDE]:
        return inside(sys.argv[2].split(","), sys.argv[3:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vm", type=Path, required=True, help="the program that runs a command in the machine")
    parser.add_argument("--style", required=True, help="a built-in style or a picture file")
    parser.add_argument(
        "--real-mask", action="store_true", help="use the shipped mask network: minutes for each picture"
    )
    parser.add_argument("--clip", type=Path, help="play this clip instead of the synthetic one")
    parser.add_argument("--out", type=Path, help="where the results go (default: a new temporary folder)")
    parser.add_argument("phases", nargs="*", metavar="PHASE", help=f"{', '.join(PHASES)} (default: all)")
    parser.add_argument("--limit", type=int, default=1800, help="seconds after which the machine is stopped")
    options = parser.parse_args()
    if unknown := set(options.phases) - set(PHASES):
        parser.error(f"got phase {', '.join(unknown)}, expected {', '.join(PHASES)}")

    out: Path = (options.out or Path(tempfile.mkdtemp(prefix="nbst-live-vm-"))).resolve()
    out.mkdir(parents=True, exist_ok=True)
    clip = synthetic_frames() if options.clip is None else clip_frames(options.clip)
    np.save(out / "clip.npy", clip)
    write_stand_in_mask(out / "stand_in.onnx")
    mask = [] if options.real_mask else ["--mask-model", str(OUT / "stand_in.onnx")]
    command = [options.vm, "-t", str(options.limit), "-o", out, "--", sys.executable, __file__, INSIDE]
    command += [",".join(options.phases or PHASES), "--style", options.style, *mask]
    status = subprocess.run(command, check=False).returncode
    print(f"results in {out}")
    if status:
        print(f"the machine ended with {status}", file=sys.stderr)
        return status
    return judge(out, clip, true_alphas(options, len(clip)))


def synthetic_frames(count: int = 10) -> Pictures:
    from nbst_live.capture.synthetic import SyntheticClip

    clip = SyntheticClip(WIDTH, HEIGHT, count, fps=FPS)
    return np.stack([clip.frame(index) for index in range(count)])


def true_alphas(options: argparse.Namespace, count: int) -> Alphas | None:
    """Where the mask sees a person in each frame; None where only the network knows."""
    from nbst_live.capture.synthetic import SyntheticClip

    if not options.real_mask:
        alphas = np.zeros((count, HEIGHT, WIDTH), np.float32)
        alphas[(slice(None), *MIDDLE)] = 1
        return alphas
    if options.clip is not None:
        return None
    clip = SyntheticClip(WIDTH, HEIGHT, count, fps=FPS)
    return np.stack([clip.alpha(index) for index in range(count)])


def clip_frames(path: Path, count: int = 10) -> Pictures:
    capture = cv2.VideoCapture(str(path))
    frames = [cv2.resize(frame, (WIDTH, HEIGHT)) for read, frame in (capture.read() for _ in range(count)) if read]
    return np.stack(frames)


def write_stand_in_mask(path: Path) -> None:
    """A network that sees a person in the middle of every picture, and costs next to nothing."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    alpha = np.zeros((1, 1, HEIGHT, WIDTH), np.float32)
    alpha[0, 0][MIDDLE] = 1
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMin", ["picture", "axes"], ["darkest"], keepdims=1),
            helper.make_node("Mul", ["darkest", "none"], ["nothing"]),
            helper.make_node("Add", ["nothing", "person"], ["alpha"]),
        ],
        "stand-in",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, (1, 3, HEIGHT, WIDTH))],
        [helper.make_tensor_value_info("alpha", TensorProto.FLOAT, alpha.shape)],
        [
            numpy_helper.from_array(np.array([1], np.int64), "axes"),
            numpy_helper.from_array(np.zeros(1, np.float32), "none"),
            numpy_helper.from_array(alpha, "person"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def judge(out: Path, clip: Pictures, alphas: Alphas | None) -> int:
    """Prints what holds and what does not; the number of failures. `alphas` are where the person is in each frame."""
    ran = json.loads((out / "ran.json").read_text(encoding="utf-8"))
    checks = {f"{phase} ended with {status}": status == 0 for phase, status in ran.items()}
    for phase in {"fed", "again"} & ran.keys():
        pictures = [cv2.imread(str(path)) for path in sorted(out.glob(f"{phase}_*.png"))]
        whole = [picture.shape for picture in pictures] == [(HEIGHT, WIDTH, 3)] * PICTURES
        checks[f"{phase}: {PICTURES} pictures of {WIDTH}x{HEIGHT}"] = whole
        if alphas is not None:
            for index, picture in enumerate(pictures):
                checks |= judge_picture(f"{phase} {index}", picture, clip, alphas)
    if "unplugged" in ran:
        checks["pictures go on once the webcam is back"] = len(list(out.glob("unplugged_*.png"))) == PICTURES
    print("\n".join(f"{'ok  ' if holds else 'FAIL'} {check}" for check, holds in checks.items()))
    if alphas is None:
        print("where the person is in this clip is not known: look at the pictures")
    return sum(not holds for holds in checks.values())


def judge_picture(name: str, picture: Picture, clip: Pictures, alphas: Alphas) -> dict[str, bool]:
    """Whether the person is the source's and the room is not, in the frame of the clip that the picture came from."""
    from nbst_live.backdrop.privacy import RAW_LEVELS, RAW_SHARE

    kernel = np.ones((EDGE, EDGE), np.uint8)
    best = (np.inf, 1.0)
    for frame, alpha in zip(clip, alphas, strict=True):
        difference = np.abs(frame.astype(np.int16) - picture)
        within, away = cv2.erode(alpha, kernel) == 1, cv2.dilate(alpha, kernel) == 0
        raw = (difference[away] <= RAW_LEVELS).all(axis=1).mean()
        best = min(best, (float(difference[within].mean()), float(raw)))
    return {
        f"{name}: person differs by {best[0]:.1f} levels": best[0] < SOURCE_LEVELS,
        f"{name}: {best[1]:.1%} of the room is raw": best[1] <= RAW_SHARE,
    }


def inside(phases: list[str], options: list[str]) -> int:
    """Everything that happens within the machine."""
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # a device that nobody writes to yet is no news
    # As a user's modprobe would: the second device shows readers one side at a time, as browsers want.
    subprocess.run(["rmmod", "v4l2loopback"], check=True)
    module = ["video_nr=10,11", "card_label=Fed,nbst-live", "exclusive_caps=0,1"]
    subprocess.run(["insmod", "/mods/v4l2loopback.ko", *module], check=True)
    ran: dict[str, int] = {}
    with feeding(np.load(OUT / "clip.npy")):
        # Twice, for the virtual camera must be there again for the next run.
        for phase in ("fed", "again"):
            if phase in phases:
                with running(phase, FED, options, ran) as program:
                    read_pictures(phase, program)
    if "unplugged" in phases:
        with running("unplugged", WEBCAM, options, ran) as program:
            read_pictures("plugged", program)
            unplug_for(seconds=5)
            read_pictures("unplugged", program)
    if "doctor" in phases:
        ran["doctor"] = run_doctor()
    (OUT / "ran.json").write_text(json.dumps(ran), encoding="utf-8")
    return 0


def unplug_for(seconds: float) -> None:
    """Pulls the webcam out, and puts it back; returns when what was on its way before is long through."""
    driver = Path("/sys/bus/platform/drivers/vivid")
    (driver / "unbind").write_text("vivid.0")
    time.sleep(seconds)
    (driver / "bind").write_text("vivid.0")
    time.sleep(10)


def run_doctor() -> int:
    with (OUT / "doctor.txt").open("w") as log:
        command = [sys.executable, "-m", "nbst_live", "doctor"]
        return subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False).returncode


@contextlib.contextmanager
def feeding(clip: Pictures) -> Iterator[None]:
    """Plays the clip into the fed device, over and over."""
    import pyvirtualcam

    over = threading.Event()

    def feed() -> None:
        with pyvirtualcam.Camera(WIDTH, HEIGHT, FPS, fmt=pyvirtualcam.PixelFormat.BGR, device=FED) as camera:
            index = 0
            while not over.wait(1 / FPS):
                camera.send(clip[index % len(clip)])
                index += 1

    feeder = threading.Thread(target=feed, name="feeder")
    feeder.start()
    try:
        yield
    finally:
        over.set()
        feeder.join()


@contextlib.contextmanager
def running(name: str, source: str, options: list[str], ran: dict[str, int]) -> Iterator[subprocess.Popen[bytes]]:
    """The program, from its start until it is interrupted as by Ctrl-C; its exit status goes to `ran`."""
    command = [sys.executable, "-m", "nbst_live", "--input", source, "--virtual-camera", "nbst-live", *options]
    command += ["--size", f"{WIDTH}x{HEIGHT}", "--fps", str(FPS), "--threads", "2", "--provider", "cpu", "--verbose"]
    command += ["--report", str(OUT / f"{name}.json")]
    with (OUT / f"{name}.log").open("w") as log:
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield program
        finally:
            program.send_signal(signal.SIGINT)
            try:
                ran[name] = program.wait(timeout=120)
            except subprocess.TimeoutExpired:
                program.kill()
                ran[name] = program.wait()


def read_pictures(name: str, program: subprocess.Popen[bytes], patience: float = 400.0) -> None:
    """Reads pictures from the virtual camera as any other program would, and saves them; as many as come in time."""
    deadline = time.monotonic() + patience
    index = 0
    while index < PICTURES and time.monotonic() < deadline and program.poll() is None:
        camera = cv2.VideoCapture(VIRTUAL, cv2.CAP_V4L2)
        while index < PICTURES and camera.isOpened():
            read, picture = camera.read()
            if not read:
                break
            cv2.imwrite(str(OUT / f"{name}_{index}.png"), picture)
            index += 1
        camera.release()
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
