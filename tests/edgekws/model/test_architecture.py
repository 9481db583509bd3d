"""Lengths, parameters and multiply-accumulates by arithmetic, against figures worked out by hand."""

from edgekws.model.architecture import Architecture, Block, Convolution, MaxPool, output_length


def test_output_lengths():
    assert output_length(16_000, 25, 1, "valid") == 15_976
    assert output_length(16_000, 40, 8, "same") == 2_000
    assert output_length(15_976, 4, 4, "same") == 3_994
    assert output_length(16_000, 3, 3, "valid") == 5_333
    assert output_length(10, 25, 1, "valid") == 0


def test_costs_of_a_small_chain():
    blocks = (Block((Convolution(4, 5),)), Block((Convolution(6, 3, 2, "valid"),), MaxPool(3)))
    conv_0, conv_1, pool, dense = Architecture("tiny", blocks, (), 20).layers(classes=2)
    assert (conv_0.output_shape, conv_0.parameters, conv_0.macs) == ((20, 4), 24, 400)
    assert (conv_1.output_shape, conv_1.parameters, conv_1.macs) == ((9, 6), 78, 648)
    assert (pool.output_shape, pool.parameters, pool.macs) == ((3, 6), 0, 0)
    assert (dense.input_shape, dense.parameters, dense.macs) == ((1, 18), 38, 36)


def test_hidden_dense_layers_stand_before_the_classes():
    architecture = Architecture("tiny", (Block((Convolution(1, 1),)),), (3,), 10)
    names = [layer.name for layer in architecture.layers(2)]
    assert names == ["conv_0_0", "dense_0", "classes"]
    assert architecture.parameters(2) == 2 + 33 + 8


def test_batch_norm_adds_two_a_channel():
    architecture = Architecture("tiny", (Block((Convolution(4, 5), Convolution(6, 5)), MaxPool(3)),), (), 20)
    assert architecture.parameters_with_batch_norm(2) - architecture.parameters(2) == 2 * (4 + 6)
