"""Neurons, layers, MLPs, the loss, the optimiser; the lecture's numbers."""

from __future__ import annotations

import copy
import json
import math
import pickle
import random

import pytest

import autograd_lite as ag
from autograd_lite import MLP, SGD, Layer, Module, Neuron, Value, mse
from autograd_lite.cli.lecture import BATCH, cost, two_two_one
from autograd_lite.nn import ACTIVATIONS


def test_forward_pass_of_the_note():
    xs, _ = BATCH[0]
    net = two_two_one()
    y = net(xs)
    found = {v.label: v.data for v in ag.order(y)}
    assert found["z^1_1"] == -1.5
    assert found["z^1_2"] == 5.5
    assert found["\\sigma^1_1"] == pytest.approx(0.1824255, abs=5e-8)
    assert found["\\sigma^1_2"] == pytest.approx(0.9959299, abs=5e-8)
    assert found["z^2_1"] == pytest.approx(1.5162075, abs=5e-8)
    assert y.data == pytest.approx(0.8199793, abs=5e-8)
    assert y.label == "\\sigma^2_1"
    assert net(BATCH[1][0]).data == pytest.approx(0.8304217, abs=5e-8)


def test_gradients_and_step_of_the_note():
    net, rows = two_two_one(), []
    for k in range(2):
        net.zero_grad()
        cost(net, k).backward()
        rows.append({name: p.grad for name, p in net.named_parameters()})
    assert rows[0]["b^2_1"] == pytest.approx(0.0944664, abs=5e-8)
    assert rows[0]["w^1_{2,1}"] == pytest.approx(0.0019146, abs=5e-8)
    assert rows[1]["b^2_1"] == pytest.approx(0.0648967, abs=5e-8)
    assert rows[1]["w^1_{2,1}"] == pytest.approx(0.0015611, abs=5e-8)
    net.zero_grad()
    mse([net(x) for x, _ in BATCH], [y for _, y in BATCH]).backward()
    mean = dict(net.named_parameters())
    assert mean["b^2_1"].grad == pytest.approx(0.0796815, abs=5e-8)
    assert mean["w^1_{2,1}"].grad == pytest.approx(0.0017379, abs=5e-8)
    SGD(net.parameters(), lr=0.1).step()
    assert mean["b^2_1"].data == pytest.approx(1 - 0.00796815, abs=5e-9)


def test_the_chain_of_the_note_is_the_graph():
    ops = [v.op.name for v in ag.order(cost(two_two_one(), 0)) if v.op]
    assert ops == ["dot", "sigmoid", "dot", "sigmoid", "dot", "sigmoid", "sub", "pow"]


def test_one_one_one_net_without_biases():
    for g in ("sigmoid", "tanh", "softplus", "arctan"):
        net = MLP(1, [1, 1], activation=g, output=g, bias=None)
        net.weights = [[[0.8]], [[-1.2]]]
        assert [p.label for p in net.parameters()] == ["w^1_{1,1}", "w^2_{1,1}"]
        assert net.biases == ((None,), (None,))
        y = net([1.5])
        ag.check_grads(lambda a, b, g=g: getattr(ag, g)(b * getattr(ag, g)(a * 1.5)), [0.8, -1.2])
        assert y.data == getattr(ag, g)(-1.2 * getattr(ag, g)(0.8 * 1.5))


def test_micrograds_constructor_calls_and_names():
    neuron = Neuron(2, nonlin=False)
    assert repr(neuron) == "LinearNeuron(2)"
    assert repr(Neuron(2)) == "ReLUNeuron(2)"
    assert repr(Layer(2, 1, nonlin=False)) == "Layer of [LinearNeuron(2)]"
    net = MLP(3, [4, 4, 1])
    assert len(net.parameters()) == 41
    assert net.parameters()[:4] == [*net.layers[0].neurons[0].w, net.layers[0].neurons[0].b]
    assert repr(MLP(1, [1])) == "MLP of [Layer of [LinearNeuron(1)]]"
    assert isinstance(net, Module)
    assert isinstance(net([1.0, 2.0, 3.0]), Value)
    assert len(MLP(1, [3, 2])([1.0])) == 2
    random.seed(5)
    expected = [random.uniform(-1, 1) for _ in range(3)]
    random.seed(5)
    assert [w.data for w in Neuron(3).w] == expected


def test_seed_and_initialisation():
    assert MLP(2, [3, 1], seed=1).weights == MLP(2, [3, 1], seed=1).weights
    assert MLP(2, [3, 1], seed=1).weights != MLP(2, [3, 1], seed=2).weights
    wide = MLP(100, [50, 1], init="xavier", seed=0).weights[0]
    assert max(abs(w) for row in wide for w in row) <= math.sqrt(6 / 150)
    he = [w for row in MLP(100, [50, 1], init="he", seed=0).weights[0] for w in row]
    assert sum(w * w for w in he) / len(he) == pytest.approx(0.02, rel=0.1)
    assert MLP(2, [1], init=lambda nin, nout, rng: 0.25).weights == (((0.25, 0.25),),)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_by_name(name):
    net = MLP(2, [2, 1], activation=name, output="linear", seed=3, bias=0.1)
    for layer in net.layers:
        layer.weights = [[0.3, 0.2] for _ in layer.neurons]
    y = net([1.0, 1.5])
    y.backward()
    assert isinstance(y, Value)


