"""Let MXNet 1.9.1 be loaded on Linux aarch64 with the distribution's OpenBLAS.

`libmxnet.so` asks there for three of Arm's own libraries, by name only: what it takes from them is
BLAS, LAPACK and LAPACKE. It looks first in its own folder, so `arrange` makes links of these names
in it; `undo` removes them. `python tools/mxnet_arm.py` arranges. Elsewhere nothing is done.
It uses the standard library alone.
"""

import ctypes
import platform
import sys
from importlib.util import find_spec
from pathlib import Path

# What MXNet asks for: what stands in. A library's own dependencies are searched as well, but
# neither of these two has what the other gives; any would do for the third, which gives nothing.
LINKS = {
    "libarmpl_lp64_mp.so": "libopenblas.so.0",
    "libamath.so": "liblapacke.so.3",
    "libastring.so": "libopenblas.so.0",
}
FOLDERS = ("/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", f"{sys.prefix}/lib")
MISSING = (
    "MXNet needs OpenBLAS and LAPACKE on Linux aarch64. Debian and Ubuntu: sudo apt-get install "
    "libopenblas0-pthread liblapacke; then python tools/doctor.py"
)


def mxnet_folder():
    """Give the folder of `libmxnet.so`, or None where MXNet is not installed."""
    spec = find_spec("mxnet")  # which does not import it
    return Path(spec.origin).parent if spec and spec.origin else None


def loads(name):
    """Tell whether the system has a library of this name, such as Arm's own."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def is_ours(link):
    """Tell whether this is a link that `arrange` makes, also where its target has gone."""
    return link.is_symlink() and link.readlink().name == LINKS[link.name]


def arrange(folder=None):
    """Make the links that are missing; give a sentence that says so, empty if there are none.

    Raises
    ------
    OSError
        With a sentence that says what to do.
    """
    folder = folder or mxnet_folder()
    if (platform.system(), platform.machine()) != ("Linux", "aarch64") or not folder:
        return ""
    wanted = {}
    for name, stand_in in LINKS.items():
        link = folder / name
        if (link.exists() and not is_ours(link)) or loads(name):
            continue
        places = [Path(one, stand_in) for one in FOLDERS]
        target = next((place for place in places if place.exists()), None)
        if not target:
            raise OSError(MISSING)
        if not link.is_symlink() or link.readlink() != target:
            wanted[link] = target
    for link, target in wanted.items():
        try:
            link.unlink(missing_ok=True)
            link.symlink_to(target)
        except OSError as error:
            raise OSError(f"MXNet needs a link {link} to {target}: {error.strerror}.") from error
    if not wanted:
        return ""
    made = ", ".join(f"{link.name} -> {target}" for link, target in wanted.items())
    return (
        f"In {folder}, OpenBLAS stands in for Arm's libraries: {made}. "
        "To undo this: python tools/doctor.py --undo"
    )


def undo(folder=None):
    """Remove the links that `arrange` made; give a sentence that says so."""
    folder = folder or mxnet_folder()
    ours = [folder / name for name in LINKS if is_ours(folder / name)] if folder else []
    for link in ours:
        link.unlink()
    return f"Removed from {folder}: {', '.join(one.name for one in ours)}." if ours else ""


def main(change=arrange):
    """Arrange or undo, and say what was done; give a sentence where that failed, or None."""
    try:
        done = change()
    except OSError as error:
        return str(error)
    if done:
        print(done)
    return None


if __name__ == "__main__":
    sys.exit(main())
