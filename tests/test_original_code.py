"""Code in the style of the chapter's first edition still runs on our `utils`, unchanged.

Such a notebook lies one folder below `utils.py`, appends that folder to the path and calls the four
public functions by name and by position.
"""

import shutil

import nbformat
from common import ROOT
from nbclient import NotebookClient

CODE = """
%matplotlib inline
import sys
sys.path.append('..')
import utils
import matplotlib as mpl
import mxnet as mx
import numpy as np
from matplotlib import pyplot as plt
from mxnet import autograd, nd

mx.random.seed(3)
count, features = 200, nd.random.normal(0, 1, shape=(200, 2))
labels = 2 * features[:, 0] - 3.4 * features[:, 1] + 4.2
weight, bias = nd.random.normal(scale=0.01, shape=(2, 1)), nd.zeros(shape=(1,))
velocities = []
for array in (weight, bias):
    array.attach_grad()
    velocities.append(array.zeros_like())

model, criterion, curve = utils.linreg, utils.squared_loss, []
for epoch in range(1, 4):
    for index, (data, label) in enumerate(utils.data_iter(10, count, features, labels)):
        with autograd.record():
            cost = criterion(model(data, weight, bias), label)
        cost.backward()
        for array, velocity in zip((weight, bias), velocities):
            velocity[:] = 0.5 * velocity + 0.1 * array.grad / 10
            array[:] = array - velocity
        if index * 10 % 10 == 0:
            curve.append(criterion(model(features, weight, bias), labels).mean().asnumpy())
utils.set_fig_size(mpl)
plt.semilogy(np.linspace(0, 3, len(curve)), curve)
plt.show()
print(len(curve), curve[-1] < 1e-3, mpl.rcParams['figure.figsize'])
"""


def test_it_runs_one_folder_below_utils(tmp_path):
    shutil.copy(ROOT / "utils.py", tmp_path)
    chapter = tmp_path / "chapter_optimization"
    chapter.mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CODE)])
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(chapter)}}).execute()
    *drawn, printed = sorted(notebook.cells[0].outputs, key=lambda output: output.output_type)
    assert [set(output.data) for output in drawn] == [{"image/png", "text/plain"}]
    assert printed.text == "60 [ True] [3.5, 2.5]\n"
