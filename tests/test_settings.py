import subprocess
import sys

import pytest

from nbst_live import cli, options
from nbst_live.errors import SettingError
from nbst_live.settings import Settings, config_path, from_options, read_config


def settings(*arguments: str) -> Settings:
    return options.settings_of(cli.live_parser().parse_args(arguments))


def write_config(text: str) -> None:
    config_path().parent.mkdir(parents=True, exist_ok=True)
    config_path().write_text(text)


def test_the_command_line_wins_over_the_config_file_and_that_over_the_default():
    write_config('style = ["a.jpg", "b.jpg"]\nrefresh = 5\nvirtual-camera = "mine"\n')
    found = settings("--refresh", "7")
    assert found.refresh == 7
    assert found.style == ("a.jpg", "b.jpg")
    assert found.virtual_camera == "mine"
    assert found.fps == Settings().fps


@pytest.mark.parametrize(
    ("flag", "opposite"),
    [
        ("mirror", ("--no-mirror",)),
        ("keep_colors", ("--no-keep-colors",)),
        ("no_virtual_camera", ("--virtual-camera", "mine")),
    ],
)
def test_a_flag_of_the_config_file_can_be_taken_back(flag, opposite):
    write_config(f"{flag} = true")
    assert getattr(settings(), flag)
    assert not getattr(settings(*opposite), flag)


def test_a_style_of_the_command_line_replaces_the_files_styles_and_their_mix():
    write_config('style = ["a.jpg", "b.jpg"]\nstyle_mix = [2, 1]')
    assert (settings("--style", "ink").style, settings("--style", "ink").style_mix) == (("ink",), None)
    assert settings("--style-mix", "1:3").style_mix == (1, 3)


def test_style_layers_of_the_command_line_replace_the_files_and_their_weights():
    write_config('style_layers = ["relu1_1", "relu2_1"]\nlayer_weights = [2, 1]')
    assert settings("--style-layers", "relu3_1").layer_weights is None
    assert settings("--layer-weights", "1,3").layer_weights == (1, 3)


def test_every_setting_is_an_option_and_in_the_help():
    text = cli.live_parser().format_help()
    for name in vars(Settings()):
        assert f"--{name.replace('_', '-')}" in text


def test_style_may_be_given_several_times():
    assert settings("--style", "a.jpg", "--style", "b.jpg").style == ("a.jpg", "b.jpg")


def test_a_mix_has_a_weight_for_each_style():
    styles = ("--style", "a.jpg", "--style", "b.jpg")
    assert settings(*styles, "--style-mix", "2:1").style_mix == (2, 1)
    with pytest.raises(SettingError, match="--style-mix: got 3 weights for 2 styles, expected one for each --style"):
        settings(*styles, "--style-mix", "2:1:1")


def test_lists_are_written_with_commas_or_as_lists_of_the_config_file(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(
        'style-layers = ["conv1_1", "block3_conv1"]\nlayer-weights = [1, 2.5]\npeople = 2\nstyle-mix = "1:2"'
    )
    from_file = from_options({}, read_config(file))
    typed = settings("--style-layers", "conv1_1,block3_conv1", "--layer-weights", "1,2.5", "--people", "2")
    assert from_file.style_layers == typed.style_layers == ("relu1_1", "relu3_1")
    assert from_file.layer_weights == typed.layer_weights == (1, 2.5)
    assert from_file.people == typed.people == 2
    assert from_file.style_mix == (1, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--fps", "fast"), "--fps: got 'fast', expected a number from 1 to 240"),
        (("--fps", "0"), "--fps: got '0', expected"),
        (("--fps", "nan"), "--fps: got 'nan', expected"),
        (("--steps", "1.5"), "--steps: got '1.5', expected a whole number"),
        (("--size", "big"), "--size: got 'big', expected WIDTHxHEIGHT"),
        (("--size", "9999999x1"), "--size: got '9999999x1', expected WIDTHxHEIGHT"),
        (("--rotate", "45"), "--rotate: got '45', expected 0, 90, 180 or 270"),
        (("--strength", "1.1"), "--strength: got '1.1', expected a number from 0 to 1"),
        (("--provider", "gpu"), "--provider: got 'gpu', expected one of auto"),
        (("--style-mix", "2:"), "--style-mix: got '', expected a number"),
        (("--style-mix", "0:0"), "--style-mix: got '0:0', expected at least one weight above 0"),
        (("--style-scale", "5"), "--style-scale: got '5', expected a number from 0.25 to 4"),
        (("--people", "two"), "--people: got 'two', expected all, central or a whole number"),
        (("--preset", "paper"), "--preset: got 'paper', expected one of default"),
        (("--content-layer", "relu6_1"), "--content-layer: got 'relu6_1', expected a layer of VGG19"),
        (("--style-layers", "conv1_1,"), "--style-layers: got '', expected a layer"),
        (("--layer-weights", "1,-1"), "--layer-weights: got '-1', expected a number"),
        (("--features", "vgg16"), "--features: got 'vgg16', expected one of compact, vgg19"),
        (("--solver-device", "tpu"), "--solver-device: got 'tpu', expected one of cpu"),
    ],
)
def test_a_wrong_value_says_what_was_got_and_what_was_expected(arguments, message):
    with pytest.raises(SettingError) as error:
        settings(*arguments)
    assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour = 1", "colour: no such setting"),
        ('refresh = "soon"', "refresh: got 'soon'"),
        ("mirror = 1", "mirror: got 1, expected true or false"),
        ("style = 3", "style: got 3, expected a text"),
        ("style = [", "cannot be read as TOML"),
    ],
)
def test_a_wrong_config_file_names_itself_and_the_key(tmp_path, text, message):
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(SettingError) as error:
        from_options({}, read_config(file))
    assert str(file) in str(error.value)
    assert message in str(error.value)


def test_no_config_file_is_no_error(tmp_path):
    assert read_config(tmp_path / "none.toml") == {}


def test_the_reference_is_what_the_script_writes(repository):
    code = "import write_reference; print(write_reference.reference(), end='')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=repository / "scripts", capture_output=True, text=True, check=True
    )  # fmt: skip
    assert (repository / "docs" / "settings.md").read_text(encoding="utf-8") == done.stdout
