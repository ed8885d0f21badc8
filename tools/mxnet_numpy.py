"""Let MXNet 1.9.1 be imported with the numpy that is there.

MXNet 1.9.1 was made for numpy before 1.24 and takes `distutils` for granted. `hook` makes
`import mxnet` give numpy back what its later releases removed; numpy is not touched before.
`python tools/mxnet_numpy.py` puts this module and a `.pth` that calls `hook` at every start into
the environment that it runs in. It uses the standard library alone.
"""

import builtins
import importlib
import shutil
import site
import sys
import sysconfig
import warnings
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path

PTH = "import mxnet_numpy; mxnet_numpy.hook()\n"

# What was removed: the name under which numpy has it now
RENAMED = {
    "Inf": "inf",
    "Infinity": "inf",
    "NAN": "nan",
    "NaN": "nan",
    "PINF": "inf",
    "infty": "inf",
    "alltrue": "all",
    "cumproduct": "cumprod",
    "in1d": "isin",
    "product": "prod",
    "round_": "round",
    "row_stack": "vstack",
    "sometrue": "any",
    "trapz": "trapezoid",
}
CONSTANTS = {"NINF": float("-inf"), "NZERO": -0.0, "PZERO": 0.0}
# Until 1.23 these were Python's own types under another name; numpy 2 has a `bool` of its own.
TYPES = ("bool", "complex", "float", "int", "object", "str")
# MXNet only names them; with numpy 1.23, too, to call one is an error.
GONE = ("mirr", "npv", "pmt", "ppmt", "pv", "rate")
NAMES = (*RENAMED, *CONSTANTS, *TYPES, *GONE, "msort")


def _gone(name):
    def gone(*args, **kwargs):
        raise RuntimeError(f"numpy has no {name} any more: it went to the package numpy_financial.")

    gone.__name__ = name
    return gone


def _stand_in(numpy, name):
    """Give what `numpy.NAME` was."""
    if name in RENAMED:
        return getattr(numpy, RENAMED[name])
    if name in CONSTANTS:
        return CONSTANTS[name]
    if name in TYPES:
        return getattr(builtins, name)
    if name == "msort":
        return lambda a: numpy.sort(a, axis=0)
    return _gone(name)


def add_names(numpy):
    """Add those of `NAMES` that this numpy lacks, and give them as a list."""
    added = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy warns of names that it will remove
        for name in NAMES:
            if not hasattr(numpy, name):
                setattr(numpy, name, _stand_in(numpy, name))
                added.append(name)
    return added


def provide_distutils():
    """Import `distutils`, which setuptools provides where Python has none (from 3.12 on)."""
    for provider in (None, "setuptools"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                if provider:
                    importlib.import_module(provider)
                importlib.import_module("distutils.version")
                return
            except ImportError:
                continue
    raise ImportError(
        "MXNet 1.9.1 needs distutils, which this Python does not have; setuptools provides it: "
        "python -m pip install setuptools"
    )


class _Loader(SourceFileLoader):
    def exec_module(self, module):
        provide_distutils()
        numpy = importlib.import_module("numpy")
        add_names(numpy)
        try:
            super().exec_module(module)
        except AttributeError as error:
            if "numpy" not in str(error).lower():
                raise
            raise ImportError(
                f"MXNet 1.9.1 cannot live with numpy {numpy.__version__}: {error}. "
                "The course is tested with the releases that its requirements.txt names."
            ) from error


class _Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "mxnet":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


def hook():
    """Let the next `import mxnet` find what it needs; a second call changes nothing."""
    if not any(getattr(one, "__module__", "") == "mxnet_numpy" for one in sys.meta_path):
        _Finder.__module__ = "mxnet_numpy"  # under whatever name this copy was imported
        sys.meta_path.insert(0, _Finder)


def install(folder=None):
    """Put this module and its `.pth` into a folder, by default this environment's packages."""
    folders = [folder] if folder else [sysconfig.get_path("purelib"), site.getusersitepackages()]
    for one in map(Path, folders):
        try:
            one.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(__file__, one / "mxnet_numpy.py")
            (one / "mxnet_numpy.pth").write_text(PTH, encoding="ascii")
            return
        except OSError as error:
            problem = error
    raise problem


if __name__ == "__main__":
    install()
