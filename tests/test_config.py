"""The TOML file: what it may hold, and what is said of everything else."""

import pytest

from slipstick.config import Config, check_layers, load_config
from slipstick.errors import SlipstickError

EVERYTHING = """
[quantise]
activation_bits = 6
output_bits = 12
weight_bits = 4
bn_terms = 3
[fold]
lanes = 100
interval = 5000
[layer."layer1.0.conv1"]
activation_bits = 16
weight_bits = 2
bn_terms = 1
weights = "power-of-two"
P = 4
S = 2
Q = 9
"""


def written(tmp_path, text):
    path = tmp_path / "net.toml"
    path.write_text(text)
    return path


def refusal(tmp_path, text):
    path = written(tmp_path, text)
    with pytest.raises(SlipstickError) as error:
        load_config(path)
    message = str(error.value)
    assert message.startswith(f"Configuration '{path}': ")
    assert "\n" not in message
    return message


def test_defaults():
    config = load_config(None)
    assert config == Config()
    assert config.quantise.model_dump() == {
        "activation_bits": 8,
        "output_bits": 16,
        "weight_bits": 8,
        "bn_terms": 3,
        "product_frac": None,
    }
    assert config.fold.interval is None
    assert not config.layer


def test_everything(tmp_path):
    config = load_config(written(tmp_path, EVERYTHING))
    assert config.quantise.output_bits == 12
    assert (config.fold.lanes, config.fold.interval) == (100, 5000)
    layer = config.layer["layer1.0.conv1"]
    assert (layer.P, layer.S, layer.Q, layer.weights) == (4, 2, 9, "power-of-two")
    assert config.option("layer1.0.conv1", "activation_bits") == 16
    assert config.option("fc", "activation_bits") == 6
    assert config.layer_option("fc", "activation_bits") is None


def test_empty_file(tmp_path):
    assert load_config(written(tmp_path, "")) == Config()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[quantise]\nactivation_bit = 8", ["quantise.activation_bit'", "mean 'activation_bits'"]),
        ("[quantize]\nbn_terms = 1", ["'quantize'", "did you mean 'quantise'"]),
        ("[fold]\nspeed = 9", ["'fold.speed'", "known: lanes, interval"]),
        ("[layer.conv1]\np = 2", ["'layer.conv1.p'", "known: activation_bits"]),
        ("[quantise]\nactivation_bits = 17", ["activation_bits", "less than or equal to 16", "17"]),
        ("[quantise]\nactivation_bits = 1", ["greater than or equal to 2"]),
        ("[quantise]\noutput_bits = 8.0", ["output_bits", "valid integer", "8.0"]),
        ("[quantise]\noutput_bits = true", ["output_bits", "valid integer", "True"]),
        ('[quantise]\nweight_bits = "8"', ["weight_bits", "valid integer", "'8'"]),
        ("[quantise]\nbn_terms = 5", ["bn_terms", "less than or equal to 4"]),
        ("[fold]\nlanes = 0", ["fold.lanes", "greater than or equal to 1"]),
        ('[layer.fc]\nweights = "ternary"', ["layer.fc.weights", "'power-of-two'", "'ternary'"]),
        ("[layer.fc]\nQ = -1", ["layer.fc.Q", "-1"]),
        ("quantise = 3", ["'quantise'", "3"]),
        ("layer = 3", ["'layer'", "3"]),
        ("[layer]\nconv1 = 3", ["'layer.conv1'", "3"]),
        ("[quantise\n", ["is not TOML", "line 1"]),
        ("[fold]\nlanes = 1\nlanes = 2", ["is not TOML"]),
    ],
)
def test_refusals(tmp_path, text, parts):
    message = refusal(tmp_path, text)
    for part in parts:
        assert part in message


def test_unreadable_files(tmp_path):
    for path in (tmp_path / "no.toml", tmp_path):
        with pytest.raises(SlipstickError, match="cannot be read"):
            load_config(path)
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SlipstickError, match="is not TOML"):
        load_config(path)


def test_layer_that_the_network_lacks(tmp_path):
    config = load_config(written(tmp_path, EVERYTHING))
    check_layers(config, ["input", "layer1.0.conv1"])
    with pytest.raises(SlipstickError, match=r"layer1\.0\.conv1.*did you mean 'layer1\.0\.conv2'"):
        check_layers(config, ["input", "layer1.0.conv2"])
    with pytest.raises(SlipstickError, match="no such layer; `slipstick inspect`"):
        check_layers(config, ["x"])


def test_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Config().quantise.bn_terms = 1