def test_activations_by_callable():
    net = MLP(1, [1], output=lambda z: z * z)
    net.weights = [[[3.0]]]
    assert net([1.0]).data == 9.0
    assert net([1.0]).label == "\\sigma^1_1"
    assert MLP(1, [1], output=lambda z: z)([1.0]).label == "z^1_1"


def test_save_and_load_keep_every_digit(tmp_path):
    net = MLP(3, [4, 2], activation="tanh", output="sigmoid", seed=9, init="he")
    net.save(tmp_path / "net.json")
    twin = MLP.load(tmp_path / "net.json")
    assert twin.weights == net.weights
    assert twin.biases == net.biases
    assert [v.data for v in twin([0.1, 0.2, 0.3])] == [v.data for v in net([0.1, 0.2, 0.3])]
    MLP(1, [1], bias=None, seed=1).save(tmp_path / "net.json")
    assert MLP.load(tmp_path / "net.json").biases == ((None,),)
    with pytest.raises(ValueError, match="by name"):
        MLP(1, [1], output=lambda z: z).save(tmp_path / "other.json")
    assert not (tmp_path / "other.json").exists()


@pytest.mark.parametrize(
    "damage",
    [lambda s: s.update(format="x"), lambda s: s.update(weights=[[1]]), lambda s: s.pop("nin"),
     lambda s: s.update(activation="__import__"), lambda s: s.update(nouts="11"),
     lambda s: s["weights"][0][0].__setitem__(0, "1"), lambda s: s.update(biases=[[0.0]])],
)  # fmt: skip
def test_a_damaged_file_is_refused(tmp_path, damage):
    path = tmp_path / "net.json"
    MLP(2, [2, 1], seed=1).save(path)
    state = json.loads(path.read_text())
    damage(state)
    path.write_text(json.dumps(state))
    with pytest.raises(ValueError, match="not a saved MLP"):
        MLP.load(path)
    path.write_text("{" * 100_000)
    with pytest.raises(ValueError, match="not a saved MLP"):
        MLP.load(path)


def test_wrong_numbers_of_inputs_and_weights():
    net = MLP(2, [2, 1])
    with pytest.raises(ValueError, match=r"3 inputs for the 2 weights of z\^1_1"):
        net([1.0, 2.0, 3.0])
    before = net.weights
    with pytest.raises(ValueError, match=r"MLP.weights\[0\]\[0\]"):
        net.weights = [[[1.0], [1.0, 2.0]], [[1.0, 1.0]]]
    with pytest.raises(TypeError, match=r"MLP.weights\[1\]\[0\]\[1\]"):
        net.weights = [[[1.0, 2.0], [1.0, 2.0]], [[1.0, "1"]]]
    assert net.weights == before
    with pytest.raises(ValueError, match="biases"):
        net.biases = [[1.0, 2.0], [None, 1.0]]
    with pytest.raises(ValueError, match="no bias"):
        MLP(1, [1], bias=None).biases = [[1.0]]


def test_mean_and_sum_of_squares():
    ps = [Value(1.0), Value(4.0)]
    assert mse(ps, [0.0, 2.0]).data == 2.5
    assert mse(ps, [0.0, 2.0], reduction="sum").data == 5.0
    loss = mse(ps, [0.0, 2.0])
    loss.backward()
    assert [p.grad for p in ps] == [1.0, 2.0]
    assert mse(ps[0], 3.0).op.name == "pow"


def test_xor_is_learnt():
    net = MLP(2, [4, 1], activation="tanh", output="sigmoid", seed=2)
    data = [([0, 0], 0), ([0, 1], 1), ([1, 0], 1), ([1, 1], 0)]
    optimizer = SGD(net.parameters(), lr=2.0)
    for _ in range(400):
        optimizer.zero_grad()
        mse([net(x) for x, _ in data], [y for _, y in data]).backward()
        optimizer.step()
    assert all(abs(net(x).data - y) < 0.2 for x, y in data)


def test_weights_are_set_as_a_whole():
    net = MLP(2, [1])
    with pytest.raises(TypeError):
        net.weights[0][0][0] = 99.0
    parameters = Neuron(2, bias=None).parameters()
    assert len(parameters) == 2
    neuron = Neuron(2, bias=None)
    neuron.parameters().append(Value(1.0))
    assert len(neuron.w) == 2


def test_places_of_two_digits_and_odd_activations():
    net = MLP(1, [12], seed=0, activation=lambda z: 0.5, output="relu")
    assert net([1.0])[11].label == "\\sigma^1_{12}"
    assert ag.text.unicode(net.layers[0].neurons[11].w[0].label) == "w¹₁₂,₁"
    assert MLP(1, [1], output=lambda z: max(z, 0))([-1.0]) is not None
    with pytest.raises(TypeError, match="list of inputs"):
        net(1.0)
    with pytest.raises(ValueError, match="'Tanh'"):
        MLP(2, [1], activation="Tanh")


def test_pickled_and_copied_nets():
    for name in ("gelu", "relu", "tanh", "softplus"):
        net = MLP(2, [2, 1], activation=name, seed=1)
        for twin in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
            assert twin([1.0, 2.0]).data == net([1.0, 2.0]).data


def test_loading_leaves_the_global_generator_alone(tmp_path):
    MLP(2, [1], seed=1).save(tmp_path / "net.json")
    random.seed(3)
    expected = random.random()
    random.seed(3)
    MLP.load(tmp_path / "net.json")
    assert random.random() == expected
