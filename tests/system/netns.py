"""Network namespaces for tests: a script starts itself again where it may make them, or says why not and is skipped."""
import os
import shutil
import subprocess
import sys

import harness

SKIPPED = 77
os.environ["PATH"] += ":/usr/sbin:/sbin"          # routers and rules are programs for root


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def run(*words, stdin=None):
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=30 * harness.SLOW)
    if done.returncode:
        raise AssertionError(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Namespace:
    """A network of its own, held by a process that ends with us."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.holder.stdin.write(b"\n")
        self.holder.stdin.flush()
        if self.holder.stdout.read(1) != b"\n":          # it is cat now: the namespace is there
            raise AssertionError("no namespace")
        self.prefix = ["nsenter", "--target", str(self.holder.pid), "--net"]
        self.batch("link set lo up")

    def batch(self, *lines):
        run(*self.prefix, "ip", "-batch", "-", stdin="\n".join(lines) + "\n")

    def run(self, *words, stdin=None):
        return run(*self.prefix, *words, stdin=stdin)

    def end(self):
        self.holder.stdin.close()
        self.holder.wait(10 * harness.SLOW)
        self.holder.stdout.close()


def wire(a, name_a, address_a, b, name_b, address_b):
    """A cable between two namespaces."""
    a.batch(f"link add {name_a} type veth peer name {name_b} netns {b.holder.pid}")
    for side, name, address in ((a, name_a, address_a), (b, name_b, address_b)):
        side.batch(f"addr add {address}/24 dev {name}", f"link set {name} up")


class Lab:
    """Things to be ended in the opposite order."""

    def __init__(self):
        self.things = []

    def add(self, thing, end):
        self.things.append((thing, end))
        return thing

    def namespace(self):
        return self.add(Namespace(), Namespace.end)

    def start(self, where, *words, **more):
        return self.add(subprocess.Popen([*where.prefix, *words], **more), self.end_process)

    @staticmethod
    def end_process(process):
        harness.end_process(process)
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for thing, end in reversed(self.things):
            end(thing)


def inside(script):
    """Runs that script again, in namespaces of its own."""
    for tool in ("unshare", "nsenter", "ip"):
        if not shutil.which(tool):
            skip(f"{tool} is not installed")
    reason = "no namespace may be made here"
    for how in (["unshare", "--net", "--mount"], ["unshare", "--user", "--map-root-user", "--net", "--mount"]):
        done = subprocess.run([*how, "sh", "-c", "ip link set lo up && ip link add v0 type veth peer name v1 && unshare --net true"], capture_output=True, text=True)
        if done.returncode == 0:
            os.execvp("unshare", [*how, sys.executable, "-B", os.path.abspath(script), "--inside", *sys.argv[1:]])
        reason = done.stderr.strip() or reason
    skip(reason)
