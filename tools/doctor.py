"""Say in a sentence what keeps the course from running here (`python tools/doctor.py`).

On Linux aarch64 it also makes links to OpenBLAS, which MXNet needs there, and says so; `--undo`
removes these again. Elsewhere it changes nothing.
"""

import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, version

try:
    from tools import mxnet_arm
except ImportError:  # run as a script, or by one beside it
    import mxnet_arm

INSTALL = "python -m pip install --no-deps --require-hashes -r requirements.txt"
MEMORY = (
    "There is too little memory to load MXNet, which with a notebook takes up to 600 MB: close other "
    "programs and notebooks, or raise the limit (ulimit -v, the container's, the hub's)."
)
ADDRESSES = 700 << 20  # what `ulimit -v` must leave to import MXNet on two cores
PACKAGES = ("mxnet", "numpy", "matplotlib")


def python_problem():
    """Name what is wrong with this Python, or give None; start.py has looked at the platform."""
    if not (3, 10) <= sys.version_info[:2] <= (3, 14):
        return f"The course needs Python 3.10 to 3.14; this is {platform.python_version()}."
    return None


def package_problem():
    """Name the package that is missing or that MXNet cannot live with, or give None."""
    for package in PACKAGES:
        try:
            version(package)
        except PackageNotFoundError:
            return (
                f"{package} is not installed here. Install the course's packages: {INSTALL}, or let "
                "python3 start.py make an environment; it also says where MXNet has no package."
            )
    if version("mxnet") != "1.9.1":  # pip on Apple silicon takes 1.6.0, which does not run there
        return f"The course needs MXNet 1.9.1; this is {version('mxnet')}. Install it: {INSTALL}"
    later = tuple(map(int, version("numpy").split(".")[:2])) >= (1, 24)
    if later and "mxnet_numpy" not in sys.modules:  # its .pth imports it at every start
        return (
            f"MXNet 1.9.1 needs numpy 1.23.5, or help to live with numpy {version('numpy')}. "
            "Give it: python tools/mxnet_numpy.py"
        )
    return None


def memory_problem():
    """Name a limit under which MXNet's import would end in a segmentation fault, or give None."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return MEMORY if limit != resource.RLIM_INFINITY and limit < ADDRESSES else None


def import_problem():
    """Import MXNet; name the system library that it does not find, or give None."""
    try:
        import mxnet  # noqa: F401
    except MemoryError:
        return MEMORY
    except OSError as error:
        if "Cannot allocate memory" in str(error) or "failed to map segment" in str(error):
            return MEMORY
        missing = re.match(r"(lib\w+)\.so[.\d]*: cannot open shared object file", str(error))
        if not missing:
            return f"MXNet cannot be loaded: {error}"
        if missing[1].startswith(("libarmpl", "libamath", "libastring")):
            return mxnet_arm.MISSING
        return (
            f"The system library {missing[1]} is missing. MXNet needs libgomp and libquadmath. "
            "Debian and Ubuntu: sudo apt-get install libgomp1 libquadmath0. "
            "Fedora: sudo dnf install libgomp libquadmath."
        )
    except Exception as error:
        return f"MXNet cannot be imported ({type(error).__name__}: {error}). Reinstall: {INSTALL}"
    return None


def problem():
    """Give the first thing that is wrong, as a sentence that says what to do, or None."""
    return (
        python_problem()
        or package_problem()
        or mxnet_arm.main()
        or memory_problem()
        or import_problem()
    )


if __name__ == "__main__":
    undo = sys.argv[1:] == ["--undo"]
    sys.exit(mxnet_arm.main(mxnet_arm.undo) if undo else problem())
