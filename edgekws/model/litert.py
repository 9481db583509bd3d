"""Runs a .tflite model with LiteRT in one thread. TensorFlow is not needed."""

from __future__ import annotations

import math

import numpy as np

from edgekws.guard import untrusted

_DAMAGED = (".tflite file", "convert the model again")


class Runner:
    """Runs one model with one input and one output.

    ``reference`` chooses LiteRT's reference kernels, which compute the same as TensorFlow Lite Micro, not XNNPACK's.
    Raises UserError if LiteRT cannot run the model; the message names it ``name``.
    """

    def __init__(self, content: bytes, *, reference: bool = False, name: str = "the model") -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        kind = OpResolverType.BUILTIN_REF if reference else OpResolverType.AUTO
        self._name = name
        with untrusted.reading(name, *_DAMAGED):
            self._interpreter = Interpreter(model_content=content, experimental_op_resolver_type=kind, num_threads=1)
            self._interpreter.allocate_tensors()
            self._input = self._interpreter.get_input_details()[0]
            self._output = self._interpreter.get_output_details()[0]

    @property
    def classes(self) -> int:
        return int(self._output["shape"][-1])

    @property
    def samples(self) -> int:
        """The number of input values."""
        return math.prod(map(int, self._input["shape"]))

    def run(self, values: np.ndarray) -> np.ndarray:
        """The output (classes,) for an input with the model's type and number of values, in any shape."""
        self._interpreter.set_tensor(self._input["index"], values.reshape(self._input["shape"]))
        with untrusted.reading(self._name, *_DAMAGED):  # some damage shows only when the model runs
            self._interpreter.invoke()
        found: np.ndarray = self._interpreter.get_tensor(self._output["index"]).reshape(-1)
        return found
