"""Sends through a way that loses answers, with the service config alone to repeat them. Prints what came of it in JSON.

Usage: retries.py ADDRESS TOKEN DESCRIPTORS SERVICE_CONFIG KEYED KEYLESS SIDE_BY_SIDE
"""
import json
import pathlib
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "clients/python"))
sys.dont_write_bytecode = True
from messaging_client import Client, MessagingError  # noqa: E402

address, token, descriptors, service_config, *numbers = sys.argv[1:]
keyed, keyless, side_by_side = map(int, numbers)
client = Client(address, token=token, descriptors=descriptors, service_config=service_config)
TO = "+306900000001"


def send_keyed(n):
    """How many calls it took: the library repeats by itself, and what it gives up is called again with the same key."""
    calls = 1
    while True:
        try:
            client.send(TO, f"keyed {n}", key=f"key-{n}")
            return f"calls {calls}"
        except MessagingError as error:
            if error.code.name != "UNAVAILABLE":
                return f"{error.code.name} {error.reason}"
            calls += 1


def send_keyless(n):
    try:
        client.call("MessagingService/SendSingle", destination=TO, text=f"keyless {n}")
        return "ok"
    except MessagingError as error:
        return f"{error.code.name} {error.reason}".strip()


with ThreadPoolExecutor(side_by_side) as pool:
    told = {
        "keyed": Counter(pool.map(send_keyed, range(keyed))),
        "keyless": Counter(pool.map(send_keyless, range(keyless))),
    }
print(json.dumps(told))
