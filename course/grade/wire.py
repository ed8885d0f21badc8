"""What the judge and a learner's process say to each other: JSON, and functions called across it.

Nothing is ever unpickled. A function is called where it was defined: its arguments go over as
values, and what it has changed in them comes back. Both ends run this file; the learner's end is
in the learner's hands, so the judge's end believes nothing: what is no value becomes `Broken`.
"""

import base64
import importlib
import inspect
import itertools
import json
import linecache
import struct
import types

import mxnet as mx
import numpy as np

LARGEST = 2**24  # bytes of a message
DEEPEST = 12
DTYPES = {"float16", "float32", "float64", "int8", "uint8", "int32", "int64", "bool"}
DTYPES |= {"int16", "uint16", "uint32", "uint64", "complex64", "complex128"}
MODULES = ("mxnet.ndarray", "mxnet.symbol")
DIGITS = 1000  # of an integer


class Broken(BaseException):
    """The other end says what cannot be understood; no learner's or check's `except` catches it."""


class Gone(BaseException):
    """The other end has ended."""


class TimeIsUp(BaseException):
    """The learner's code has used up its time."""


class Foreign:
    """What is no value: only its type's name and its `repr` came over."""

    def __init__(self, text):
        self.text = text

    def __repr__(self):
        """Give what the value's own `repr` gave."""
        return self.text


def send(sock, message):
    """Send a message."""
    content = json.dumps(message).encode()
    try:
        sock.sendall(struct.pack(">I", len(content)) + content)
    except OSError as error:
        raise Gone from error


def receive(sock):
    """Wait for a message; `Gone` if none will come, `Broken` if it is none."""
    (size,) = struct.unpack(">I", _exactly(sock, 4))
    if size > LARGEST:
        raise Broken("a message too large")
    try:
        message = json.loads(_exactly(sock, size))
    except (ValueError, RecursionError) as error:
        raise Broken("no message") from error
    if not isinstance(message, dict):
        raise Broken("no message")
    return message


def _exactly(sock, size):
    content = bytearray()
    while len(content) < size:
        try:
            part = sock.recv(min(size - len(content), 2**20))
        except OSError as error:
            raise Gone from error
        if not part:
            raise Gone
        content += part
    return bytes(content)


def _packed(array):
    """Give an array as [dtype, shape, bytes]."""
    array = np.ascontiguousarray(array)
    content = base64.b64encode(array.tobytes()).decode()
    return [str(array.dtype), list(np.shape(array)), content]


def _unpacked(packed):
    dtype, shape, content = packed
    if dtype not in DTYPES:
        raise Broken("an unknown dtype")
    array = np.frombuffer(base64.b64decode(content), dtype=dtype)
    return array.reshape([int(size) for size in shape]).copy()


def _graph(text):
    """Read a symbol; of operators with code in them there is none."""
    if any(node["op"] == "Custom" for node in json.loads(text)["nodes"]):
        raise Broken("an operator of the learner's own")
    return mx.sym.load_json(text)


def short(text, length=2000):
    """Give the end of a text, where exceptions say what matters."""
    return text.encode(errors="replace").decode()[-length:]


