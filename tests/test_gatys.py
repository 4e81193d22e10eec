from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from nbst_live.errors import ModelError, SettingError, SolverError
from nbst_live.gatys.features import CompactEncoder, fastest_precision, load_encoder
from nbst_live.gatys.losses import ContentLoss, Norm, StyleLoss, TotalVariationLoss, gram
from nbst_live.gatys.objective import Objective
from nbst_live.gatys.palette import repaint
from nbst_live.gatys.pictures import to_area_of, to_picture, to_tensor
from nbst_live.gatys.settings import CONTENT_LAYER, STYLE_LAYERS, SolverSettings, preset
from nbst_live.gatys.solver import GatysSolver, Iterate, scales
from nbst_live.gatys.strokes import along_strokes, stroke_share
from nbst_live.stages import Picture

ENCODER = Path(__file__).parent.parent / "models" / "style-encoder.npz"
WIDTH, HEIGHT = 96, 64


@pytest.fixture(scope="module")
def encoder() -> CompactEncoder:
    return load_encoder(ENCODER)


@pytest.fixture(scope="module")
def plate() -> Picture:
    """A room of sorts: a pale wall, a brown floor, a dark cupboard, a bright window."""
    picture = np.full((HEIGHT, WIDTH, 3), (190, 200, 205), np.uint8)
    picture[44:] = (60, 90, 130)
    picture[16:52, 8:30] = (40, 45, 60)
    picture[8:30, 56:84] = (250, 245, 240)
    return picture


