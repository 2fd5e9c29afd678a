#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Does Wireshark decode one message of every code as overlay/wire writes them? Skipped without tshark."""
import os
import shutil
import struct
import subprocess
import sys
import tempfile

PORT = 6084
LINKTYPE_RAW = 101


def packet(payload):
    udp = struct.pack('!HHHH', 40000, PORT, 8 + len(payload), 0) + payload
    return struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(udp), 0, 0x4000, 64, 17, 0,
                       bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])) + udp


def capture(path, frames):
    with open(path, 'wb') as out:
        out.write(struct.pack('!IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, LINKTYPE_RAW))
        for number, frame in enumerate(frames):
            data = packet(frame)
            out.write(struct.pack('!IIII', number, 0, len(data), len(data)) + data)


def main():
    if not shutil.which('tshark'):
        print('1..0 # SKIP tshark is not installed')
        return 0
    top, build = os.environ['srcdir'], os.environ['builddir']
    samples = subprocess.run([build + '/tests/overlay/wire_samples'], capture_output=True, text=True, check=True)
    frames = [bytes.fromhex(line) for line in samples.stdout.split()]
    with tempfile.TemporaryDirectory() as folder:
        path = folder + '/samples.pcap'
        capture(path, frames)
        result = subprocess.run([sys.executable, top + '/tests/tools/reload_tshark.py', path, '--plain', '--port', str(PORT),
                                 '--min', str(len(frames)), '--kind', '0xF0000001:S:SINGLE'],
                                capture_output=True, text=True, env={**os.environ, 'HOME': folder})
    for line in (result.stdout + result.stderr).splitlines():
        print('#', line)
    print('ok' if result.returncode == 0 else 'not ok', f'1 - Wireshark decodes {len(frames)} messages')
    print('1..1')
    return result.returncode


sys.exit(main())