class Peer:
    """One end. `before` and `after` enclose each call of a function of this end."""

    def __init__(self, sock, before=lambda: None, after=lambda: None, graphs=False):
        self.sock, self.before, self.after = sock, before, after
        self.graphs = graphs  # whether symbols are read; the judge does so where it gave some
        self.listening, self.files = False, []
        self.forget()

    def forget(self):
        """Forget all handles, when a check is done."""
        self.own, self.theirs, self.handles, self.numbers = {}, {}, {}, itertools.count()
        self.seen = {}
        while self.files:
            linecache.cache.pop(self.files.pop(), None)

    def known(self, handle):
        """Give the value of the other end's handle."""
        whose, number = handle
        return self.own[number] if whose == "yours" else self.theirs[number]

    # Values

    def handle(self, value, of_theirs=None):
        """Give a handle of a value by its identity; it stays alive as long as that."""
        if of_theirs is not None:
            self.theirs[of_theirs] = value
            self.handles[id(value)] = (value, ["yours", of_theirs])
        elif id(value) not in self.handles:
            number = next(self.numbers)
            self.own[number] = value
            self.handles[id(value)] = (value, ["mine", number])
        return self.handles[id(value)][1]

    def encode(self, value, depth=0):
        """Give a value as JSON, tagged by its kind."""
        kind = type(value)
        if value is None or kind in (bool, str) or (kind is int and abs(value) < 10**DIGITS):
            return ["v", value if kind is not str else short(value, 10**6)]
        if kind is float:
            return ["f", repr(value)]
        if kind is complex:
            return ["c", repr(value.real), repr(value.imag)]
        if depth < DEEPEST:
            if kind in (list, tuple) and value and all(isinstance(a, mx.sym.Symbol) for a in value):
                return ["symbols", kind.__name__, mx.sym.Group(list(value)).tojson()]
            if kind in (list, tuple, set, frozenset):
                return [kind.__name__, [self.encode(one, depth + 1) for one in value]]
            if isinstance(value, dict):
                pairs = [[self.encode(a, depth + 1) for a in pair] for pair in value.items()]
                return ["dict", pairs]
        if isinstance(value, mx.nd.NDArray):
            return ["nd", self.handle(value), self.state(value)]
        if isinstance(value, np.ndarray) and str(value.dtype) in DTYPES:
            return ["np", _packed(value)]
        if isinstance(value, np.generic) and str(value.dtype) in DTYPES:
            return ["np1", _packed(value)]
        if isinstance(value, mx.sym.Symbol):
            return ["symbol", value.tojson()]
        if isinstance(value, types.ModuleType) and value.__name__ in MODULES:
            return ["module", value.__name__]
        if callable(value):
            return ["function", self.handle(value), described(value)]
        try:
            text = repr(value)
        except Exception as error:  # whatever the learner's class raises
            text = f"{kind.__name__} ({type(error).__name__})"
        return ["other", str(kind.__name__), short(text[:200])]

    def decode(self, coded):
        """Give the value that was encoded, or raise `Broken`."""
        try:
            return self._decode(coded)
        except Gone:
            raise
        except Exception as error:
            raise Broken(f"{type(error).__name__}: {error}") from error

    def _decode(self, coded):
        kind, *rest = coded
        if kind == "v" and (rest[0] is None or type(rest[0]) in (bool, str, int)):
            return rest[0]
        if kind == "f":
            return float(rest[0])
        if kind == "c":
            return complex(float(rest[0]), float(rest[1]))
        if kind in ("list", "tuple", "set", "frozenset"):
            make = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind]
            return make(self._decode(one) for one in rest[0])
        if kind == "dict":
            return {self._decode(key): self._decode(value) for key, value in rest[0]}
        if kind == "nd":
            (whose, number), state = rest
            if whose == "mine" and number not in self.theirs:
                array = _unpacked(state[0])
                self.handle(mx.nd.array(array, dtype=array.dtype), of_theirs=number)
            array = self.known(rest[0])
            self.put(array, state)
            self.seen[id(array)] = array
            return array
        if kind == "np":
            return _unpacked(rest[0])
        if kind == "np1":
            return _unpacked(rest[0])[()]
        if kind == "symbol" and self.graphs:
            return _graph(rest[0])
        if kind == "symbols" and self.graphs:
            return {"list": list, "tuple": tuple}[rest[0]](_graph(rest[1]))
        if kind == "module" and rest[0] in MODULES:
            return importlib.import_module(rest[0])
        if kind == "function":
            (whose, number), description = rest
            if whose == "yours":
                return self.own[number]
            if number not in self.theirs:
                self.handle(self.stand_in(number, description), of_theirs=number)
            return self.theirs[number]
        if kind == "other":
            name = rest[0] if str(rest[0]).isidentifier() else "object"
            return type(name, (Foreign,), {})(str(rest[1])[:200])
        raise Broken("an unknown kind of value")

    # Arrays that are changed in place

    def state(self, array):
        """Give what an NDArray holds: its numbers, and its gradient's if it has one."""
        grad = array.grad
        return [_packed(array.asnumpy()), None if grad is None else _packed(grad.asnumpy())]

    def put(self, array, state):
        """Put what the other end's NDArray holds into this one."""
        values, grad = state
        array[:] = mx.nd.array(_unpacked(values).reshape(array.shape), dtype=array.dtype)
        if grad is not None:
            if array.grad is None:
                array.attach_grad()
            array.grad[:] = mx.nd.array(_unpacked(grad).reshape(array.shape), dtype=array.dtype)

    # Calls

    def call(self, number, args, named):
        """Call the other end's function; what it changes in arrays and lists is changed here."""
        self.graphs |= any(isinstance(one, mx.sym.Symbol) for one in args)
        coded = [self.encode(one) for one in args]
        named = {name: self.encode(value) for name, value in named.items()}
        send(self.sock, {"call": number, "args": coded, "named": named})
        answer = self.until("return", "raise")
        try:
            for handle, state in answer.get("arrays", []):
                self.put(self.known(handle), state)
            for place, items in answer.get("lists", []):
                if isinstance(args[place], list):
                    args[place][:] = [self.decode(one) for one in items]
        except Exception as error:
            raise Broken(str(error)) from error
        return answer

    def until(self, *kinds):
        """Wait for a message of these kinds, and answer the other end's calls meanwhile."""
        while True:
            self.listening = True
            message = receive(self.sock)
            self.listening = False
            if any(kind in message for kind in kinds):
                return message
            if "call" not in message:
                raise Broken("an unexpected message")
            self.serve(message)

    def serve(self, message):
        """Call a function of this end for the other end."""
        self.seen = {}
        try:
            function = self.own[message["call"]]
            args = [self.decode(one) for one in message["args"]]
            named = {str(name): self.decode(one) for name, one in message["named"].items()}
        except Broken:
            raise
        except Exception as error:
            raise Broken(str(error)) from error
        states = [(array, self.state(array)) for array in self.seen.values()]
        try:
            self.before()
            try:
                value = function(*args, **named)
                mx.nd.waitall()
            finally:
                self.after()
            answer = {"return": self.encode(value)}
        except TimeIsUp:
            answer = {"raise": ["TimeIsUp", "", 0]}
        except (Broken, Gone):
            raise
        except BaseException as error:  # as a learner's function may raise anything
            answer = {"raise": _told(error, function)}
        answer["arrays"] = [
            [self.handle(array), new] for array, old in states if (new := self.state(array)) != old
        ]
        answer["lists"] = [
            [place, [self.encode(one) for one in value]]
            for place, value in enumerate(args)
            if type(value) is list
        ]
        send(self.sock, answer)

    def stand_in(self, number, description):
        """Make a function that calls the other end's, and looks like it to `inspect`."""
        source, first, parameters, generator = description
        first = min(max(int(first), 1), 10**5)
        file = f"<answer {id(self)} {number}>"
        lines = ["\n"] * (first - 1) + str(source)[: 10**5].splitlines(keepends=True)
        self.files.append(file)
        linecache.cache[file] = (1, None, lines, file)

        def call(args, named):
            answer = self.call(number, args, named)
            if "return" in answer:
                return self.decode(answer["return"])
            try:
                name, text, line = answer["raise"]
                name, text, line = str(name), str(text), min(max(int(line), 1), 10**5)
            except (ValueError, TypeError) as error:
                raise Broken("an unknown error") from error
            if name == "TimeIsUp":
                raise self.time_is_up()
            error = type(name if name.isidentifier() else "Exception", (Exception,), {})(text)
            code = compile("\n" * (line - 1) + "raise error", file, "exec")
            return exec(code, {"error": error})  # so that the learner's line is in the traceback

        names = {"call": call}
        word = "yield" if generator else "return"
        head = "\n" * (first - 1) + "def answer(*args, **named):\n"
        exec(compile(f"{head} {word} call(args, named)\n", file, "exec"), names)
        answer = names["answer"]
        if isinstance(parameters, list):
            answer.__signature__ = _signature(parameters)
        return answer

    time_is_up = TimeIsUp


