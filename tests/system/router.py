#!/usr/bin/env python3
"""A router that misbehaves, for nat.py: NAT-PMP, and UPnP (SSDP, the description of a device, SOAP), towards each network in another way. It says "ready"
when it hears.

    router.py MODE..."""
import http.server
import os
import select
import socket
import socketserver
import struct
import sys
import threading

OUTSIDE = "45.67.89.10"
SERVICE = "urn:schemas-upnp-org:service:WANIPConnection:1"
DEVICE = f"""<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>
<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:1</deviceType><deviceList><device><deviceType>urn:schemas-upnp-org:device:WANConnectionDevice:1</deviceType>
<serviceList><service><serviceType>{SERVICE}</serviceType><serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId><controlURL>CONTROL</controlURL>
<eventSubURL>/e</eventSubURL><SCPDURL>/s</SCPDURL></service></serviceList></device></deviceList></device></deviceList></device></root>"""


def soap(action, fields):
    inner = "".join(f"<{k}>{v}</{k}>" for k, v in fields.items())
    return ('<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
            f'<u:{action}Response xmlns:u="{SERVICE}">{inner}</u:{action}Response></s:Body></s:Envelope>')


def fault(code):
    return ('<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring>'
            f'<detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>{code}</errorCode></UPnPError></detail></s:Fault></s:Body></s:Envelope>')


class Router:
    """What the modes answer to a client; the one at 192.168.(10 + n).2 gets the n-th mode. Names: method, then what is wrong."""

    def __init__(self, modes):
        self.modes, self.taken, self.http_port = modes, {}, 0

    def mode(self, client):
        return self.modes[int(client.split(".")[2]) - 10]

    def natpmp(self, mode, data):
        if not mode.startswith("natpmp-") or len(data) < 2:
            return None
        op, port = data[1], struct.unpack("!H", data[4:6])[0] if len(data) >= 12 else 0
        if mode == "natpmp-rubbish":
            return os.urandom(16)
        if mode == "natpmp-other":                  # an answer to something else
            return struct.pack("!BBHI4s", 0, 128, 0, 1, socket.inet_aton(OUTSIDE)) if op else struct.pack("!BBHIHHI", 0, 129, 0, 1, 1, 2, 3600)
        if mode == "natpmp-version":
            return struct.pack("!BBHI", 2, 128 + op, 1, 1)
        if mode == "natpmp-refused":
            return struct.pack("!BBHIHHI", 0, 128 + op, 2, 1, port, 0, 0)
        if op == 0:
            inside = mode == "natpmp-private"
            return struct.pack("!BBHI4s", 0, 128, 0, 1, socket.inet_aton("192.168.0.5" if inside else OUTSIDE))
        self.taken[op] = self.taken.get(op, 20000 + 1000 * op) + 1                # never the same for both
        return struct.pack("!BBHIHHI", 0, 128 + op, 0, 1, port, self.taken[op], 3600)

    def ssdp(self, mode, here):
        if mode == "upnp-noise":
            return os.urandom(300)
        location = "http://8.8.8.8:80/root.xml" if mode == "upnp-away" else f"http://{here}:{self.http_port}/root.xml"
        return f"HTTP/1.1 200 OK\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\nUSN: uuid:1\r\nLOCATION: {location}\r\n\r\n".encode()

    def control(self, mode, action, body):
        if action == "GetExternalIPAddress":
            outside = {"upnp-private": "10.1.2.3", "upnp-offline": "", "upnp-nonsense": "somewhere"}.get(mode, OUTSIDE)
            return 200, soap(action, {"NewExternalIPAddress": outside})
        if action == "AddPortMapping":
            port, protocol = body.split("<NewExternalPort>")[1].split("<")[0], "udp" if ">UDP<" in body else "tcp"
            if mode == "upnp-refused":
                return 500, fault(606)
            if mode == "upnp-permanent" and "<NewLeaseDuration>0<" not in body:
                return 500, fault(725)
            if mode == "upnp-all-taken" or port == "31000" and mode == f"upnp-{protocol}-taken":
                return 500, fault(718)
        return 200, soap(action, {})


def http_server(router):
    class Handler(http.server.BaseHTTPRequestHandler):
        def reply(self, status, text):
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def endless(self, pause, piece):
            self.send_response(200)
            self.end_headers()
            print("asked", flush=True)
            gone = threading.Event()
            while not gone.wait(pause):
                self.wfile.write(piece)

        def do_GET(self):
            mode = router.mode(self.client_address[0])
            if mode == "upnp-drip":
                self.endless(0.1, b"<")
            elif mode == "upnp-flood":
                self.endless(0.02, b"<a>" * 20000)
            elif mode == "upnp-rubbish":
                self.reply(200, os.urandom(3000).decode("latin-1"))
            elif mode == "upnp-television":
                self.reply(200, DEVICE.replace("WANIPConnection", "RenderingControl"))
            else:
                self.reply(200, DEVICE.replace("CONTROL", "http://8.8.8.8/ctl" if mode == "upnp-lead-away" else "/ctl"))

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self.reply(*router.control(router.mode(self.client_address[0]), self.headers["SOAPAction"].strip('"').split("#")[1], body))

        def log_message(self, *_):
            pass

        def handle(self):
            try:
                super().handle()
            except OSError:                         # the other side is gone
                pass

    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True
        request_queue_size = 64
    return Server(("", 0), Handler)


def main():
    router = Router(sys.argv[1:])
    web = http_server(router)
    router.http_port = web.server_address[1]
    threading.Thread(target=web.serve_forever, daemon=True).start()
    ssdp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ssdp.bind(("", 1900))
    gates = {}
    for n, mode in enumerate(router.modes):
        here = f"192.168.{10 + n}.1"
        if mode.startswith("upnp-"):                # a socket has room for twenty
            ssdp.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.255.255.250") + socket.inet_aton(here))
        if mode != "closed":                        # there the system says that nobody listens
            gates[socket.socket(socket.AF_INET, socket.SOCK_DGRAM)] = here
    for gate, here in gates.items():
        gate.bind((here, 5351))
    print("ready", flush=True)
    while True:
        for s in select.select([ssdp, *gates], [], [])[0]:
            data, who = s.recvfrom(2048)
            mode, answer = router.mode(who[0]), None
            if s in gates:
                answer = router.natpmp(mode, data)
            elif mode.startswith("upnp-") and b"M-SEARCH" in data and b"InternetGatewayDevice:1" in data:
                answer = router.ssdp(mode, who[0].rsplit(".", 1)[0] + ".1")
            if answer:
                s.sendto(answer, who)


if __name__ == "__main__":
    main()
