"""Faults of real cameras, in the emulated machine; cameras.py has those whose times count."""

from dataclasses import dataclass
from functools import cache

from faults import Outcome, check
from faults.machine import (
    FED,
    PATIENCE,
    VIRTUAL,
    WEBCAM,
    Feed,
    Reader,
    Session,
    Streaming,
    gives_video,
    grab,
    plug_in,
    program,
    unplug,
)  # fmt: skip
from faults.vm import HEIGHT, WIDTH, vm_fault


@vm_fault("webcam-busy", "`cannot open camera 0: /dev/video0 is busy: NAME (process N) uses it; close that program`")
def webcam_busy() -> Outcome:
    with Streaming(WEBCAM), program("--input", "0") as one:
        check(one.wait(PATIENCE) == 2, f"exit status 2, got {one.process.returncode}")
        one.wait_for(r"/dev/video0 is busy: .*process \d+\) uses it; close that program")
    return Outcome()


@vm_fault("webcam-unplugged", "`camera vivid gives no pictures: ...`; the painting alone, and the picture again")
def webcam_unplugged() -> Outcome:
    source = grab(WEBCAM)
    with Session("--input", "vivid", "--lock") as session, Reader(source) as reader:
        reader.more("live")
        session.program.wait_for("--lock: the camera cannot hold exposure, white balance and focus", PATIENCE)
        reader.save("webcam_before")
        unplug()
        session.program.wait_for("camera vivid gives no pictures: there is no /dev/video0", PATIENCE)
        reader.more("hidden", 5)
        reader.save("webcam_unplugged")
        check(gives_video(VIRTUAL), "the virtual camera to stay")
        plug_in()
        reader.more("live", 5)
        session.program.wait_for("camera vivid is back", PATIENCE)
        reader.save("webcam_after")
        check(reader.sizes == {(WIDTH, HEIGHT)}, f"pictures of one size, got {reader.sizes}")
        return Outcome(raw_room_frames=reader.raw)


@dataclass(slots=True)
class Fed:
    """The program, resting when unread, with a camera that is fed from here; for several faults in a row."""

    feed: Feed
    session: Session

    def close(self) -> None:
        self.session.program.close()
        self.feed.close()
        fed.cache_clear()


@cache
def fed() -> Fed:
    """The one there is."""
    feed = Feed()
    return Fed(feed, Session("--input", FED, "--rest"))


@vm_fault("broken-jpeg", "the painting alone while all pictures are broken, then the picture again")
def broken_jpeg() -> Outcome:
    feed = fed().feed
    with Reader() as reader:
        reader.more("live")
        feed.way = "broken"
        reader.more("hidden", 5)
        reader.save("broken_jpeg")
        feed.way = "good"
        reader.more("live")
        reader.save("broken_jpeg_after")
        return Outcome(raw_room_frames=reader.raw)


@vm_fault("webcam-silent", "`camera /dev/video10 gives no pictures: ...`, the painting alone, then the picture again")
def webcam_silent() -> Outcome:
    feed, said = fed().feed, fed().session.program
    with Reader() as reader:
        reader.more("live")
        feed.way, told = "silent", len(said.lines)
        said.wait_for("camera /dev/video10 gives no pictures", PATIENCE, after=told)
        reader.more("hidden", 5)
        feed.way = "good"
        reader.more("live")
        return Outcome(raw_room_frames=reader.raw)


@vm_fault("webcam-other-size", "the picture again after a moment, of the same size as before")
def webcam_other_size() -> Outcome:
    with Reader() as reader:
        reader.more("live")
        fed().feed.close()
        reader.more("hidden", 5)
        fed().feed = Feed((WIDTH // 2, HEIGHT // 2))
        reader.more("live")
        reader.save("other_size")
        check(reader.sizes == {(WIDTH, HEIGHT)}, f"pictures of one size, got {reader.sizes}")
        return Outcome(raw_room_frames=reader.raw)
