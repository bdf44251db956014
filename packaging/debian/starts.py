"""Starts the program of an unpacked Debian package as its unit does, as far as that goes without systemd: the environment of the unit and of
its file, in the state directory, with a socket to tell that it is ready. Asks it how it is, and stops it.

    starts.py ROOT PACKAGE      the folder that the package was unpacked to, and the package
"""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile

root, package = pathlib.Path(sys.argv[1]), sys.argv[2]
unit = (root / "lib/systemd/system/messaging.service").read_text()
program = root / "usr/bin/messaging"
(command,) = re.findall(r"^ExecStart=/usr/bin/messaging (.*)$", unit, re.M)
(watchdog,) = re.findall(r"^WatchdogSec=(\d+)$", unit, re.M)
assert re.search(r"^Type=notify$", unit, re.M)

fields = subprocess.run(["dpkg-deb", "--field", package], check=True, capture_output=True, text=True).stdout
files = subprocess.run(["dpkg-deb", "--contents", package], check=True, capture_output=True, text=True).stdout
assert re.search(r"^Depends: libc6 \(>= 2\.\d+\)", fields, re.M), fields
# Whoever may read the configuration knows the secrets.
assert re.search(r"^-rw-r----- root/root .* \./etc/messaging/messaging\.env$", files, re.M), files

# One that nobody has now: the probe has to know it.
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]

with tempfile.TemporaryDirectory() as state:
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(f"{state}/notify")
    told.settimeout(120)
    environment = dict(re.findall(r"^Environment=(\w+)=(.*)$", unit, re.M))
    for line in (root / "etc/messaging/messaging.env").read_text().splitlines():
        if line and not line.startswith("#"):
            name, value = line.split("=", 1)
            environment[name] = value
    # What an operator fills in, and places that are this test's own.
    environment |= {
        "MITTO_API_KEY": "key",
        "SMS_TRAFFIC_ACCOUNT_ID": "5a4db0c5-0000-4000-8000-000000000001",
        "JWT_SECRET": "0123456789abcdef0123456789abcdef",
        "MITTO_API_BASE": "http://127.0.0.1:9",
        "DATA_DIR": state,
        "NOTIFY_SOCKET": f"{state}/notify",
        "WATCHDOG_USEC": str(int(watchdog) * 1_000_000),
        "GRPC_ADDR": "127.0.0.1:0",
        "HTTP_ADDR": "127.0.0.1:0",
        "ADMIN_ADDR": f"127.0.0.1:{port}",
    }
    with subprocess.Popen([program, *command.split()], env=environment, cwd=state, stdout=subprocess.PIPE) as serving:
        try:
            assert told.recv(64) == b"READY=1"
            probed = subprocess.run([program, "probe", "--ready"], env=environment, capture_output=True, text=True, timeout=60)
            assert probed.returncode == 0, probed
            serving.send_signal(signal.SIGTERM)
            assert told.recv(64) == b"STOPPING=1"
            assert serving.wait(60) == 0, serving.returncode
        finally:
            if serving.poll() is None:
                serving.kill()
    assert os.stat(f"{state}/messaging.db").st_mode & 0o077 == 0, "the database is its account's alone"
print("it starts, tells that it is ready, answers its probe and stops")
