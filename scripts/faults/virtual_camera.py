"""Faults of the virtual camera: its readers and its device."""

from faults import Outcome, check
from faults.machine import FED, PATIENCE, VIRTUAL, Reader, Session, gives_video, has_open, holds_for
from faults.program import wait_until
from faults.vm import HEIGHT, WIDTH, vm_fault
from faults.webcam import fed


@vm_fault("nobody-reads", "`resting: no program reads the virtual camera`; the webcam's light goes out")
def nobody_reads() -> Outcome:
    session = fed().session
    wait_until(lambda: not has_open(session.program, FED), "the camera to be let go", PATIENCE)
    check(gives_video(VIRTUAL), "the virtual camera to stay")
    return Outcome()


@vm_fault("browser-probes", "nothing: listing the cameras does not wake it")
def browser_probes() -> Outcome:
    session = fed().session
    for _ in range(5):
        check(gives_video(VIRTUAL), "the virtual camera to answer")
    holds_for(3, lambda: not has_open(session.program, FED), "the camera to stay asleep")
    return Outcome()


@vm_fault("reader-comes-back", "the picture, as soon as a program reads")
def reader_comes_back() -> Outcome:
    session = fed().session
    with Reader() as reader:
        reader.more("live")
        check(has_open(session.program, FED), "the camera in use")
        return Outcome(raw_room_frames=reader.raw)


@vm_fault("killed-while-read", "the last picture stands still; the program, started again, goes on in the same camera")
def killed_while_read() -> Outcome:
    session = fed().session
    try:
        with Reader() as reader:
            reader.more("live")
            session.program.process.kill()
            session.program.wait()
            with Session("--input", FED):
                reader.more("live")
            check(reader.sizes == {(WIDTH, HEIGHT)}, f"pictures of one size, got {reader.sizes}")
            return Outcome(raw_room_frames=reader.raw)
    finally:
        fed().close()
