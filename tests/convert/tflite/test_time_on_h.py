"""Time on the height axis: other shapes, the same bytes of weights, the same scores."""

import numpy as np
import pytest
import synthetic_tflite
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from synthetic_tflite import Options

from convert.tflite import time_on_h
from edgekws.errors import UserError
from edgekws.model.architecture import Architecture, Block, Convolution, MaxPool


def scores(content: bytes, codes: np.ndarray) -> np.ndarray:
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    inputs, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    found = []
    for clip in codes:
        interpreter.set_tensor(inputs["index"], clip.reshape(inputs["shape"]))
        interpreter.invoke()
        found.append(interpreter.get_tensor(outputs["index"])[0])
    return np.array(found)


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_scores_and_weights_are_the_same(padding):
    blocks = (
        Block((Convolution(8, 7, 2, padding),), MaxPool(3, padding)),
        Block((Convolution(12, 4, 1, padding), Convolution(16, 3, 3, padding)), MaxPool(2, padding)),
    )
    content = synthetic_tflite.build(
        Architecture("small", blocks, window=1999, hidden=(20,)),
        5,
        Options(seed=3, random_zero_points=True, softmax=False),
    )
    turned = time_on_h.swap_axes(content)
    codes = np.random.default_rng(0).integers(-128, 128, (6, 1999), np.int8)
    found = scores(content, codes)
    assert len(np.unique(found, axis=0)) == len(codes)
    assert np.array_equal(scores(turned, codes), found)
    before, after = (schema.ModelT.InitFromPackedBuf(c, 0) for c in (content, turned))
    for old, new in zip(before.buffers, after.buffers, strict=True):
        assert np.array_equal(old.data, new.data)
    assert list(after.subgraphs[0].tensors[0].shape) == [1, 1999, 1, 1]


def test_what_is_no_model_of_ours_is_refused():
    with pytest.raises(UserError, match="TFL3"):
        time_on_h.swap_axes(b"not a model")
