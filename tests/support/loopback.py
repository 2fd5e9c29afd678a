# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real daemons on loopback, without namespaces or root: each has a PEERLINE_HOME below a folder."""
import json
import os
import random
import socket
import subprocess
import time


def free_ports(count):
    """Ports of 127.0.0.1 that are free now, for TCP and UDP. None is one that the kernel gives to whoever asks for any: it
    would be somebody else's before the daemon starts."""
    ports, first = [], int(open('/proc/sys/net/ipv4/ip_local_port_range', encoding='ascii').read().split()[0])
    while len(ports) < count:
        port = random.randrange(min(first, 32768) // 2, min(first, 32768))
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(('127.0.0.1', port))
                udp.bind(('127.0.0.1', port))
            except OSError:
                continue
        ports += [port] if port not in ports else []
    return ports


class Home:
    """One PEERLINE_HOME and its daemon."""

    def __init__(self, build, home):
        self.build, self.home, self.process = build, home, None
        self.environment = dict(os.environ, PEERLINE_HOME=home, G_DEBUG='fatal-criticals')
        os.makedirs(home + '/config', 0o700)
        os.chmod(home, 0o700)

    def peerline(self, *args, check=True):
        done = subprocess.run([self.build + '/proxy/peerline', *args], capture_output=True, text=True, env=self.environment, timeout=60)
        if check and done.returncode:
            raise AssertionError(f'peerline {" ".join(args)}: exit {done.returncode}: {done.stdout}{done.stderr}')
        return done.stdout

    def ask(self, *args):
        """What `peerline ARGS --json` tells; None when the daemon does not answer."""
        said = self.peerline(*args, '--json', check=False)
        return json.loads(said) if said.strip() else None

    def configure(self, sip, overlay, role='peer', level='notice'):
        with open(self.home + '/config/peerline.conf', 'w', encoding='utf-8') as f:
            f.write(f'[sip]\nlisten=127.0.0.1:{sip}\n[overlay]\nrole={role}\nlisten=127.0.0.1\nport={overlay}\n[log]\nlevel={level}\n')

    def document(self, overlay):
        return f'{self.home}/data/overlays/{overlay}.xml'

    def identity(self, overlay, aor):
        """Paths of key and certificate."""
        base = f'{self.home}/data/identities/{overlay}/{aor}'
        return base + '.key', base + '.crt'

    def admit(self, other, overlay, aor):
        """Makes `aor` a member of an overlay whose authority lies here, at another home."""
        paths = other.home + '/request', other.home + '/answer'
        other.peerline('overlay', 'join', self.document(overlay))
        for path, said in ((paths[0], lambda: other.peerline('identity', 'request', aor, '--overlay', overlay)),
                           (paths[1], lambda: self.peerline('identity', 'sign', paths[0]))):
            with open(path, 'w', encoding='utf-8') as f:
                f.write(said())
        other.peerline('identity', 'import', paths[1])

    def start(self, wait=10):
        """Returns when it says that it is ready."""
        with open(self.home + '/log', 'w', encoding='utf-8') as log:
            self.process = subprocess.Popen([self.build + '/proxy/peerlined'], env=self.environment, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        end = time.monotonic() + wait
        while 'phones may use' not in self.said():
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f'peerlined does not start: {self.said()}')
            time.sleep(0.02)
        return self

    def said(self):
        with open(self.home + '/log', encoding='utf-8', errors='replace') as f:
            return f.read()

    def kill(self):
        """As a crash would."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