@pytest.fixture(scope="module")
def style() -> Picture:
    """Slanting blue and yellow strokes of three widths."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    waves = np.sin((x + y) / 1.5) + np.sin((x - 2 * y) / 5) + np.sin((2 * x + y) / 16)
    share = (waves - waves.min()) / np.ptp(waves)
    ends = np.array([[120, 40, 20], [60, 210, 240]], np.float32)
    return (ends[0] + share[..., None] * (ends[1] - ends[0])).astype(np.uint8)


def settings(**changes: object) -> SolverSettings:
    return SolverSettings(**{"size": WIDTH, "steps": 30, "threads": 1, **changes})  # type: ignore[arg-type]


def last(iterates: Iterator[Iterate]) -> Iterate:
    return list(iterates)[-1]


@pytest.fixture(scope="module")
def painted(encoder: CompactEncoder, plate: Picture, style: Picture) -> list[Iterate]:
    return list(GatysSolver(encoder, settings()).solve(plate, style))


def test_gram_is_the_mean_outer_product() -> None:
    activations = torch.tensor([[1.0, 2.0, 3.0, 0.0], [0.0, 1.0, 0.0, 1.0]]).view(1, 2, 2, 2)
    assert torch.equal(gram(activations), torch.tensor([[14.0, 2.0], [2.0, 2.0]]) / 4)


def test_guided_gram_reads_only_where_the_guide_is_one() -> None:
    activations = torch.rand(1, 3, 4, 6)
    guide = torch.zeros(1, 1, 4, 6)
    guide[..., :3] = 1
    torch.testing.assert_close(gram(activations, guide), gram(activations[..., :3]))


def test_metric_measures_the_distance_between_carried_activations() -> None:
    found, goal, metric = torch.rand(1, 3, 5, 5), torch.rand(1, 3, 5, 5), torch.rand(3, 3)
    carried = [torch.einsum("ij,njhw->nihw", metric, x) for x in (found, goal)]
    with_metric = StyleLoss(gram(goal), metric)(found), ContentLoss(goal, metric)(found)
    without = StyleLoss(gram(carried[1]))(carried[0]), ContentLoss(carried[1])(carried[0])
    torch.testing.assert_close(with_metric, without)


@pytest.mark.parametrize("kind", [ContentLoss, StyleLoss])
def test_losses_are_shares(kind: type[ContentLoss] | type[StyleLoss]) -> None:
    target = torch.rand(1, 3, 8, 8)
    loss = kind(target if kind is ContentLoss else gram(target))
    assert loss(target).item() == pytest.approx(0)
    assert loss(torch.zeros_like(target)).item() == pytest.approx(1)


def test_gram_has_the_gradient_of_what_it_computes() -> None:
    guide = torch.rand(1, 1, 4, 6, dtype=torch.float64)

    def found(activations: Tensor) -> Tensor:
        flat, weights = activations.flatten(2)[0], guide.flatten()
        return (flat * weights) @ flat.T / weights.sum()

    activations = torch.rand(1, 3, 4, 6, requires_grad=True)
    mixing = torch.rand(3, 3)
    torch.testing.assert_close(gram(activations, guide.float()), found(activations.double()).float())
    own, plain = (
        torch.autograd.grad((mixing * value).sum(), activations)[0]
        for value in (gram(activations, guide.float()), found(activations.double()).float())
    )
    torch.testing.assert_close(own, plain)


@pytest.mark.parametrize(("norm", "content", "style"), [("code", 1.0, 1.0), ("formula", 1 / 4, 1 / 4)])
def test_losses_with_the_papers_constants(norm: Norm, content: float, style: float) -> None:
    target, found = torch.rand(1, 3, 4, 6), torch.rand(1, 3, 4, 6)
    grams = [torch.einsum("nihw,njhw->ij", x, x) for x in (target, found)]
    # As the paper writes it: Gram matrices are sums over the 4 x 6 positions.
    by_hand = (grams[0] - grams[1]).square().sum() / (2 * 4 * 6 * 3) ** 2
    torch.testing.assert_close(StyleLoss(gram(target), norm=norm)(found), by_hand * 4 * style)
    torch.testing.assert_close(ContentLoss(target, norm=norm)(found), (target - found).square().mean() * content)


def test_nothing_outside_the_guide_is_moved() -> None:
    guide = torch.zeros(1, 1, 8, 8)
    guide[..., 4:] = 1
    target = torch.rand(1, 3, 8, 8)
    for loss in (ContentLoss(target, guide=guide), StyleLoss(gram(target), guide=guide), TotalVariationLoss(guide)):
        found = torch.rand(1, 3, 8, 8, requires_grad=True)
        loss(found).backward()
        assert found.grad is not None
        assert found.grad[..., :4].abs().max() == 0
        assert found.grad[..., 4:].abs().max() > 0


def test_total_variation_prefers_flat_to_noise() -> None:
    assert TotalVariationLoss()(torch.full((1, 3, 8, 8), 0.3)).item() == 0
    assert TotalVariationLoss()(torch.rand(1, 3, 8, 8)).item() > 0.05


def test_pictures_survive_the_way_to_tensors_and_back(plate: Picture) -> None:
    tensor = to_tensor(plate)
    assert tensor[0, 0, 60, 0].item() == pytest.approx(130 / 255)  # red comes first in a tensor, last in a picture
    np.testing.assert_array_equal(to_picture(tensor), plate)


def test_a_painting_keeps_its_shape_when_brought_to_an_area() -> None:
    height, width = to_area_of(np.zeros((300, 200, 3), np.uint8), 64, 24).shape[:2]
    assert (width, height) == (32, 48)


def test_repaint_takes_the_paintings_colours() -> None:
    random = np.random.default_rng(0)
    plate = random.integers(60, 120, (40, 60, 3)).astype(np.uint8)
    painting = random.normal((150, 90, 60), (20, 10, 30), (50, 50, 3)).clip(0, 255).astype(np.uint8)
    found = repaint(plate, [(painting, 1.0)]).reshape(-1, 3).astype(np.float32)
    goal = painting.reshape(-1, 3).astype(np.float32)
    np.testing.assert_allclose(found.mean(0), goal.mean(0), atol=1)
    np.testing.assert_allclose(found.std(0), goal.std(0), rtol=0.05)


def test_repaint_of_a_plain_plate_is_a_plain_picture_of_the_paintings_colour(style: Picture) -> None:
    found = repaint(np.full((8, 8, 3), 77, np.uint8), [(style, 1.0)])
    assert np.ptp(found.reshape(-1, 3), axis=0).max() == 0
    np.testing.assert_allclose(found[0, 0], style.reshape(-1, 3).mean(0), atol=1)


def test_encoder_gives_the_layers_at_their_strides(encoder: CompactEncoder) -> None:
    found = encoder.extract(torch.rand(1, 3, 64, 96), (*STYLE_LAYERS, CONTENT_LAYER))
    assert {name: tuple(found[name].shape[2:]) for name in found} == {
        "relu1_1": (64, 96),
        "relu2_1": (32, 48),
        "relu3_1": (16, 24),
        "relu4_1": (8, 12),
        "relu4_2": (8, 12),
        "relu5_1": (4, 6),
    }


def test_encoder_has_a_metric_for_each_layer_that_losses_read(encoder: CompactEncoder) -> None:
    for layer, found in encoder.extract(torch.rand(1, 3, 32, 32), (*STYLE_LAYERS, CONTENT_LAYER)).items():
        metric = encoder.metric(layer)
        assert metric is not None
        assert metric.shape == (found.shape[1], found.shape[1])


def test_encoder_says_which_layer_it_lacks(encoder: CompactEncoder) -> None:
    with pytest.raises(ModelError, match="relu9_9"):
        encoder.extract(torch.rand(1, 3, 32, 32), ["relu9_9"])


def test_a_file_that_is_no_encoder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("not an encoder")
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    for path in (tmp_path / "text.npz", tmp_path / "other.npz", tmp_path / "missing.npz"):
        with pytest.raises(ModelError, match=path.name):
            load_encoder(path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"strength": 1.5},
        {"strength": float("nan")},
        {"content_weight": -1},
        {"steps": 0},
        {"size": 8},
        {"threads": 0},
        {"device": "tpu"},
        {"layer_weights": (1.0,)},
        {"layer_weights": (0.0,) * 5},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingError):
        settings(**wrong)


def test_strength_trades_content_for_style() -> None:
    assert settings(strength=0.9).alpha < settings(strength=0.5).alpha < settings(strength=0.1).alpha
    assert settings(strength=0.5).alpha == pytest.approx(settings().content_weight)


def test_scales_go_up_to_the_size_and_keep_the_shape() -> None:
    plan = scales(1280, 720, 640, 100, single=False)
    assert plan[-1][:2] == (640, 360)
    assert len(plan) > 2
    assert all(coarse.width < fine.width for coarse, fine in pairwise(plan))
    assert all(scale.width / scale.height == pytest.approx(16 / 9, rel=0.02) for scale in plan)
    assert sum(scale.steps for scale in plan) == pytest.approx(100, abs=len(plan))


def test_one_scale_is_the_finest(encoder: CompactEncoder, plate: Picture, style: Picture) -> None:
    assert [scale[:2] for scale in scales(1280, 720, 640, 100, single=True)] == [(640, 360)]
    warm = GatysSolver(encoder, settings(size=2 * WIDTH)).solve(plate, style, start=plate)
    assert next(warm).scale == (2 * WIDTH, 2 * HEIGHT)


def test_iterates_count_up_and_the_loss_comes_down(painted: list[Iterate]) -> None:
    assert [iterate.step for iterate in painted] == list(range(1, painted[-1].steps + 1))
    assert painted[-1].total < 0.5 * painted[0].total
    assert painted[-1].style < 0.3 * painted[0].style


def test_a_picture_asked_for_late_is_still_that_steps(encoder: CompactEncoder, plate: Picture, style: Picture) -> None:
    early = [iterate.picture for iterate in islice(GatysSolver(encoder, settings()).solve(plate, style), 3)]
    late = list(islice(GatysSolver(encoder, settings()).solve(plate, style), 3))
    for iterate, picture in zip(late, early, strict=True):
        np.testing.assert_array_equal(iterate.picture, picture)


def test_the_same_seed_gives_the_same_picture(
    encoder: CompactEncoder, plate: Picture, style: Picture, painted: list[Iterate]
) -> None:
    again = last(GatysSolver(encoder, settings()).solve(plate, style)).picture
    other = last(GatysSolver(encoder, settings(seed=1)).solve(plate, style)).picture
    np.testing.assert_array_equal(again, painted[-1].picture)
    assert np.abs(other.astype(int) - again).max() > 0


def test_the_room_is_recognisable_and_yet_no_longer_shown(plate: Picture, painted: list[Iterate]) -> None:
    picture = painted[-1].picture
    assert picture.shape == plate.shape
    assert picture.dtype == np.uint8
    lights = [image.mean(2).reshape(HEIGHT // 8, 8, WIDTH // 8, 8).mean((1, 3)).ravel() for image in (plate, picture)]
    assert np.corrcoef(*lights)[0, 1] > 0.6
    near = np.abs(picture.astype(int) - plate).max(2) <= 8
    assert near.mean() < 0.05


def test_a_stronger_setting_comes_nearer_to_the_painting(
    encoder: CompactEncoder, plate: Picture, style: Picture
) -> None:
    weak, strong = (last(GatysSolver(encoder, settings(strength=s)).solve(plate, style)) for s in (0.1, 1.0))
    assert strong.style < weak.style
    assert strong.content > weak.content


def test_a_refresh_begins_with_small_steps(
    encoder: CompactEncoder, plate: Picture, style: Picture, painted: list[Iterate]
) -> None:
    start = painted[-1].picture
    run = GatysSolver(encoder, settings(average=False, strokes=False, jitter=False)).solve(plate, style, start=start)
    pictures = [start.astype(int), *(next(run).picture.astype(int) for _ in range(3))]
    moved = [float(np.abs(after - before).mean()) for before, after in pairwise(pictures)]
    assert moved[0] < 0.7 * moved[1]
    assert moved[0] < 0.7 * moved[2]


def test_a_warm_start_reaches_the_loss_in_fewer_steps(
    encoder: CompactEncoder, plate: Picture, style: Picture, painted: list[Iterate]
) -> None:
    goal = painted[-1].total * 1.5
    changed = plate.copy()
    changed[30:40, 60:70] = 20
    solver = GatysSolver(encoder, settings())
    cold = next(i.step for i in solver.solve(changed, style) if i.total < goal)
    warm = next(i.step for i in solver.solve(changed, style, start=painted[-1].picture) if i.total < goal)
    assert warm < cold


def test_outside_the_guide_the_start_stays(encoder: CompactEncoder, plate: Picture, style: Picture) -> None:
    guide = np.ones((HEIGHT, WIDTH), np.float32)
    guide[:, :32] = 0
    start = np.full_like(plate, 128)
    picture = last(GatysSolver(encoder, settings(steps=5)).solve(plate, style, start=start, guide=guide)).picture
    np.testing.assert_array_equal(picture[:, :32], start[:, :32])
    assert np.abs(picture[:, 32:].astype(int) - 128).mean() > 2


def test_gradients_are_on_between_steps_as_the_caller_left_them(
    encoder: CompactEncoder, plate: Picture, style: Picture
) -> None:
    next(GatysSolver(encoder, settings()).solve(plate, style))
    assert torch.is_grad_enabled()


class Broken:
    """Features that are no numbers."""

    def __init__(self, encoder: CompactEncoder) -> None:
        self.encoder = encoder

    def extract(self, picture: Tensor, layers: Collection[str]) -> dict[str, Tensor]:
        return {name: found * float("nan") for name, found in self.encoder.extract(picture, layers).items()}

    def metric(self, layer: str) -> Tensor | None:
        return self.encoder.metric(layer)

    def scale(self, layer: str) -> float:
        return self.encoder.scale(layer)


def test_divergence_is_an_error_that_says_what_to_do(encoder: CompactEncoder, plate: Picture, style: Picture) -> None:
    with pytest.raises(SolverError, match="learning rate"):
        next(GatysSolver(Broken(encoder), settings()).solve(plate, style))


def test_any_size_of_plate_and_painting_can_be_painted(encoder: CompactEncoder) -> None:
    random = np.random.default_rng(0)
    plate, painting = (random.integers(0, 256, (h, w, 3)).astype(np.uint8) for h, w in ((37, 61), (51, 19)))
    found: npt.NDArray[np.uint8] = last(GatysSolver(encoder, settings(steps=2)).solve(plate, painting)).picture
    assert found.shape == (58, 96, 3)


def test_a_large_painting_is_shrunk_once_and_paints_about_the_same(
    encoder: CompactEncoder, plate: Picture, style: Picture, rng: np.random.Generator
) -> None:
    painting = cv2.resize(style, (1800, 1200), interpolation=cv2.INTER_CUBIC)
    painting = np.clip(painting + rng.normal(0, 3, painting.shape), 0, 255).astype(np.uint8)
    solver = GatysSolver(encoder, settings(steps=5))
    ready = solver.prepared(painting, WIDTH, HEIGHT)
    assert ready.shape == (784, 1176, 3)
    assert solver.prepared(style, WIDTH, HEIGHT) is style
    assert ready.mean((0, 1)) == pytest.approx(painting.mean((0, 1)), abs=0.5)
    assert ready.std((0, 1)) == pytest.approx(painting.std((0, 1)), rel=0.03)
    assert stroke_share(ready) == pytest.approx(stroke_share(painting), abs=0.02)
    goals = [repaint(plate, [(of, 1.0)]).astype(int) for of in (painting, ready)]
    assert np.abs(goals[0] - goals[1]).mean() < 2
    totals = [last(solver.solve(plate, of)).total for of in (painting, ready)]
    assert totals[1] == pytest.approx(totals[0], rel=0.05)


def test_a_painting_keeps_the_pixels_that_larger_strokes_or_a_larger_picture_read(encoder: CompactEncoder) -> None:
    painting = np.zeros((1200, 1800, 3), np.uint8)
    for larger in ({"size": 640, "style_scale": 2}, {"size": 1280}):
        assert GatysSolver(encoder, settings(**larger)).prepared(painting, 640, 360) is painting


def test_a_blend_of_one_painting_twice_is_that_painting(
    encoder: CompactEncoder, plate: Picture, style: Picture
) -> None:
    solver = GatysSolver(encoder, settings(steps=5))
    alone, blend = (last(solver.solve(plate, styles)).picture for styles in (style, [(style, 2.0), (style, 1.0)]))
    assert np.abs(alone.astype(int) - blend).mean() < 1


def test_a_blend_lies_between_its_paintings(encoder: CompactEncoder, plate: Picture, style: Picture) -> None:
    """By colour: the blue and yellow painting, its red and green twin, and both."""
    twin = np.ascontiguousarray(style[..., [1, 0, 2]])
    solver = GatysSolver(encoder, settings())
    first, second, both = (
        last(solver.solve(plate, styles)).picture.reshape(-1, 3).mean(0)
        for styles in (style, twin, [(style, 1.0), (twin, 1.0)])
    )
    assert np.abs(both - (first + second) / 2).max() < 0.25 * np.abs(first - second).max()


def test_kept_colours_are_the_rooms(encoder: CompactEncoder, plate: Picture, style: Picture) -> None:
    def distance(picture: Picture, other: Picture) -> float:
        return float(np.abs(picture.reshape(-1, 3).mean(0) - other.reshape(-1, 3).mean(0)).max())

    kept = last(GatysSolver(encoder, settings(keep_colors=True)).solve(plate, style)).picture
    assert distance(kept, plate) < 0.5 * distance(style, plate)


def test_a_plates_colours_are_kept_no_longer_than_it_is_painted(
    encoder: CompactEncoder, plate: Picture, style: Picture
) -> None:
    solver = GatysSolver(encoder, settings(keep_colors=True, steps=2))
    held = []
    for light in (1.0, 0.9, 0.8):
        last(solver.solve((plate * light).astype(np.uint8), style))
        held.append(len(solver._grams))
    assert held == held[:1] * 3, "the Gram matrices of paintings in the colours of plates that are gone"


def test_what_is_shown_is_drawn_along_the_strokes_but_for_the_papers_way(
    encoder: CompactEncoder, plate: Picture, style: Picture
) -> None:
    raw, drawn = (
        last(GatysSolver(encoder, settings(steps=4, strokes=strokes)).solve(plate, style)) for strokes in (False, True)
    )
    assert raw.total == drawn.total, "the solver goes its way without it"
    np.testing.assert_array_equal(drawn.bare, raw.picture)
    np.testing.assert_array_equal(drawn.picture, along_strokes(raw.picture, 1.0))
    assert preset("paper-code")["strokes"] is False


HELD = {"held_layers": STYLE_LAYERS[:3], "hold": 4}


@pytest.mark.parametrize(
    "changes", [{"levels": 1}, {"optimizer": "lbfgs"}, {"multiscale": False}, {"start": "photo"}, HELD]
)
def test_every_way_down_lowers_the_loss(
    encoder: CompactEncoder, plate: Picture, style: Picture, changes: dict[str, object]
) -> None:
    found = list(GatysSolver(encoder, settings(**changes)).solve(plate, style))
    assert found[-1].total < 0.7 * found[0].total


def test_where_the_rate_falls_from_the_first_step_the_last_ones_move_least(
    encoder: CompactEncoder, plate: Picture, style: Picture
) -> None:
    moved = []
    for fall in (0.0, 0.25, 1.0):
        given = settings(fall=fall, average=False, multiscale=False, jitter=False, strokes=False)
        pictures = [iterate.picture.astype(int) for iterate in GatysSolver(encoder, given).solve(plate, style)]
        moved.append([float(np.abs(after - before).mean()) for before, after in pairwise(pictures)])
    falling, short, constant = moved[2], moved[1], moved[0]
    assert falling[-1] < 0.6 * constant[-1]
    assert short[-1] < 0.6 * constant[-1]
    middle = slice(12, 18)
    assert sum(falling[middle]) < 0.9 * sum(short[middle]) == pytest.approx(0.9 * sum(constant[middle]))


def test_the_content_counts_more_as_a_scale_begins_and_then_as_asked(
    encoder: CompactEncoder, plate: Picture, style: Picture
) -> None:
    grams = {k: gram(v) for k, v in encoder.extract(to_tensor(style), STYLE_LAYERS).items()}
    given = settings(jitter=False, tv_weight=0, content_first=5.0)
    objective = Objective(encoder, given, to_tensor(plate), grams, None)
    found = [objective(to_tensor(style)) for _ in range(200)]
    shares = [float((losses.total - losses.style) / (given.alpha * losses.content)) for losses in found]
    assert shares[0] == pytest.approx(5, rel=1e-3)
    assert shares[-1] == pytest.approx(1, rel=1e-2)
    assert all(after <= before + 1e-4 for before, after in pairwise(shares))


@pytest.mark.parametrize("name", ["paper-code", "paper-formula"])
def test_the_papers_presets_keep_their_best_picture(
    encoder: CompactEncoder, plate: Picture, style: Picture, name: str
) -> None:
    given = preset(name) | {"content_layer": "relu5_1", "steps": 12, "size": WIDTH, "threads": 1}
    found = list(GatysSolver(encoder, SolverSettings(**given)).solve(plate, style))
    best = min(found, key=lambda iterate: iterate.total)
    assert best.total < found[0].total
    np.testing.assert_array_equal(found[-1].picture, best.picture)


def test_held_layers_are_measured_when_due_and_followed_along_their_slope_in_between(
    plate: Picture, style: Picture
) -> None:
    encoder = load_encoder(ENCODER, precision=torch.float32)  # in bfloat16 the small step is lost in the rounding
    layers = STYLE_LAYERS[:2]
    grams = {k: gram(v) for k, v in encoder.extract(to_tensor(style), STYLE_LAYERS).items()}
    near, off = to_tensor(plate), 1e-3 * torch.rand(1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    given = settings(jitter=False, tv_weight=0, held_layers=layers, hold=3)
    held = Objective(encoder, given, near, grams, None)
    whole = Objective(encoder, replace(given, hold=1), near, grams, None)
    for _ in range(4):  # the fourth is measured, the fifth is not
        assert float(held(near).style) == pytest.approx(float(whole(near).style), rel=1e-4)
    change = float(whole(near + off).style - whole(near).style)
    assert float(held(near + off).style - held(near).style) == pytest.approx(change, rel=0.05)
    away = near + 300 * off  # where the true style has long left the slope
    assert float(held(away).style) == pytest.approx(float(whole(away).style), rel=1e-4)  # the seventh is due again


def test_not_every_style_layer_can_be_held() -> None:
    with pytest.raises(SettingError, match="not among them"):
        settings(held_layers=STYLE_LAYERS, hold=2)


def test_a_run_that_is_out_of_time_does_one_step_a_scale_and_says_that_it_is_over(
    encoder: CompactEncoder, plate: Picture, style: Picture
) -> None:
    given = settings(size=300, seconds=0)
    found = list(GatysSolver(encoder, given).solve(plate, style))
    plan = scales(WIDTH, HEIGHT, 300, given.steps, single=False)
    assert [iterate.scale for iterate in found] == [(scale.width, scale.height) for scale in plan]
    assert [iterate.step == iterate.steps for iterate in found] == [False] * (len(plan) - 1) + [True]


@pytest.mark.parametrize(
    ("known", "precision"),
    [
        ({"architecture": "x86_64", "avx512_bf16": True}, torch.bfloat16),
        ({"architecture": "x86_64", "avx512_f": True}, torch.float32),
        ({"architecture": "aarch64"}, torch.bfloat16),
    ],
)
def test_bfloat16_is_for_processors_that_know_it_not_for_those_that_emulate_it(
    known: dict[str, object], precision: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known)
    assert fastest_precision("cpu") == precision
