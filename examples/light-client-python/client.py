#!/usr/bin/python3
"""A client of bgtask, written from docs/launch.md, docs/wire.md and docs/pool-directory.md alone.

client.py POOL list               the tasks of a pool's directory: pid, state, name or command
client.py POOL follow PID [FROM]  a task's stdout, from that byte on until its end
client.py POOL write PID          from stdin to the task's, which is closed at the end
client.py POOL wait PID           wait until the task is over, and exit as it did
"""

import errno, json, os, re, signal, socket, stat, struct, sys
from pathlib import Path

import msgpack

MAX_RECORD, MAX_MESSAGE, MAX_WRITE = 256 * 1024, 1024 * 1024, 256 * 1024  # bytes
PATIENCE_S, POLL_MS = 5, 20_000  # of one connect or answer; of one long poll


class Task:
    """A connection to a supervisor. Raises OSError where it is gone, RuntimeError with what it refuses."""

    def __init__(self, pool, pid):
        path = pool / f"{pid}.sock"
        check(pool, path.lstat(), stat.S_ISSOCK)
        self.unpacker, self.id = msgpack.Unpacker(max_buffer_size=MAX_MESSAGE), 0
        self.socket = socket.socket(socket.AF_UNIX)
        # Where its backlog is full it is busy, not dead: unlike settimeout, this makes connect wait for room.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", PATIENCE_S, 0))
        self.socket.connect(str(path))

    def call(self, method, patience=PATIENCE_S, **params):
        self.id += 1
        self.socket.settimeout(patience + params.get("waitMs", 0) / 1000)
        self.socket.sendall(msgpack.packb([0, self.id, method, [params]]))
        while True:
            for kind, *rest in self.unpacker:
                if kind == 1 and rest[0] == self.id and rest[1] is None:
                    return rest[2]
                if kind == 1 or rest[0] == "error":  # The latter says why it is about to disconnect.
                    raise RuntimeError((rest[1] if kind == 1 else rest[1][0])["message"])
            data = self.socket.recv(65_536)
            if not data:
                raise ConnectionError("the supervisor is gone")
            self.unpacker.feed(data)

    def follow(self, start):
        """Pieces of stdout from an offset on; says so where bytes are no longer kept."""
        while True:
            part = self.call("readStream", streamId=1, waitMs=POLL_MS, **{"from": start})
            if part["offset"] > start:
                print(f"bytes {start} to {part['offset']} are no longer kept", file=sys.stderr)
            yield part["data"]
            start = part["offset"] + len(part["data"])
            if part["eof"]:
                return


def tasks(pool):
    """Pid and info of each task with a record; a supervisor that answers knows better than the record."""
    for name in sorted(os.listdir(pool)):
        if match := re.fullmatch(r"([1-9]\d*)\.([0-9a-f]{16,64})\.json", name):
            try:
                yield int(match[1]), info_of(pool, name, int(match[1]), match[2])
            except FileNotFoundError:
                pass  # The task ended meanwhile, and its record went with it.
            except (OSError, ValueError, LookupError, TypeError, RuntimeError) as error:
                print(f"{name}: {error!r}", file=sys.stderr)


def info_of(pool, name, pid, task_id):
    with open(os.open(pool / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        check(pool, os.fstat(file.fileno()), stat.S_ISREG)
        record = json.loads(file.read(MAX_RECORD))
    info, home = record["info"], record["supervisor"]
    if record["v"] != 1 or [info["supervisorPid"], info["taskId"], home["pid"]] != [pid, task_id, pid]:
        raise ValueError("not the record of this task")
    try:
        answer = Task(pool, pid).call("getInfo")
        if answer["taskId"] == task_id:  # Else a later supervisor got that pid.
            return answer
    except (FileNotFoundError, ConnectionError):
        (pool / name).lstat()
    if lives(home, home) is not False:  # It is about to go, or of another machine.
        return {**info, "state": "unknown"}
    return {**info, "state": "orphaned" if record["child"] and lives(record["child"], home) else "lost"}


def lives(process, home):
    """Whether a process of the machine, boot and pid namespace `home` lives; None where that cannot be told from here."""
    boot, machine = (Path(p).read_text().strip() for p in ("/proc/sys/kernel/random/boot_id", "/etc/machine-id"))
    if home["machineId"] != machine:
        return None
    if home["bootId"] != boot:
        return False
    if home["pidNamespace"] != os.readlink("/proc/self/ns/pid") or os.readlink("/proc/self") != str(os.getpid()):
        return None  # The second: /proc shows the pids of another namespace.
    try:
        fields = Path(f"/proc/{process['pid']}/stat").read_text().rpartition(")")[2].split()  # From the 3rd on.
    except OSError:
        return None if exists(process["pid"]) else False  # Hidden from this user, or gone.
    if fields[0] in "ZX":
        return False
    clock = Path("/proc/self/ns/time")
    if home.get("timeNamespace") and clock.is_symlink() and home["timeNamespace"] != os.readlink(clock):
        return None  # Its start time is counted from another moment.
    return int(fields[19]) == process["startTime"]


def exists(pid):
    try:
        os.kill(pid, 0)
    except OSError as error:
        return error.errno != errno.ESRCH
    return True


def check(pool, status, is_kind):
    if not is_kind(status.st_mode) or status.st_uid not in (os.geteuid(), 0, pool.stat().st_uid):
        raise PermissionError("of a kind or an owner that is not to be trusted")


def main(pool, action, pid=None, start=0):
    status = os.lstat(pool)
    writable = status.st_mode & (0o002 if status.st_gid == os.getegid() else 0o022)
    if not stat.S_ISDIR(status.st_mode) or (writable and not status.st_mode & stat.S_ISVTX):
        raise PermissionError(f"{pool} is no directory, or others may swap what is in it")
    if action == "list":
        for number, info in tasks(Path(pool)):
            print(number, info["state"], repr(info["meta"].get("name") or " ".join(info["command"])))
        return 0
    task = Task(Path(pool), int(pid))
    if action == "follow":
        for data in task.follow(int(start)):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
    elif action == "write":
        while data := sys.stdin.buffer.read1(MAX_WRITE):
            task.call("writeStream", patience=3600, streamId=0, data=data)  # Answered when the task has read enough.
        task.call("closeStream", streamId=0)
    elif action == "wait":
        while not (answer := task.call("waitExit", waitMs=POLL_MS))["done"]:
            pass
        code, name = answer["exitStatus"]["exitCode"], answer["exitStatus"]["signal"]
        return code if name is None else 128 + signal.Signals[name]
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]) if len(sys.argv) > 2 else __doc__)
    except (OSError, RuntimeError) as error:
        sys.exit(str(error))
