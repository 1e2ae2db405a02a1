#!/usr/bin/python3
"""A bgtask supervisor in Python: the core profile of docs/launch.md, docs/wire.md and docs/pool-directory.md, which the
ids refer to. It needs the standard library and msgpack (Debian: python3-msgpack)."""

import asyncio
import errno
import json
import os
import secrets
import signal
import socket
import stat
import subprocess
import sys
import time

import msgpack

SOFTWARE = "python-example/1.0"
FEATURES = []
MAX_MESSAGE = 1024 * 1024
MAX_READ = 512 * 1024
MAX_UNSENT = 16 * 1024 * 1024
MAX_SURVIVORS = 100
MAX_UNSHOWN = 1024 * 1024

# L-40, L-70; SIGPIPE and SIGXFSZ are ignored by Python itself.
ENDING = "SIGTERM SIGINT SIGQUIT SIGABRT SIGXCPU SIGPWR SIGSYS"
MEANINGLESS = "SIGUSR1 SIGUSR2 SIGALRM SIGVTALRM SIGPROF SIGIO SIGSTKFLT"


class Refused(Exception):
    """An error that a peer or the launcher is told."""

    def __init__(self, code, message, **data):
        super().__init__(message)
        self.wire = {"code": code, "message": message, "data": data}


class AnotherTask(Refused):
    """The client means a task that had this pid before: nothing more is done for it."""


def require(condition, option, got):
    if not condition:
        raise Refused("ERR_BGTASK_INVALID_OPTION", f"{option} is wrong: {got!r}", option=option, got=repr(got))


def is_count(value):
    return type(value) is int and 0 <= value < 2**53


# ---- the launch ----


def read_spec():
    os.set_blocking(0, True)
    stdin = b"".join(iter(lambda: os.read(0, 65536), b""))  # L-10
    if not stdin:
        sys.exit(0)  # L-11
    spec = msgpack.unpackb(stdin)
    require(isinstance(spec, dict) and spec.get("v") == 1, "v", spec)  # L-13
    wanted = {"lockfile": spec["lockfile"], "maxRuntimeMs": spec["maxRuntimeMs"]}
    wanted["restart"] = None if spec["restart"]["on"] == "never" else spec["restart"]
    wanted["overflow"] = None if spec["overflow"] == "discard" else spec["overflow"]
    for option, value in wanted.items():  # L-15
        if value is not None:
            raise Refused("ERR_BGTASK_UNSUPPORTED", f"{option} is not supported by {SOFTWARE}", method=option)
    missing = [name for name in spec.get("needs", []) if name not in FEATURES]
    if missing:  # L-16
        words = ", ".join(missing)
        raise Refused("ERR_BGTASK_UNSUPPORTED", f"{SOFTWARE} lacks what the spec needs: {words}", features=missing)
    return spec


class Output:
    """An output of the child: its newest bytes, by offsets that never move."""

    def __init__(self, capacity):
        self.capacity, self.kept, self.end, self.open = capacity, bytearray(), 0, True
        self.terminal, self.skipped = None, 0
        self.read_end, self.write_end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.read_end, False)

    @property
    def first(self):
        return self.end - len(self.kept)

    def take(self):
        """Reads what the pipe holds, a MiB at most: a grandchild may write for ever."""
        for _ in range(16):
            try:
                data = os.read(self.read_end, 65536) if self.open else b""
            except BlockingIOError:
                return
            if not data:
                self.open = False
                return
            self.end += len(data)
            self.kept += data
            self.show(data)
            del self.kept[: -self.capacity]  # W-115

    async def show_on(self, fd):
        """L-46: what comes is written to the launcher's descriptor too."""
        connect = asyncio.get_running_loop().connect_write_pipe
        self.terminal, _ = await connect(asyncio.Protocol, os.fdopen(fd, "wb", 0, closefd=False))
        self.show(bytes(self.kept))

    def show(self, data):
        if not self.terminal or self.terminal.is_closing():  # L-48
            return
        if self.unshown() > (0 if self.skipped else MAX_UNSHOWN):  # L-47
            self.skipped += len(data)
            return
        if self.skipped:
            self.terminal.write(f"\n[bgtask: {self.skipped} bytes were not shown]\n".encode())
            self.skipped = 0
        self.terminal.write(data)

    def unshown(self):
        return self.terminal.get_write_buffer_size() if self.terminal else 0

    def read(self, start, count):
        offset = min(max(start, self.first), self.end)  # W-110
        at = offset - self.first
        return offset, bytes(self.kept[at : at + count])


