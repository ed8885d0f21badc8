"""Say in a sentence what keeps the course from running here (`python tools/doctor.py`)."""

import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, version

INSTALL = "python -m pip install --no-deps --require-hashes -r requirements.txt"
PACKAGES = ("mxnet", "numpy", "matplotlib")
ELSEWHERE = (
    "Windows: use WSL2. Apple silicon: use a container for linux/amd64. Anywhere: use Binder. "
    "README.md says how."
)


def platform_problem():
    """Name what is wrong with this Python or this machine, or give None."""
    if sys.version_info[:2] != (3, 11):
        return f"The course needs Python 3.11; this is {platform.python_version()}."
    system, machine = platform.system(), platform.machine()
    if (system, machine) not in {
        ("Linux", "x86_64"),
        ("Linux", "aarch64"),
        ("Darwin", "x86_64"),
    }:
        return f"MXNet 1.9.1 has no package for {system} on {machine}. {ELSEWHERE}"
    return None


def package_problem():
    """Name the package that is missing or that MXNet cannot live with, or give None."""
    for package in PACKAGES:
        try:
            version(package)
        except PackageNotFoundError:
            return f"{package} is not installed here. Install the course's packages: {INSTALL}"
    later = tuple(map(int, version("numpy").split(".")[:2])) >= (1, 24)
    if later and "mxnet_numpy" not in sys.modules:  # its .pth imports it at every start
        return (
            f"MXNet 1.9.1 needs numpy 1.23.5, or help to live with numpy {version('numpy')}. "
            "Give it: python tools/mxnet_numpy.py"
        )
    return None


def import_problem():
    """Import MXNet; name the system library that it does not find, or give None."""
    try:
        import mxnet  # noqa: F401
    except OSError as error:
        missing = re.match(r"(lib\w+)\.so[.\d]*: cannot open shared object file", str(error))
        if not missing:
            return f"MXNet cannot be loaded: {error}"
        if missing[1].startswith(("libarmpl", "libamath", "libastring")):
            return f"MXNet needs {missing[1]}, one of the Arm Performance Libraries; install these."
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
    return platform_problem() or package_problem() or import_problem()


if __name__ == "__main__":
    sys.exit(problem())
