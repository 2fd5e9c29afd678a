# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debian's linphonec with a tone as voice; to the scenarios it is what Baresip is."""
import os
import re
import signal
import subprocess
import time

import audio
from net import LabError, user, wait_until
from phone import stop_process

CONFIG = '''
[sip]
{port}default_proxy=0
guess_hostname=1
contact="{name}" <sip:{aor}>
{encryption}inc_timeout=60
use_ipv6={six}
register_only_when_network_is_up=0

{account}[rtp]
audio_rtp_port=-1

[sound]
echocancellation=0

[video]
enabled=0

[misc]
{uri}user_certificates_path={folder}/certificates
uuid={uuid}
'''
ACCOUNT = '''\
[proxy_0]
reg_proxy=<{proxy};transport={transport}>
reg_route=<{proxy};transport={transport};lr>
reg_identity="{display}" <sip:{aor}>
reg_expires=300
reg_sendregister=1
publish=0
nat_policy_ref=lab

[nat_policy_0]
ref=lab
{stun}{protocols}
'''
TURN = '''\
[auth_info_0]
username={username}
userid={username}
passwd={password}
realm=example.net

'''
# Recordings have the rate of the codec: only those of 8000 Hz, the tone comes through.
CODEC = '''
[audio_codec_{n}]
mime={name}
rate={rate}
channels={channels}
enabled={enabled}
'''
CODECS = (('opus', 48000, 2, 0), ('speex', 16000, 1, 0), ('speex', 8000, 1, 0), ('PCMU', 8000, 1, 1), ('PCMA', 8000, 1, 1))
STATE = re.compile(r'CallSession \[\w+\] moving from state LinphoneCall(\w+) to LinphoneCall(\w+)')
EVENTS = {'StreamsRunning': 'CALL_ESTABLISHED', 'End': 'CALL_CLOSED', 'Error': 'CALL_CLOSED', 'IncomingReceived': 'CALL_INCOMING'}


class Linphone:
    """One linphonec: an account, a tone to say, recordings of what was heard. With `provisioning` the
    account is what `peerline phone linphone` printed, read by linphone itself."""

    def __init__(self, machine, name, aor, folder, proxy='sip:127.0.0.1:5080', tone=500, stun=None,
                 transport='udp', port='-1', six=0, display='', provisioning=None, media='dtls', nat='ice', turn=None):
        self.machine, self.name, self.aor, self.folder, self.tone = machine, name, aor, folder, tone
        self.process, self.calls = None, 0
        recordings, share = os.path.join(folder, 'recordings'), os.path.join(folder, '.local', 'share', 'linphone')
        for path in (recordings, share, os.path.join(folder, 'certificates')):
            os.makedirs(path, exist_ok=True)
        audio.write_tone(os.path.join(folder, 'tone.wav'), tone, 120)
        ports = f'sip_port={port}\nsip_tcp_port={port}\nsip_tls_port=0\n' if port else ''
        account, uri = ACCOUNT.format(aor=aor, proxy=proxy, transport=transport, display=display,
                                      stun=f'stun_server={stun}\n' if stun else '',
                                      protocols='' if not nat else 'protocols=stun,ice\n' if stun else 'protocols=ice\n'), ''
        if turn:
            account = account.replace('protocols=stun,ice', f'stun_server_username={turn["username"]}\nprotocols=stun,turn,ice') + \
                TURN.format(**turn)
        if provisioning:
            account, uri = '', f'config-uri=file://{folder}/provisioning.xml\n'
            with open(os.path.join(folder, 'provisioning.xml'), 'w') as f:
                f.write(provisioning)
        with open(os.path.join(folder, 'linphonerc'), 'w') as f:
            f.write(CONFIG.format(port=ports, name=name, aor=aor, six=six, account=account, uri=uri,
                                  encryption='' if provisioning else f'media_encryption={media}\n',
                                  folder=folder, uuid=os.urandom(4).hex() + '-6fd9-0074-bc64-0c3caec335dd'))
            for n, (codec, rate, channels, enabled) in enumerate(CODECS):
                f.write(CODEC.format(n=n, name=codec, rate=rate, channels=channels, enabled=enabled))
        for root, _, files in os.walk(folder):
            for entry in [root] + [os.path.join(root, n) for n in files]:
                os.chown(entry, user(), user())
        self.log_path = os.path.join(folder, 'linphone.log')

    def start(self):
        command = ['linphonec', '-c', os.path.join(self.folder, 'linphonerc'), '-d', '6', '-l', self.log_path, '-a']
        with open(os.path.join(self.folder, 'said'), 'ab') as said:
            self.process = subprocess.Popen(self.machine.command(command, user()), stdin=subprocess.PIPE, stdout=said, stderr=said, cwd=self.folder,
                                            env={'PATH': os.environ['PATH'], 'HOME': self.folder, 'LC_ALL': 'C', 'TERM': 'dumb'})
        self.command('soundcard use files')
        self.command(f'play {self.folder}/tone.wav')
        self.forget_recordings()
        return self

    @property
    def pid(self):
        return self.process.pid

    def command(self, text):
        self.process.stdin.write(f'{text}\n'.encode())
        self.process.stdin.flush()

    def log(self):
        try:
            with open(self.log_path, errors='replace') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def events(self):
        """What became of calls, in order; the names are Baresip's."""
        return [EVENTS[new] for _, new in STATE.findall(self.log()) if new in EVENTS]

    def mark(self):
        return len(self.events())

    def wait(self, kind, since=0, timeout=15, **_):
        kinds = (kind,) if isinstance(kind, str) else kind
        found = wait_until(f'{self.name}: {"/".join(kinds)}', lambda: next((e for e in self.events()[since:] if e in kinds), None), timeout, 0.1)
        return {'type': found, 'when': time.monotonic(), 'param': ''}

    def registered(self, timeout=20):
        wait_until(f'{self.name}: the phone is registered', lambda: 'LinphoneRegistrationOk' in self.log(), timeout, 0.1)

    def dial(self, target):
        since = self.mark()
        self.command(f'call {target if target.startswith("sip:") else "sip:" + target}')
        return since

    def hang_up(self):
        self.command('terminate all')

    def forget_recordings(self):
        self.calls += 1
        self.command(f'record {self.folder}/recordings/dump-{self.calls}-dec.wav')

    def heard(self, frequency):
        return audio.heard(os.path.join(self.folder, 'recordings'), frequency)

    def stop(self):
        if self.process and self.process.poll() is None:
            try:
                self.command('quit')
                self.process.wait(3)
            except (subprocess.TimeoutExpired, OSError):
                pass
        stop_process(self.process, signal.SIGTERM, 3)
