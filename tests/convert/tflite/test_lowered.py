"""A model whose words are lowered before the softmax: only biases change, by the amount asked for."""

import numpy as np
import pytest
import synthetic_tflite
from synthetic_tflite import Options

from convert.tflite import lowered, reader, tflm_reference
from edgekws.errors import UserError
from edgekws.model import litert
from edgekws.model.architecture import Architecture, Block, Convolution, MaxPool

SMALL = Architecture("small", (Block((Convolution(8, 7, 2),), MaxPool(3)),), window=1999, hidden=(20,))


def codes(count=20):
    return np.random.default_rng(0).integers(-128, 128, (count, 1999), np.int8)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("nats", [0.0, 0.3, 4.0])
def test_the_words_logits_are_lower_by_so_many_nats_and_nothing_else_changes(nats, per_channel):
    content = synthetic_tflite.build(SMALL, 5, Options(seed=3, dense_per_channel=per_channel))
    words = [0, 2]
    before, after = reader.read(content), reader.read(lowered.lower(content, words, nats))
    steps = nats / before.layers[-2].output.scale
    for code in codes():
        old, new = tflm_reference.run(before, code), tflm_reference.run(after, code)
        assert all(np.array_equal(a, b) for a, b in zip(old[:-2], new[:-2], strict=True))
        old_logits, new_logits = (logits.reshape(-1).astype(int) for logits in (old[-2], new[-2]))
        expected = np.where(np.isin(range(5), words), np.maximum(old_logits - steps, -128), old_logits)
        kept = old_logits < 127  # one at the end of int8 was higher than it says
        assert np.abs(new_logits - expected)[kept].max() <= 1  # a logit and a bias are rounded to whole steps


def test_litert_runs_it_with_the_reference_arithmetic():
    content = lowered.lower(synthetic_tflite.build(SMALL, 5, Options(seed=3)), [1, 4], 2.5)
    graph, runner = reader.read(content), litert.Runner(content, reference=True)
    for code in codes():
        assert np.array_equal(runner.run(code), tflm_reference.run(graph, code)[-1].reshape(-1))


def test_a_buffer_that_another_tensor_uses_too_stays():
    content = synthetic_tflite.build(SMALL, 20, Options(seed=3))
    model = reader.unpacked(content)
    dense = [operator for operator in model.subgraphs[0].operators if len(operator.inputs) == 3][-2:]
    first, last = (model.subgraphs[0].tensors[operator.inputs[2]] for operator in dense)
    first.buffer = last.buffer  # both layers have 20 units
    shared = packed(model)
    before, after = reader.read(shared), reader.read(lowered.lower(shared, [0], 4.0))
    assert np.array_equal(before.layers[-3].bias, after.layers[-3].bias)
    assert before.layers[-2].bias[0] > after.layers[-2].bias[0]


def packed(model):
    import flatbuffers

    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize("options", [Options(softmax=False), Options(bias=False)])
def test_a_model_that_cannot_be_lowered_is_refused(options):
    with pytest.raises(UserError, match="detector.logit_adjustment needs a model that ends in a dense layer"):
        lowered.lower(synthetic_tflite.build(SMALL, 5, options), [0], 1.0)


def test_the_biases_only_take_what_int32_holds():
    content = synthetic_tflite.build(SMALL, 5)
    found = reader.read(lowered.lower(content, range(5), 1e9)).layers[-2].bias
    assert found.tolist() == [np.iinfo(np.int32).min] * 5