class Supervisor:
    def __init__(self, spec):
        self.spec, self.pid = spec, os.getpid()
        self.name, self.claim, self.log = f"{self.pid}.sock", f".{self.pid}.s", f"{self.pid}.out"
        self.directory = os.open(spec["poolPath"], os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)  # D-55
        self.outputs = {1: Output(spec["maxReadBufSize"]), 2: Output(spec["maxReadBufSize"])}
        self.state, self.exit_status, self.stopping, self.inodes = "starting", None, False, set()
        self.created_at, self.started_at, self.exited_at = now(), None, None
        self.connections, self.changed = set(), asyncio.Condition()
        self.child, self.terminating, self.unanswered = None, None, 0
        self.known = set()

    async def launch(self):
        try:
            self.server = self.listen()
            self.start_child()
            at = self.directory
            os.link(self.claim, self.name, src_dir_fd=at, dst_dir_fd=at, follow_symlinks=False)  # D-1: it listens by now
            os.unlink(self.claim, dir_fd=self.directory)
            os.write(2, f"DAEMON_PID={self.pid}\n".encode())  # L-30
        except BaseException:  # L-36, L-37
            await self.end_tree([{"killSignal": "SIGKILL", "waitMs": 2000}])
            self.remove_traces()
            raise
        self.release_stdio()
        if self.spec["behavior"] == "foreground":
            for fd, output in self.outputs.items():
                await output.show_on(fd)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGCHLD, self.reap)
        hangup = "SIGHUP" if self.spec["behavior"] == "daemon" else ""
        for name in f"{MEANINGLESS} {hangup}".split():
            loop.add_signal_handler(signal.Signals[name], lambda: None)
        for name in ENDING.split():
            loop.add_signal_handler(signal.Signals[name], lambda: loop.create_task(self.terminate_and_go()))
        for output in self.outputs.values():
            loop.add_reader(output.read_end, self.take, output)
        self.reap()
        await asyncio.start_unix_server(lambda r, w: Connection(self, r, w).serve(), sock=self.server)

    def listen(self):
        """D-52, D-53: the socket is made where nobody else can put a link in its place, and claims the names of the pid."""
        require(len(os.fsencode(os.path.join(self.spec["poolPath"], self.name))) <= 107, "poolPath", self.spec["poolPath"])
        server = socket.socket(socket.AF_UNIX)
        private = f".{self.pid}.{secrets.token_hex(3)}"
        umask = os.umask(0o077)
        os.mkdir(private, 0o700, dir_fd=self.directory)
        os.umask(umask)
        inside = os.open(private, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.directory)
        try:
            server.bind(f"/proc/self/fd/{inside}/s")
            server.listen(128)
            self.give_access(f"/proc/self/fd/{inside}/s")
            self.inodes.add(os.stat("s", dir_fd=inside, follow_symlinks=False).st_ino)
            self.remove_dead(self.claim)
            self.link_claim(inside)
        finally:
            os.unlink("s", dir_fd=inside)
            os.rmdir(private, dir_fd=self.directory)
            os.close(inside)
        self.remove_dead(self.name)
        self.log_fd = self.make_log()
        return server

    def make_log(self):
        """D-54: it is not opened by name again."""
        found = self.stat(self.log)
        if found is not None:
            if found.st_uid != os.geteuid():
                raise self.taken(self.log)
            os.unlink(self.log, dir_fd=self.directory)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_APPEND | os.O_CLOEXEC
        log = os.open(self.log, flags, 0o600, dir_fd=self.directory)
        self.inodes.add(os.fstat(log).st_ino)
        self.give_access(log)
        return log

    def give_access(self, file):
        """D-2."""
        access = self.spec["access"]
        os.chown(file, -1, -1 if access["gid"] is None else access["gid"])
        os.chmod(file, access["mode"] & 0o666)

    def remove_dead(self, name):
        """Removes a socket of ours that refuses; anything else is in the way."""
        found = self.stat(name)
        if found is None:
            return
        if found.st_uid == os.geteuid() and stat.S_ISSOCK(found.st_mode):
            with socket.socket(socket.AF_UNIX) as probe:
                probe.setblocking(False)
                if probe.connect_ex(f"/proc/self/fd/{self.directory}/{name}") == errno.ECONNREFUSED:
                    os.unlink(name, dir_fd=self.directory)
                    return
        raise self.taken(name)

    def link_claim(self, inside):
        """Replaces nothing, as `rename` would."""
        try:
            os.link("s", self.claim, src_dir_fd=inside, dst_dir_fd=self.directory, follow_symlinks=False)
        except FileExistsError:
            raise self.taken(self.claim)

    def taken(self, name):
        path = os.path.join(self.spec["poolPath"], name)
        return Refused("NAME_TAKEN", f"the name {path} is taken", path=path)

    def stat(self, name):
        try:
            return os.stat(name, dir_fd=self.directory, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def start_child(self):
        spec = self.spec
        piped = spec["stdin"] == "pipe"
        self.child = subprocess.Popen(  # L-20 to L-26
            spec["exec"],
            env={**spec["env"], "BGTASK_SUPERVISOR_PID": str(self.pid)},
            cwd=spec["cwd"],
            umask=spec["umask"],
            stdin=subprocess.PIPE if piped else subprocess.DEVNULL,
            stdout=self.outputs[1].write_end,
            stderr=self.outputs[2].write_end,
            start_new_session=True,
        )
        for output in self.outputs.values():
            os.close(output.write_end)
        self.child_start_time = int(stat_of(self.child.pid)[19])
        self.state, self.started_at = "running", now()

    def release_stdio(self):
        """L-32, L-33: the launcher's descriptors go, on the fds that they have; L-46: in the foreground two stay."""
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        os.dup2(null, 0)
        if self.spec["behavior"] != "foreground":
            os.dup2(self.log_fd, 1)
            os.dup2(self.log_fd, 2)
        os.chdir("/")

    def remove_traces(self):
        """D-7, D-8: only what is still the file that it made."""
        for name in (self.claim, self.name, self.log):
            found = self.stat(name)
            if found is not None and found.st_ino in self.inodes:
                os.unlink(name, dir_fd=self.directory)

    # ---- the child ----

    def reap(self):
        if self.state in ("exited", "starting") or self.exit_status:
            return
        self.group()  # W-201: before its pid is free for others.
        if self.child.poll() is None:
            return
        for output in self.outputs.values():
            output.take()  # W-53
        code = self.child.returncode
        by = signal.Signals(-code).name if code < 0 else None
        cause = "stopped" if self.stopping else "signal" if by else "exit"
        self.exit_status = {"exitCode": None if by else code, "signal": by, "cause": cause}
        self.exited_at = now()
        if self.state != "terminating":
            self.state = "exited"
        self.wake()

    def take(self, output):
        output.take()
        if not output.open:
            asyncio.get_running_loop().remove_reader(output.read_end)
            os.close(output.read_end)
        self.wake()

    def wake(self):
        async def notify():
            async with self.changed:
                self.changed.notify_all()

        asyncio.get_running_loop().create_task(notify())

    async def until(self, look, wait_ms=None):
        """Looks whenever something changes, until the time is up."""
        deadline = None if wait_ms is None else time.monotonic() + wait_ms / 1000
        async with self.changed:
            while not look():
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return
                try:
                    await asyncio.wait_for(self.changed.wait(), left)
                except asyncio.TimeoutError:
                    return

    def group(self):
        """Who is left of the child's process group: pids and start times, the child first."""
        members = []
        for pid in filter(str.isdigit, os.listdir("/proc")) if self.child else ():
            fields = stat_of(pid)
            if fields and int(fields[2]) == self.child.pid and is_alive(pid, fields):
                members.append((int(pid), int(fields[19])))
        if self.child and self.child.returncode is not None and self.known.isdisjoint(members):
            members = []  # W-201: the group is somebody else's by now.
        self.known = set(members)
        return sorted(members, key=lambda member: member[0] != self.child.pid)

    async def end_tree(self, steps):
        """W-90, W-92: each step signals the group and waits for its end."""
        for step in steps:
            deadline = time.monotonic() + step["waitMs"] / 1000
            if not self.group():
                break
            for number in (signal.Signals[step["killSignal"]], signal.SIGCONT):
                try:
                    os.killpg(self.child.pid, number)
                except ProcessLookupError:
                    pass
            while self.group() and time.monotonic() < deadline:
                await asyncio.sleep(0.01)
        return self.group()

    async def stop(self, steps):
        self.stopping = True
        steps = steps or self.spec["stop"]
        deadline = time.monotonic() + sum(step["waitMs"] for step in steps) / 1000
        left = await self.end_tree(steps)
        child = (self.child.pid, self.child_start_time)
        if child not in left:
            self.reap()
            patience_ms = max(deadline - time.monotonic(), 1) * 1000
            await self.until(lambda: self.exit_status is not None, patience_ms)
            if self.exit_status is None:  # W-203
                left.insert(0, child)
        result = {"exitStatus": self.exit_status, "survivors": [described(*one) for one in left[:MAX_SURVIVORS]]}
        if len(left) > MAX_SURVIVORS:  # W-202
            result["moreSurvivors"] = len(left) - MAX_SURVIVORS
        return result

    async def terminate(self, steps):
        self.state = "terminating"
        result = await self.stop(steps)
        self.remove_traces()
        return result

    async def terminate_and_go(self):
        await self.terminate(None)
        asyncio.get_running_loop().stop()

    async def show_rest(self):
        """L-49."""
        deadline = time.monotonic() + 5
        for output in self.outputs.values():
            output.take()
            while output.unshown() and time.monotonic() < deadline:
                await asyncio.sleep(0.01)

    # ---- the methods ----

    def info(self):
        spec, running = self.spec, self.exit_status is None
        return {
            "taskId": spec["taskId"],
            "supervisorPid": self.pid,
            "pid": self.child.pid if running else None,
            "meta": spec["meta"],
            "command": spec["exec"],
            "cwd": spec["cwd"],
            "behavior": spec["behavior"],
            "lockfile": None,
            "state": self.state,
            "run": 1,
            "restarts": 0,
            "restart": spec["restart"],
            "createdAt": self.created_at,
            "startedAt": self.started_at,
            "exitedAt": self.exited_at,
            "exitStatus": self.exit_status,
            "stdio": "pipe",
            "protocol": 1,
            "software": SOFTWARE,
            "features": FEATURES,
            "clientCount": len(self.connections),
            "streams": {
                str(stream): {
                    "firstOffset": output.first,
                    "endOffset": output.end,
                    "runOffset": 0,
                    "discarded": output.first,
                    "eof": not output.open and not running,
                    "error": None,
                }
                for stream, output in self.outputs.items()
            },
        }

    def hello(self, params):
        task_id = self.spec["taskId"]
        asked = params.get("taskId", task_id)
        require(isinstance(asked, str), "taskId", asked)
        if asked != task_id:
            raise AnotherTask("ERR_BGTASK_TASK_GONE", f"task {asked} is gone", taskId=asked)
        return {
            "protocol": 1,
            "software": SOFTWARE,
            "methods": sorted(METHODS),
            "features": FEATURES,
            "taskId": task_id,
        }

    def kill(self, params):
        number = signal_of(params.get("killSignal"))
        require(not params.get("tree"), "tree", True)
        delivered = self.exit_status is None
        if delivered:
            os.kill(self.child.pid, number)  # Not waited for yet, so the pid is its own.
        return {"delivered": delivered}

    async def read_stream(self, params):
        stream, start, wait_ms = params.get("streamId"), params.get("from"), params.get("waitMs", 0)
        count = params.get("maxBytes", 65536)
        require(type(stream) is int and stream in self.outputs, "streamId", stream)
        require(start is None or is_count(start), "from", start)
        require(is_count(count), "maxBytes", count)
        require(is_count(wait_ms) and wait_ms <= 60000, "waitMs", wait_ms)
        output = self.outputs[stream]
        start = output.first if start is None else start
        at_end = lambda: not output.open and self.exit_status is not None
        await self.until(lambda: start < output.end or at_end(), wait_ms)
        offset, data = output.read(start, min(count, MAX_READ))
        end = at_end() and offset + len(data) == output.end
        return {"offset": offset, "data": data, "eof": end, "endOffset": output.end}


def stat_of(pid):
    """The fields of /proc/PID/stat behind the name."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()
    except OSError:
        return None


def is_alive(pid, fields):
    """D-50: it is no zombie, or one of its threads is none."""
    if fields[0] not in "ZX":
        return True
    try:
        threads = os.listdir(f"/proc/{pid}/task") if int(fields[17]) > 1 else []
    except OSError:
        return False
    return any((stat_of(thread) or "Z")[0] not in "ZX" for thread in threads)


def described(pid, start_time):
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as line:
            command = line.read(4096).replace("\0", " ").strip()
    except OSError:
        command = ""
    return {"pid": pid, "startTime": start_time, "command": command[:200]}


def now():
    return int(time.time() * 1000)


def signal_of(name):
    require(isinstance(name, str) and name in signal.Signals.__members__, "killSignal", name)
    return signal.Signals[name]


def steps_of(params):
    steps = params.get("steps")
    if steps is None:
        return None
    require(isinstance(steps, list) and 1 <= len(steps) <= 32, "steps", steps)
    for step in steps:
        require(isinstance(step, dict) and is_count(step.get("waitMs")) and step["waitMs"] < 2**31, "steps.waitMs", step)
        signal_of(step.get("killSignal"))
    return steps


METHODS = {
    "hello": Supervisor.hello,
    "getInfo": lambda supervisor, _: supervisor.info(),
    "kill": Supervisor.kill,
    "stop": lambda supervisor, params: supervisor.stop(steps_of(params)),
    "terminate": lambda supervisor, params: supervisor.terminate(steps_of(params)),
    "readStream": Supervisor.read_stream,
}


# ---- the wire ----


def is_notification(message):
    return isinstance(message, list) and len(message) == 3 and message[0] == 2 and isinstance(message[1], str) and isinstance(message[2], list)


class Connection:
    def __init__(self, supervisor, reader, writer):
        self.supervisor, self.reader, self.writer, self.calls = supervisor, reader, writer, set()
        self.is_over = False

    async def serve(self):
        self.supervisor.connections.add(self)
        try:
            await self.read_messages()
        except ConnectionError:
            pass
        except Exception as problem:  # W-9, W-11
            self.send([2, "error", [{"code": "ERR_BGTASK_PROTOCOL", "message": str(problem) or repr(problem)}]])
        finally:
            for call in self.calls:
                if call.get_name() not in ("stop", "terminate"):  # W-12: these continue without their client.
                    call.cancel()
            self.supervisor.connections.discard(self)
            self.writer.close()

    async def read_messages(self):
        unpacker = msgpack.Unpacker(max_buffer_size=2 * MAX_MESSAGE, ext_hook=refuse, unicode_errors="replace")
        received = delivered = 0
        while data := await self.reader.read(65536):
            received += len(data)
            unpacker.feed(data)
            for message in unpacker:
                if unpacker.tell() - delivered > MAX_MESSAGE:
                    raise ValueError("a message of more than 1 MiB")
                delivered = unpacker.tell()
                self.handle(message)
                if self.is_over:  # W-41, W-42
                    return
            if received - delivered > MAX_MESSAGE:
                raise ValueError("a message of more than 1 MiB")
            while len(self.calls) >= 64:  # W-13
                await asyncio.wait(self.calls, return_when=asyncio.FIRST_COMPLETED)

    def handle(self, message):
        kind, length = (message[0], len(message)) if isinstance(message, list) and message else (None, 0)
        if kind == 0 and length == 4 and is_count(message[1]) and message[1] < 2**32 and isinstance(message[2], str) and isinstance(message[3], list):
            if message[2] == "hello":
                self.greet(*message[1:])  # W-43: before a request that came behind it is begun.
                return
            call = asyncio.get_running_loop().create_task(self.answer(*message[1:]), name=message[2])
            self.calls.add(call)
            call.add_done_callback(self.calls.discard)
        elif not (kind == 1 and length == 4) and not is_notification(message):  # W-8
            raise ValueError("a message is no request, response or notification")

    def greet(self, number, _, params):
        error = result = None
        try:
            require(not params or isinstance(params[0], dict), "hello", params)
            result = self.supervisor.hello(params[0] if params else {})
        except Refused as refused:
            error = refused.wire
            self.is_over = isinstance(refused, AnotherTask)
        self.send([1, number, error, result])

    async def answer(self, number, method, params):
        supervisor = self.supervisor
        supervisor.unanswered += method == "terminate"
        error = result = None
        try:
            if method not in METHODS:
                raise Refused("ERR_BGTASK_UNSUPPORTED", f"method {method} is not supported", method=method)
            require(not params or isinstance(params[0], dict), method, params)
            answer = METHODS[method](supervisor, params[0] if params else {})
            result = await answer if asyncio.iscoroutine(answer) else answer
        except Refused as refused:
            error = refused.wire
        self.send([1, number, error, result])
        if method != "terminate":
            return
        supervisor.unanswered -= 1
        if error is None and supervisor.unanswered == 0:
            self.writer.transport.set_write_buffer_limits(0)
            await asyncio.wait([asyncio.ensure_future(self.writer.drain())], timeout=1)
            asyncio.get_running_loop().stop()  # The connections end with the process.

    def send(self, message):
        if self.writer.transport.get_write_buffer_size() > MAX_UNSENT:
            self.writer.transport.abort()
        elif not self.writer.is_closing():
            self.writer.write(msgpack.packb(message))


def refuse(code, _):
    raise ValueError(f"the extension type {code}")


def main():
    loop = asyncio.new_event_loop()
    try:
        supervisor = Supervisor(read_spec())
        loop.run_until_complete(supervisor.launch())
    except Exception as problem:
        wire = problem.wire if isinstance(problem, Refused) else wire_of(problem)
        try:
            os.write(2, f"BGTASK_ERROR={json.dumps(wire)}\n{wire['message']}\n".encode())  # L-34, L-35
        except BrokenPipeError:
            pass
        os._exit(1)
    loop.run_forever()
    loop.run_until_complete(supervisor.show_rest())
    os._exit(0)


def wire_of(problem):
    reason = {FileNotFoundError: "not-found", PermissionError: "not-executable"}.get(type(problem))
    if reason is None:
        return {"code": "INTERNAL", "message": str(problem) or repr(problem)}
    return {"code": "ERR_BGTASK_COMMAND", "message": str(problem), "data": {"command": str(problem.filename), "reason": reason}}


main()
