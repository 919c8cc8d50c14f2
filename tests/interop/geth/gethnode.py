"""geth v1.9.20's Whisper node (main.go) as a process: built here, driven by JSON lines. Only the standard library."""
import json
import os
import shutil
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "system"))
import harness                                                                  # noqa: E402

PROGRAM = os.path.join(harness.ROOT, "build", "gethnode")      # one for all builds of sottod


def build():
    """None: PROGRAM is there and current. Else why it cannot be had here: no Go, or its modules cannot be fetched."""
    go = shutil.which("go")
    if not go:
        return "no go"
    os.makedirs(os.path.dirname(PROGRAM), exist_ok=True)
    fetched = subprocess.run([go, "mod", "download"], cwd=HERE, capture_output=True, text=True, timeout=600)
    if fetched.returncode:
        return "go could not fetch its modules: " + (fetched.stderr.strip().splitlines() or ["no reason given"])[-1]
    subprocess.run([go, "build", "-buildvcs=false", "-mod=readonly", "-o", PROGRAM, "."], cwd=HERE, check=True, timeout=900)
    return None


class CallError(Exception):
    pass


class Geth:
    """One process. Events are kept in self.events, in order; a thread reads them."""

    def __init__(self, folder, name="geth"):
        self.name = name
        self.log_path = os.path.join(folder, name + ".log")
        self.news = threading.Condition()
        self.answers, self.events, self.last, self.ended = {}, [], 0, False
        with open(self.log_path, "ab") as log:         # its temporary keystore lies in our folder
            self.process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                            env={**os.environ, "TMPDIR": folder})
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            value = json.loads(line)
            with self.news:
                if "event" in value:
                    self.events.append(value)
                else:
                    self.answers[value["id"]] = value
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def until(self, question, seconds=60, what=None):
        """Waits for the first answer of question() that is not false, asked again after each line that comes."""
        deadline = time.monotonic() + seconds * harness.SLOW
        with self.news:
            while True:
                answer = question()
                if answer:
                    return answer
                left = deadline - time.monotonic()
                if left <= 0 or self.ended:
                    why = "it has ended" if self.ended else f"not within {seconds * harness.SLOW:g} s"
                    raise AssertionError(f"{self.name}: {why}: {what or question}\n{self.log()[-2000:]}")
                self.news.wait(left)

    def begin(self, do, **params):
        """Asks without waiting; finish(number) has the answer."""
        with self.news:
            self.last += 1
            number = self.last
        self.process.stdin.write(json.dumps({"id": number, "do": do, **params}) + "\n")
        self.process.stdin.flush()
        return number

    def finish(self, number, seconds=120):
        answer = self.until(lambda: self.answers.get(number), seconds, f"answer to call {number}")
        if "error" in answer:
            raise CallError(answer["error"])
        return answer["result"]

    def call(self, do, **params):
        return self.finish(self.begin(do, **params))

    def start(self, **params):
        ready = self.call("start", **params)
        self.enode, self.http = ready["enode"], ready["http"]
        return self

    def messages(self, subscription):
        """What a subscription has opened so far."""
        return [e for e in self.events if e["event"] == "message" and e["subscription"] == subscription]

    def dropped(self):
        """Peers that are gone, with geth's word for why."""
        return [e for e in self.events if e["event"] == "peer" and e["change"] == "drop"]

    def peer_up(self, seconds=60):
        self.until(lambda: any(e["event"] == "peer" and e["change"] == "add" for e in self.events), seconds, "a peer")
        return self

    def log(self):
        with open(self.log_path, errors="replace", encoding="utf-8") as f:
            return f.read()

    def end(self):
        self.process.stdin.close()                     # it ends with its input
        try:
            self.process.wait(10 * harness.SLOW)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.end()
