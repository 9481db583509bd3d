"""A .tflite model run by LiteRT in one thread; TensorFlow is not needed."""

from __future__ import annotations

import math

import numpy as np

from edgekws.guard import untrusted

_DAMAGED = (".tflite file", "convert the model again")


class Runner:
    """One model: an input in, the output out.

    ``reference`` takes LiteRT's reference kernels, which compute what TensorFlow Lite Micro does, in place of XNNPACK.
    Raises UserError for what LiteRT can't run; ``name`` is what the message calls it.
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
        """Values of the input."""
        return math.prod(map(int, self._input["shape"]))

    def run(self, values: np.ndarray) -> np.ndarray:
        """The output (classes,) for an input of the model's type and size, in any shape."""
        self._interpreter.set_tensor(self._input["index"], values.reshape(self._input["shape"]))
        with untrusted.reading(self._name, *_DAMAGED):  # some damage shows only here
            self._interpreter.invoke()
        found: np.ndarray = self._interpreter.get_tensor(self._output["index"]).reshape(-1)
        return found
