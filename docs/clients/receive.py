"""Receives events. Usage: receive.py PORT SECRET, where SECRET is what CreateEndpoint answered; port 0 is any.

pip install standardwebhooks
"""
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

from standardwebhooks.webhooks import Webhook

port, secret = int(sys.argv[1]), sys.argv[2]
webhook = Webhook(secret)
versions, lock = {}, Lock()  # The newest version of each message: in your database, in the transaction that uses the event.


def use(event):
    """Takes what is new, and passes over what is repeated."""
    message, version = event["data"].get("id"), event["data"].get("version", 0)
    with lock:
        if message is None or version > versions.get(message, -1):
            print(event["type"], event["id"], flush=True)
            if message is not None:
                versions[message] = version


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # Connections are used again.

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            told = webhook.verify(body, dict(self.headers))  # The bytes as they came, and no more than five minutes old.
            status = 204
        except Exception:
            status = 401
        if status == 204:
            for event in told.get("events", [told]):  # A list where `max_batch` is above 1.
                use(event)
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
print("listening at", server.server_port, flush=True)
server.serve_forever()
