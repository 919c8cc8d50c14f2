#!/usr/bin/env python3
"""A node behind a SOCKS5 proxy: it reaches its neighbours through it and by nothing else."""
import os
import socket
import threading

from harness import Network, Node, RpcError, Scenario, free_port, main


class Proxy:
    """RFC 1928 with RFC 1929, IPv4 and CONNECT only; notes who asked for what."""

    def __init__(self):
        self.asked, self.sockets, self.lock, self.threads = [], [], threading.Lock(), []
        self.listener = self.keep(socket.create_server(("127.0.0.1", 0)))
        self.port = self.listener.getsockname()[1]
        self.begin(self.accept)

    def keep(self, sock):
        with self.lock:
            self.sockets.append(sock)
        return sock

    def begin(self, function, *arguments):
        thread = threading.Thread(target=self.quiet, args=(function, *arguments), daemon=True)
        self.threads.append(thread)
        thread.start()

    @staticmethod
    def quiet(function, *arguments):
        try:
            function(*arguments)
        except OSError:
            pass                                       # one of the ends is gone

    def accept(self):
        while True:
            self.begin(self.serve, self.keep(self.listener.accept()[0]))

    def serve(self, client):
        stream = client.makefile("rb")
        version, count = stream.read(2)
        methods = stream.read(count)
        if version != 5 or 2 not in methods:
            client.close()
            return
        client.sendall(b"\x05\x02")
        stream.read(1)
        user = stream.read(stream.read(1)[0])
        password = stream.read(stream.read(1)[0])
        client.sendall(b"\x01\x00")
        head = stream.read(4)
        address, port = socket.inet_ntoa(stream.read(4)), int.from_bytes(stream.read(2), "big")
        self.asked.append((head, user, password, address, port))
        peer = self.keep(socket.create_connection((address, port)))
        client.sendall(b"\x05\x00\x00\x01" + bytes(6))
        self.begin(self.pass_on, peer, client)
        self.pass_on(client, peer)

    @staticmethod
    def pass_on(source, sink):
        try:
            while True:
                data = source.recv(1 << 16)
                if not data:
                    break
                sink.sendall(data)
        finally:
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        with self.lock:
            for sock in self.sockets:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                sock.close()


def sockets(node, kind):
    """Local and remote ends of the process's own sockets of that kind, as the kernel tells them."""
    mine = set()
    for fd in os.listdir(f"/proc/{node.process.pid}/fd"):
        try:
            mine.add(os.readlink(f"/proc/{node.process.pid}/fd/{fd}"))
        except OSError:
            pass
    with open(f"/proc/{node.process.pid}/net/{kind}", encoding="ascii") as table:
        rows = [row.split() for row in table.readlines()[1:]]
    return [(row[1], row[2]) for row in rows if f"socket:[{row[9]}]" in mine]


class Proxied(Scenario):
    def node(self, net, name, **flags):
        node = Node(net.folder, name, {**net.flags, **{key.replace("__", "."): value for key, value in flags.items()}})      # any free port
        net.nodes.append(node)
        return node

    def test_only_through_it(self):
        proxy = Proxy()
        try:
            with Network(2, people=False) as net:
                hidden = self.node(net, "hidden", network__proxy=f"127.0.0.1:{proxy.port}", network__proxy_only="true", network__discovery="true",
                                   network__static=[n.ready["peer"] for n in net.nodes[:2]])
                hidden.start()
                hidden.until(lambda: sum(p["state"] == "up" for p in hidden.call("network peers")["items"]) == 2, 60, "both neighbours")
                self.assertEqual(sorted((address, port) for _, _, _, address, port in proxy.asked), sorted(("127.0.0.1", n.port) for n in net.nodes[:2]))
                self.assertEqual({head for head, *_ in proxy.asked}, {b"\x05\x01\x00\x01"})
                self.assertEqual(len({user for _, user, *_ in proxy.asked} | {password for _, _, password, *_ in proxy.asked}), 4)      # none twice
                self.assertIs(hidden.call("network self")["discovery"], False)
                try:
                    own = sockets(hidden, "tcp")
                except PermissionError:
                    own = None                         # sottod hides itself from its own user; root may look
                if own is not None:
                    far = {int(remote.split(":")[1], 16) for _, remote in own}
                    self.assertEqual(far, {proxy.port, 0})             # 0: the socket it listens on
                    self.assertEqual([sockets(hidden, kind) for kind in ("udp", "udp6", "tcp6")], [[], [], []])
        finally:
            proxy.close()

    def test_what_is_refused(self):
        with Network(1, people=False) as net:
            for flags, words in (({"network__proxy_only": "true"}, "needs a proxy"), ({"network__proxy": "localhost:9050"}, "a name is not looked up"),
                                 ({"network__proxy": "127.0.0.1"}, "not an address and port"), ({"network__proxy": "127.0.0.1:99999"}, "not an address and port"),
                                 ({"network__proxy": "127.0.0.1:9050", "network__proxy_only": "true", "network__listen": "0.0.0.0", "network__local": "false"},
                                  "listens on this machine only")):
                node = self.node(net, "refused", **flags)
                with self.assertRaises(AssertionError):
                    node.start()
                self.assertIn(words, node.log())
                self.assertEqual(node.process.returncode, 10)
                net.nodes.remove(node)
                node.end()
                os.remove(node.log_path)

    def test_proxy_is_away(self):
        """Nobody answers at the proxy's address: no neighbour, and no other way either."""
        with Network(1, people=False) as net:
            hidden = self.node(net, "hidden", network__proxy=f"127.0.0.1:{free_port()}", network__static=net.nodes[0].ready["peer"])
            hidden.start()
            hidden.until(lambda: [p["state"] for p in hidden.call("network peers")["items"]] == ["waiting"], 30, "the dial has failed")
            self.assertEqual(net.nodes[0].call("network peers")["items"], [])
            with self.assertRaises(RpcError):
                hidden.call("peer add", address="enode://00@127.0.0.1:1")


if __name__ == "__main__":
    main()
