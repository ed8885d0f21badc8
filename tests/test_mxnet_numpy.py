"""MXNet with the numpy that is there: each name, nothing before the import, a clear sentence."""

import math
import re
import subprocess
import sys
import types

import pytest
from common import ROOT

from tools import mxnet_numpy

NUMPY = types.SimpleNamespace(
    inf=math.inf,
    nan=math.nan,
    **{name: object() for name in ("all", "any", "cumprod", "isin", "prod", "round")},
    sort=lambda a, axis: ("sorted", a, axis),
    trapezoid=object(),
    vstack=object(),
)


@pytest.fixture
def numpy():
    """Give a numpy that has none of the names."""
    return types.SimpleNamespace(**vars(NUMPY))


def test_every_name_is_added_where_it_is_missing(numpy):
    assert mxnet_numpy.add_names(numpy) == list(mxnet_numpy.NAMES)
    assert len(set(mxnet_numpy.NAMES)) == len(mxnet_numpy.NAMES)
    assert all(hasattr(numpy, name) for name in mxnet_numpy.NAMES)
    assert mxnet_numpy.add_names(numpy) == []


@pytest.mark.parametrize(("old", "new"), mxnet_numpy.RENAMED.items())
def test_a_renamed_one_is_what_it_is_called_now(numpy, old, new):
    mxnet_numpy.add_names(numpy)
    assert getattr(numpy, old) is getattr(NUMPY, new)


@pytest.mark.parametrize("name", mxnet_numpy.TYPES)
def test_a_type_is_pythons_own(numpy, name):
    mxnet_numpy.add_names(numpy)
    assert getattr(numpy, name) is __builtins__[name]


def test_the_constants_have_their_signs(numpy):
    mxnet_numpy.add_names(numpy)
    assert -math.inf == numpy.NINF
    signs = [math.copysign(1, zero) for zero in (numpy.PZERO, numpy.NZERO)]
    assert signs == [1, -1]


def test_msort_sorts_along_the_first_axis(numpy):
    mxnet_numpy.add_names(numpy)
    assert numpy.msort("a") == ("sorted", "a", 0)


@pytest.mark.parametrize("name", mxnet_numpy.GONE)
def test_one_that_is_gone_says_so_when_called(numpy, name):
    mxnet_numpy.add_names(numpy)
    with pytest.raises(RuntimeError, match=f"no {name} any more.*numpy_financial"):
        getattr(numpy, name)(0.1, 2)


def test_what_numpy_has_stays(numpy):
    numpy.bool = numpy.NaN = kept = object()
    added = mxnet_numpy.add_names(numpy)
    assert "bool" not in added and "NaN" not in added
    assert numpy.bool is numpy.NaN is kept


def run(code, *options, path=()):
    """Run code in a process that finds modules in `path` first."""
    code = f"import sys; sys.path[:0] = {[str(one) for one in path]!r}\n{code}"
    return subprocess.run(
        [sys.executable, "-W", "ignore", *options, "-c", code], capture_output=True, text=True
    )


@pytest.fixture
def fakes(tmp_path):
    """Give a folder with a numpy that lacks the names and an mxnet that uses one of them."""
    numpy = [f"{name} = None" for name in ("all", "any", "cumprod", "inf", "isin", "nan", "prod")]
    numpy += [f"{name} = None" for name in ("round", "sort", "trapezoid", "vstack")]
    (tmp_path / "numpy.py").write_text("\n".join([*numpy, "__version__ = '9.9'"]))
    (tmp_path / "mxnet.py").write_text("import numpy\nzero = numpy.PZERO\n")
    return tmp_path


HOOK = "import mxnet_numpy; mxnet_numpy.hook(); mxnet_numpy.hook()\n"


def test_numpy_is_not_touched_before_mxnet_is_imported(fakes):
    code = """
import importlib.util
assert "numpy" not in sys.modules and "distutils" not in sys.modules
import numpy
importlib.util.find_spec("mxnet")
assert not any(hasattr(numpy, name) for name in mxnet_numpy.NAMES)
import mxnet
assert mxnet.zero == 0 and all(hasattr(numpy, name) for name in mxnet_numpy.NAMES)
assert sum(one.__module__ == "mxnet_numpy" for one in sys.meta_path) == 1
"""
    result = run(HOOK + code, path=(fakes, ROOT / "tools"))
    assert (result.returncode, result.stderr) == (0, "")


def test_a_numpy_that_lacks_more_is_named_in_a_sentence(fakes):
    (fakes / "mxnet.py").write_text("import numpy\nnumpy.whatever\n")
    result = run(HOOK + "import mxnet", path=(fakes, ROOT / "tools"))
    assert re.search(
        r"^ImportError: MXNet 1\.9\.1 cannot live with numpy 9\.9: module 'numpy' has no attribute "
        r"'whatever'\. The course is tested",
        result.stderr,
        re.MULTILINE,
    )


def test_setuptools_is_named_where_distutils_is_missing(fakes):
    code = "sys.modules['distutils'] = sys.modules['setuptools'] = None\nimport mxnet"
    result = run(HOOK + code, path=(fakes, ROOT / "tools"))
    assert result.stderr.rstrip().endswith("python -m pip install setuptools")


def test_setuptools_provides_distutils_where_python_has_none(fakes):
    (fakes / "setuptools.py").write_text(
        "import sys, types\n"
        "sys.modules['distutils'] = types.ModuleType('distutils')\n"
        "sys.modules['distutils.version'] = types.ModuleType('distutils.version')\n"
    )
    code = "sys.modules['distutils'] = None\nimport mxnet\nassert 'setuptools' in sys.modules"
    result = run(HOOK + code, path=(fakes, ROOT / "tools"))
    assert (result.returncode, result.stderr) == (0, "")


def test_the_pth_hooks_at_the_start(tmp_path):
    mxnet_numpy.install(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["mxnet_numpy.pth", "mxnet_numpy.py"]
    code = f"import site; site.addsitedir({str(tmp_path)!r}); print(sys.meta_path[0].__module__)"
    result = run(code, "-S")
    assert (result.stdout, result.stderr) == ("mxnet_numpy\n", "")


def test_it_goes_to_the_users_packages_where_the_environment_is_read_only(monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setattr(mxnet_numpy.sysconfig, "get_path", lambda name: str(blocked / "packages"))
    monkeypatch.setattr(mxnet_numpy.site, "getusersitepackages", lambda: str(tmp_path / "user"))
    mxnet_numpy.install()
    assert (tmp_path / "user/mxnet_numpy.pth").exists()
