"""One process of a job on this machine, the others on other machines.

The launchers keep in touch by connections of their own, to the port after the scheduler's. There
they meet at the start, say every second that they are alive, and tell each other when something
fails. (ps-lite can send heartbeats, but does nothing when they stay away.)
"""

import json
import socket
import time
from contextlib import ExitStack, suppress

from course.cluster.process import (
    NO_STORE,
    PATIENCE,
    ClusterError,
    Process,
    Reader,
    check_free,
    find_failed,
)


class Link:
    """A connection to another launcher; a message is a line of JSON.

    Parameters
    ----------
    connection : socket
    name : str
        Who is at the other end, for error messages.
    """

    def __init__(self, connection, name):
        self.connection = connection
        connection.settimeout(None)  # with a timeout, Python would heed it before MSG_DONTWAIT
        self.name = name
        self.received = b""
        self.heard = self.spoke = time.monotonic()
        self.done = False

    def __enter__(self):
        """Give the link itself."""
        return self

    def __exit__(self, *exception):
        """Close the connection, after the other end or after two seconds.

        Closed while something unread has come, it would be reset, and the last message lost.
        """
        with self.connection, suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(2)
            while self.connection.recv(1 << 16):
                pass

    def send(self, **message):
        """Send a message, if the other end is there to take it."""
        self.spoke = time.monotonic()
        with suppress(OSError):  # `messages` will say so
            self.connection.sendall(json.dumps(message).encode() + b"\n")

    def messages(self):
        """Give what has come, without waiting; say every second that we are alive.

        Raises
        ------
        ClusterError
            If the other end says that something has failed, or is no longer there.
        """
        now = time.monotonic()
        if now - self.spoke > 1:
            self.send()
        try:
            new = self.connection.recv(1 << 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            if now - self.heard > PATIENCE and not self.done:
                raise ClusterError(
                    f"nothing has been heard from {self.name} for {PATIENCE} s"
                ) from None
            return []
        except OSError:
            new = b""
        if not new and not self.done:
            raise ClusterError(f"{self.name} has gone: it was stopped, or its machine died")
        self.heard = now
        *lines, self.received = (self.received + new).split(b"\n")
        messages = [json.loads(line) for line in lines]
        for message in messages:
            self.done = self.done or "done" in message
            if "failed" in message:
                raise ClusterError(message["failed"])
        return messages

    def wait_for(self, word, seconds):
        """Wait for a message that has this word; None if none comes in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for message in self.messages():
                if word in message:
                    return message[word]
            time.sleep(0.02)
        return None


def take_part(role, root, workers, servers, task, folder, wait):
    """Be one process of a job on several machines, until it has ended.

    Parameters
    ----------
    role : str
        "scheduler", "server" or "worker".
    root : tuple of str and int
        Host and port of the scheduler.
    workers, servers : int
        How many there are in all.
    task : bytes
        What `pack_task` gave; only workers do it.
    folder : str
        The script's.
    wait : float
        Seconds to wait for the others at the start.

    Raises
    ------
    ClusterError
        If this process or another fails, or if others do not come.
    """
    numbers = {"server": servers, "worker": workers}
    with ExitStack() as stack:
        if role == "scheduler":
            own = root[0]
            links = gather(root, numbers, wait, stack)
        else:
            link = join(role, root, numbers, wait, stack)
            links, own = [link], link.connection.getsockname()[0]
        variables = {
            "DMLC_PS_ROOT_URI": socket.gethostbyname(root[0]),
            "DMLC_PS_ROOT_PORT": str(root[1]),
            "DMLC_NUM_SERVER": str(servers),
            "DMLC_NUM_WORKER": str(workers),
            "DMLC_NODE_HOST": own,  # where a server or a worker listens: on this address only
        }
        task = task if role == "worker" else b""
        process = Process(f"{role} at {own}", role, variables, task, folder)
        stack.callback(process.end)
        try:
            supervise(process, links, wait_for_all=role == "scheduler")
        except ClusterError as error:
            tell(links, error)
            raise


def supervise(process, links, wait_for_all):
    """Show what the process writes until it has ended, and until all have, if so wished."""
    first_end = None
    with Reader([process]) as reader:
        while process.popen.poll() is None or (
            wait_for_all and not all(link.done for link in links)
        ):
            reader.read()
            process.show()
            if find_failed([process]):
                break
            for link in links:
                link.messages()
            if wait_for_all and any(link.done for link in links):
                first_end = first_end or time.monotonic()
                if process.popen.poll() is None and time.monotonic() - first_end > PATIENCE:
                    raise ClusterError(f"some workers wait for others that have ended: {NO_STORE}")
        reader.read_rest()
        process.show()
    if find_failed([process]):
        raise ClusterError(process.failure())
    for link in links:
        link.send(done=True)


def tell(links, error):
    """Let the other launchers know what has failed."""
    for link in links:
        link.send(failed=str(error))


def join(role, root, numbers, wait, stack):
    """Give the link to the scheduler's launcher, when it has said that all are there."""
    host, port = root
    deadline = time.monotonic() + wait
    while True:
        try:
            connection = socket.create_connection((host, port + 1), timeout=1)
            break
        except OSError as error:
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"no scheduler was found at {host}:{port} within {wait} s ({error}): start it "
                    "there, with --role scheduler and the same --root"
                ) from None
            time.sleep(0.2)
    link = stack.enter_context(Link(connection, f"the scheduler's launcher at {host}"))
    link.send(hello=[role, numbers])
    while not link.wait_for("go", PATIENCE):
        pass  # it is alive and waits for others; `messages` raises when it gives up
    return link


def gather(root, numbers, wait, stack):
    """Give the links to all servers' and workers' launchers, when they are there."""
    host, port = root
    servers, workers = numbers.values()
    for number in (port, port + 1):
        check_free(host, number)
    listener = stack.enter_context(socket.create_server((host, port + 1)))
    listener.settimeout(0.2)
    links, come = [], dict.fromkeys(numbers, 0)
    deadline = time.monotonic() + wait
    try:
        while come != numbers:
            if time.monotonic() > deadline:
                there = " and ".join(f"{come[role]} of {numbers[role]} {role}s" for role in come)
                raise ClusterError(f"within {wait} s only {there} have come to {host}:{port}")
            for link in links:
                link.messages()
            try:
                connection, (address, _) = listener.accept()
            except TimeoutError:
                continue
            link = stack.enter_context(Link(connection, f"the launcher at {address}"))
            try:
                role, theirs = link.wait_for("hello", 2)
            except (ClusterError, ValueError, TypeError):
                continue  # something else has knocked at the port
            if role not in numbers:
                continue
            if theirs != numbers:
                link.send(
                    failed=f"the scheduler at {host} was started with {servers} servers and {workers} "
                    f"workers, the {role} at {address} was not: give all the same numbers"
                )
            elif come[role] == numbers[role]:
                link.send(failed=f"the scheduler at {host} has {come[role]} {role}s already")
            else:
                link.name = f"the launcher of a {role} at {address}"
                come[role] += 1
                links.append(link)
    except ClusterError as error:
        tell(links, error)
        raise
    for link in links:
        link.send(go=True)
    return links
