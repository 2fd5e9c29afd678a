# SPDX-License-Identifier: LGPL-2.1-or-later
"""peerlined and peerline as processes of the lab."""
import json
import os
import re
import signal
import subprocess
import time

from net import LabError, user, wait_until
from phone import stop_process

READY = re.compile(r'\bready\b', re.I)


class Instance:
    """One PEERLINE_HOME: its configuration, its daemon, its command line."""

    def __init__(self, machine, name, aor, folder, programs, keylog=None):
        self.machine, self.name, self.aor, self.home, self.programs, self.keylog = machine, name, aor, folder, programs, keylog
        self.process, self.log_path = None, folder + '.log'
        os.makedirs(folder, exist_ok=True)
        os.chown(folder, user(), user())
        os.chmod(folder, 0o700)

    def environment(self):
        values = {'PATH': os.environ['PATH'], 'HOME': self.home, 'PEERLINE_HOME': self.home, 'LC_ALL': 'C', 'G_DEBUG': 'fatal-criticals'}
        if self.keylog:
            values['SSLKEYLOGFILE'] = self.keylog
        for name in ('ASAN_OPTIONS', 'UBSAN_OPTIONS', 'G_MESSAGES_DEBUG'):
            if name in os.environ:
                values[name] = os.environ[name]
        return values

    def configure(self, text):
        text += f'[log]\nlevel={os.environ.get("PEERLINE_LAB_LOG", "info")}\n'
        path = os.path.join(self.home, 'config', 'peerline.conf')
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as f:
            f.write(text)
        for entry in (os.path.dirname(path), path):
            os.chown(entry, user(), user())

    def phone_password(self, password):
        """What phones of this identity must show from now on."""
        path = os.path.join(self.home, 'config', 'phone-passwords')
        with open(path, 'w') as f:
            f.write(f'{self.aor};md5 {password}\n')     # baresip 1.0.0 knows no other
        os.chmod(path, 0o600)
        os.chown(path, user(), user())

    def cli(self, *args, data=None, check=True, timeout=20):
        """What `peerline ARGS` prints."""
        done = subprocess.run(self.machine.command([self.programs['peerline']] + list(args), user()), env=self.environment(),
                              input=data, capture_output=True, text=True, timeout=timeout)
        if check and done.returncode:
            raise LabError(f'{self.name}: peerline {" ".join(args)}: exit {done.returncode}: {(done.stderr or done.stdout).strip()}')
        return done.stdout if check else done

    def ask(self, *args):
        """`peerline ARGS --json`, or None while the daemon does not answer. The exit code of a
        look-up tells its result, so that what is printed decides."""
        done = self.cli(*args, '--json', check=False)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def start(self, timeout=15):
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen(self.machine.command([self.programs['peerlined']], user()), env=self.environment(),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.home)
        self.started = time.monotonic()
        wait_until(f'{self.name}: the daemon answers', self.answers, timeout)
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise LabError(f'{self.name}: peerlined ended with {self.process.returncode}: {self.log()[-600:]}')
        return self.ask('status') is not None

    @property
    def pid(self):
        return self.process.pid

    def kill(self):
        """As a crash would."""
        self.process.kill()
        self.process.wait(5)

    def stop(self, timeout=10):
        return stop_process(self.process, signal.SIGTERM, timeout)

    def log(self):
        try:
            with open(self.log_path, errors='replace') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def memory(self):
        """(RSS, private memory) in KiB."""
        values = {}
        with open(f'/proc/{self.pid}/smaps_rollup') as f:
            for line in f.read().splitlines()[1:]:
                name, number = line.split(':')
                values[name] = int(number.split()[0])
        return values['Rss'], values['Private_Clean'] + values['Private_Dirty']
