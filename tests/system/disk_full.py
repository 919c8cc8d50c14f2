#!/usr/bin/env python3
"""The disk runs full in the middle of a conversation: the answer is 2101, nothing that was acknowledged is lost, nothing that was refused
appears later, and with room again the node goes on by itself. The disk is a small tmpfs in a mount namespace of its own."""
import os
import signal
import subprocess

import harness
from harness import Network, Node, RpcError, Scenario

# Mounts the data folder, starts the program beside this shell (whose view of the folder the test uses), hands signals on.
IN_SMALL_DISK = """mount -t tmpfs -o size=6m,mode=0700 none "$0" || exit 77
"$@" & node=$!
trap 'kill -TERM $node' TERM
wait $node; status=$?
while kill -0 $node 2>/dev/null; do wait $node; status=$?; done
exit $status"""


def texts(node, chat, own):
    return [m["text"] for m in node.messages(chat) if m["own"] == own and m["kind"] == "text"]


class DiskFull(Scenario):
    def test_full_and_free_again(self):
        with Network(3, people=False) as net:
            relays = [n.ready["peer"] for n in net.nodes[:2]]
            small = Node(net.folder, "small", {**net.flags, "network.static": relays, "data.socket": os.path.join(net.folder, "s", "small.sock")},
                         harness.free_port())
            os.mkdir(small.data, 0o700)
            os.mkdir(os.path.join(net.folder, "s"), 0o700)
            small.prefix = ["unshare", "-rm", "sh", "-c", IN_SMALL_DISK, small.data]
            net.nodes.append(small)
            small.start()
            net.alice, net.bob = small, net.nodes[2]
            net.people_move_in()
            net.meet()
            small.call("message send", chat="bob", text="with room")
            net.bob.until(lambda: texts(net.bob, "alice", False) == ["with room"])

            filler = f"/proc/{small.process.pid}/root{small.data}/filler"
            room = 0
            with open(filler, "wb", 0) as f:
                for size in (65536, 4096, 512):
                    try:
                        while True:
                            room += f.write(b"\xff" * size)
                    except OSError:
                        pass
            self.assertGreater(room, 0)
            sent, refused = ["with room"], []
            for n in range(200):                           # the database may still have a few free pages of its own
                text = f"no room {n} " + "x" * 2000
                try:
                    small.call("message send", chat="bob", text=text)
                    sent.append(text)
                except RpcError as error:
                    self.assertEqual(error.code, 2101, error)
                    refused.append(text)
                    if len(refused) == 3:
                        break
            self.assertEqual(len(refused), 3, "the disk was full")
            self.assertTrue(small.call("node status")["peer"], "it still answers")
            self.assertEqual(texts(small, "bob", True), sent)

            os.unlink(filler)
            small.until(lambda: self.goes_on(small), 60, "sending works again without a restart")
            sent.append("room again")
            net.bob.until(lambda: len(texts(net.bob, "alice", False)) >= len(sent), 120, "everything acknowledged arrives")
            self.assertEqual(texts(net.bob, "alice", False), sent)
            self.assertEqual(texts(small, "bob", True), sent)
            os.kill(small.ready["pid"], signal.SIGTERM)
            self.assertEqual(small.process.wait(10 * harness.SLOW), 0)

    @staticmethod
    def goes_on(node):
        try:
            return node.call("message send", chat="bob", text="room again")
        except RpcError as error:
            if error.code != 2101:
                raise
            return None


if __name__ == "__main__":
    try:
        able = subprocess.run(["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /mnt"], capture_output=True).returncode == 0
    except OSError:
        able = False
    if not able:
        print("skipped: needs unshare and a kernel that lets users mount in a namespace of their own")
        raise SystemExit(77)
    harness.main()
