"""The person leaves no colour: who stands there in a red coat or a grey one makes no difference to the painted room."""

import cv2
import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from nbst_live.backdrop.plate import Plate, fill
from nbst_live.capture.drawn_room import draw_room
from nbst_live.gatys.features import load_encoder
from nbst_live.gatys.settings import SolverSettings
from nbst_live.gatys.solver import GatysSolver
from nbst_live.models import builtin_styles, find, verify
from nbst_live.pictures import read_picture
from nbst_live.stages import Alpha, Picture

WIDTH, HEIGHT = 128, 72
COATS = {"red": (40, 30, 200), "grey": (110, 110, 110)}


def person() -> Alpha:
    """Head and shoulders, soft at the edge."""
    drawn = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(drawn, (60, 26), 11, 255, -1)
    cv2.ellipse(drawn, (60, 74), (28, 34), 0, 180, 360, 255, -1)
    return cv2.GaussianBlur(drawn, (0, 0), 0.8).astype(np.float32) / 255


def photo(coat: str) -> Picture:
    """The drawn room with the person in it."""
    alpha, cloth = person()[..., None], np.full((HEIGHT, WIDTH, 3), COATS[coat], np.float32)
    cloth[:38] = (150, 180, 225)  # the face
    return (alpha * cloth + (1 - alpha) * draw_room(WIDTH, HEIGHT)).round().astype(np.uint8)


def painted(picture: Picture, *, aware: bool) -> Picture:
    settings = SolverSettings(size=WIDTH, steps=40, threads=1)
    solver = GatysSolver(load_encoder(verify(find("style-encoder"))), settings)
    style = read_picture(builtin_styles()["swirl"])
    guide = None
    if aware:
        plate = Plate(WIDTH, HEIGHT)
        plate.add(picture, person())
        picture, guide = fill(picture, plate.known), 1 - person()
    return list(solver.solve(picture, style, guide=guide))[-1].picture


def difference(first: Picture, second: Picture) -> float:
    """Mean CIEDE2000 over what is surely background."""
    labs = [rgb2lab(picture[..., ::-1] / 255) for picture in (first, second)]
    return float(deltaE_ciede2000(*labs)[person() < 0.01].mean())


@pytest.fixture(scope="module")
def differences() -> dict[str, float]:
    return {
        name: difference(*(painted(photo(coat), aware=aware) for coat in COATS))
        for name, aware in (("aware", True), ("naive", False))
    }


def test_the_coat_leaves_no_colour_in_the_room(differences: dict[str, float]) -> None:
    assert differences["aware"] < 1


def test_the_naive_way_takes_the_coat_up(differences: dict[str, float]) -> None:
    assert differences["naive"] > max(1, 2 * differences["aware"])
