"""Send a function to another process, even one that is defined in a notebook."""

import builtins
import importlib
import io
import linecache
import marshal
import pickle
from types import CodeType, FunctionType, ModuleType


def pack(value):
    """Pickle a value; a function of a notebook goes with all that it uses there.

    That is, with the modules, the data and the other functions of the notebook that it names.

    Raises
    ------
    TypeError
        If it uses a class of the notebook, or variables of a function around it.
    """
    packed = io.BytesIO()
    _Pickler(packed).dump(value)
    return packed.getvalue()


class _Pickler(pickle.Pickler):
    def reducer_override(self, value):
        if isinstance(value, ModuleType):
            return importlib.import_module, (value.__name__,)
        if not isinstance(value, (FunctionType, type)) or value.__module__ != "__main__":
            return NotImplemented  # as pickle does it: what a module defines goes by its name
        if isinstance(value, type):
            raise TypeError(
                f"the class {value.__name__} is defined in the notebook, where other processes do "
                "not find it: define it in a module, a file NAME.py beside the notebook, and import it"
            )
        if value.__closure__:
            raise TypeError(
                f"{value.__name__} uses variables of the function around it: pass them as arguments"
            )
        code, known = value.__code__, value.__globals__
        used = {name: known[name] for name in _names(code) if name in known}
        lines = linecache.getlines(code.co_filename)  # for tracebacks
        state = (used, value.__defaults__, value.__kwdefaults__)
        return _function, (marshal.dumps(code), lines), state, None, None, _complete


def _names(code):
    """Give the global names that a function and those inside it may use."""
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _function(code, lines):
    code = marshal.loads(code)
    linecache.cache[code.co_filename] = (sum(map(len, lines)), None, lines, code.co_filename)
    return FunctionType(code, {"__builtins__": builtins, "__name__": "__main__"})


def _complete(function, state):
    """Give a function what it uses: afterwards, as two functions may use each other."""
    used, function.__defaults__, function.__kwdefaults__ = state
    function.__globals__.update(used)