KINDS = [
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.KEYWORD_ONLY,
    inspect.Parameter.VAR_KEYWORD,
]


def _signature(parameters):
    return inspect.Signature(
        inspect.Parameter(name, KINDS[kind], default=None if default else inspect.Parameter.empty)
        for name, kind, default in parameters
    )


def described(function):
    """Describe a function: source, first line, parameters, and whether it is a generator's."""
    source, first, parameters = "", 1, None
    try:
        code = getattr(inspect.unwrap(function), "__code__", None)
        lines, first = inspect.getsourcelines(function)
        source, first = short("".join(lines), 10**5), first if code else 1
    except Exception:  # a built-in, or whatever the learner's class raises
        source, first = "", 1
    try:
        parameters = [
            [one.name, KINDS.index(one.kind), one.default is not one.empty]
            for one in inspect.signature(function).parameters.values()
        ]
    except Exception:
        parameters = None
    return [source, max(first, 1), parameters, bool(inspect.isgeneratorfunction(function))]


def _told(error, function):
    """Give an exception as [type, message, the learner's line]."""
    try:
        text = short(str(error))
    except Exception:
        text = ""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    line, place = 0, error.__traceback__
    while place:
        if place.tb_frame.f_code.co_filename == file:
            line = place.tb_lineno
        place = place.tb_next
    return [type(error).__name__, text, line]
