# SPDX-License-Identifier: LGPL-2.1-or-later
"""Phones of the lab: Debian's baresip with a tone as voice, and one written here whose
messages a test makes by hand."""
import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import threading
import time

import audio
from net import LabError, user, wait_until

MODULES = '/usr/lib/baresip/modules'
CONFIG = '''
poll_method epoll
sip_listen {listen}
sip_trans_def udp
call_local_timeout 60
call_max_calls 4
audio_path {folder}
audio_source aufile,{tone}
audio_player aubridge,nil
audio_alert aubridge,nil
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
audio_level no
rtp_ports {ports}
rtcp_mux no
jitter_buffer_delay 1-5
rtp_stats no
module_path {modules}
module g711.so
module sndfile.so
module aufile.so
module aubridge.so
module stun.so
module ice.so
module srtp.so
module dtls_srtp.so
module_tmp uuid.so
module_tmp account.so
module_app contact.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
snd_path {folder}/recordings
ice_debug no
'''


def remove(path):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


class Baresip:
    """One baresip: an account (or one as `peerline phone baresip` printed it), a tone to say,
    recordings of what was said and heard."""

    def __init__(self, machine, name, aor, folder, proxy='sip:127.0.0.1:5080', tone=500, stun=None,
                 family=4, media='dtls_srtp', nat='ice', answer='auto', control=4444, ports='20000-20100', sip_port=0, account=None):
        self.machine, self.name, self.aor, self.folder, self.tone = machine, name, aor, folder, tone
        self.family, self.control = family, control
        os.makedirs(os.path.join(folder, 'recordings'), exist_ok=True)
        audio.write_tone(os.path.join(folder, 'tone.wav'), tone, 120)
        listen = ('0.0.0.0' if family == 4 else '[::]') + f':{sip_port}'
        with open(os.path.join(folder, 'config'), 'w') as f:
            f.write(CONFIG.format(folder=folder, tone=os.path.join(folder, 'tone.wav'), modules=MODULES,
                                  control=control, listen=listen, ports=ports))
        if not account:
            account = f'<sip:{aor};transport=udp>;auth_pass=x'
            account += f';outbound="{proxy};transport=udp";regint=300' if proxy else ';regint=0'
            account += f';mediaenc={media}' if media else ''
            account += f';medianat={nat}' if nat else ''
            account += f';stunserver="{stun}"' if stun else ''
        account += f';answermode={answer};audio_codecs=PCMU'
        with open(os.path.join(folder, 'accounts'), 'w') as f:
            f.write(account + '\n')
        for path in ('uuid', 'contacts'):
            open(os.path.join(folder, path), 'a').close()
        for root, dirs, files in os.walk(folder):
            for entry in [root] + [os.path.join(root, n) for n in files]:
                os.chown(entry, user(), user())
        self.log_path = os.path.join(folder, 'baresip.log')
        self.events, self.changed, self.link, self.process = [], threading.Condition(), None, None

    def start(self):
        log = open(self.log_path, 'ab')
        self.log_start = len(self.log())
        command = ['baresip', '-f', self.folder, '-v', '-s', '-t', '600', f'-{self.family}']
        self.process = subprocess.Popen(self.machine.command(command, user()), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        env={'PATH': os.environ['PATH'], 'HOME': self.folder})
        log.close()
        self.link = wait_until(f'{self.name}: control port', self.connect, 10)
        threading.Thread(target=self.read_events, args=(self.link,), daemon=True).start()
        return self

    @property
    def pid(self):
        return self.process.pid

    def connect(self):
        if self.process.poll() is not None:
            raise LabError(f'{self.name}: baresip ended: {self.log()[-400:]}')
        s = self.machine.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            s.connect(('127.0.0.1', self.control))
            return s
        except OSError:
            s.close()
            return None

    def read_events(self, link):
        data = b''
        while True:
            try:
                more = link.recv(65536)
            except OSError:
                return
            if not more:
                return
            data += more
            while True:
                head, colon, rest = data.partition(b':')
                if not colon or len(rest) < int(head) + 1:
                    break
                data = rest[int(head) + 1:]
                with self.changed:
                    self.events.append((time.monotonic(), json.loads(rest[:int(head)].decode('utf-8', 'replace'))))
                    self.changed.notify_all()

    def command(self, name, params=''):
        text = json.dumps({'command': name, 'params': params}).encode()
        self.link.sendall(b'%d:%s,' % (len(text), text))

    def mark(self):
        """A point in the stream of events, for wait()."""
        with self.changed:
            return len(self.events)

    def wait(self, kind, since=0, timeout=15, **wanted):
        """The first event of one of the kinds (a name or several) after `since`."""
        kinds = (kind,) if isinstance(kind, str) else kind
        end = time.monotonic() + timeout
        with self.changed:
            while True:
                for when, event in self.events[since:]:
                    if event.get('type') in kinds and all(v in str(event.get(k, '')) for k, v in wanted.items()):
                        return dict(event, when=when)
                left = end - time.monotonic()
                if left <= 0:
                    raise LabError(f'{self.name}: no {"/".join(kinds)} within {timeout} s; saw ' +
                                   ', '.join(e.get('type', '-') for _, e in self.events[since:]))
                self.changed.wait(left)

    def registered(self, timeout=20):
        """By its trace: the first event may be over before we listen."""
        answer = re.compile(r'SIP/2\.0 200 [^\n]*\n(?:[^\n]+\n)*?CSeq: \d+ REGISTER')
        wait_until(f'{self.name}: the phone is registered', lambda: answer.search(self.log()[self.log_start:]), timeout)

    def dial(self, target):
        since = self.mark()
        self.command('dial', target if target.startswith('sip:') else f'sip:{target}')
        return since

    def hang_up(self):
        self.command('hangup')

    def log(self):
        with open(self.log_path, errors='replace') as f:
            return f.read()

    def forget_recordings(self):
        for direction in ('enc', 'dec'):
            for path in audio.recordings(os.path.join(self.folder, 'recordings'), direction):
                remove(path)

    def heard(self, frequency):
        return audio.heard(os.path.join(self.folder, 'recordings'), frequency)

    def stop(self):
        if self.link:
            self.link.close()
        stop_process(self.process, signal.SIGTERM, 5)


def stop_process(process, number, timeout):
    """Ends one process of ours; its exit code."""
    if process is None:
        return None
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
    return process.returncode


# --- the phone written here ---

FINGERPRINT = ':'.join(['A1', 'B2', 'C3', 'D4'] * 8)


def secure_sdp(address, port=40000, fingerprint=FINGERPRINT, setup='actpass', version=1):
    family = 'IP6' if ':' in address else 'IP4'
    return '\r\n'.join([
        'v=0', f'o=- 4711 {version} IN {family} {address}', 's=-', f'c=IN {family} {address}', 't=0 0',
        f'm=audio {port} UDP/TLS/RTP/SAVPF 0 101', 'a=rtpmap:0 PCMU/8000', 'a=rtpmap:101 telephone-event/8000', 'a=sendrecv',
        'a=ice-ufrag:abcd', 'a=ice-pwd:abcdefghijklmnopqrstuv',
        f'a=candidate:1 1 UDP 2130706431 {address} {port} typ host', f'a=candidate:1 2 UDP 2130706430 {address} {port + 1} typ host',
        f'a=rtcp:{port + 1}', f'a=setup:{setup}', f'a=fingerprint:SHA-256 {fingerprint}', ''])


def plain_sdp(address, port=40000, **_):
    family = 'IP6' if ':' in address else 'IP4'
    return '\r\n'.join(['v=0', f'o=- 4711 1 IN {family} {address}', 's=-', f'c=IN {family} {address}', 't=0 0',
                        f'm=audio {port} RTP/AVP 0', 'a=rtpmap:0 PCMU/8000', ''])


class Message:
    """A SIP message as its sender wrote it."""

    def __init__(self, data, when=0.0, source=None):
        self.when, self.source = when, source
        head, _, self.body = data.decode('utf-8', 'replace').partition('\r\n\r\n')
        self.first, *lines = head.split('\r\n')
        self.headers = [(n.strip().lower(), v.strip()) for n, _, v in (l.partition(':') for l in lines)]
        self.status = int(self.first.split()[1]) if self.first.startswith('SIP/2.0 ') else None
        self.method = None if self.status else self.first.split()[0]

    SHORT = {'v': 'via', 'f': 'from', 't': 'to', 'i': 'call-id', 'm': 'contact', 'l': 'content-length', 'c': 'content-type'}

    def all(self, name):
        return [v for n, v in self.headers if self.SHORT.get(n, n) == name]

    def get(self, name):
        return next(iter(self.all(name)), '')

    def uri(self, name):
        match = re.search(r'<([^>]*)>', self.get(name))
        return match.group(1) if match else self.get(name).split(';')[0]


class Call:
    def __init__(self, phone, target, offer, to_tag=''):
        self.phone, self.target, self.offer = phone, target, offer
        self.id, self.tag, self.to_tag = f'{os.urandom(8).hex()}@lab', os.urandom(4).hex(), to_tag
        self.sequence, self.routes, self.remote = 1, [], f'sip:{target}'
        self.sent, self.final = 0.0, None


class ScriptPhone:
    """A SIP phone over UDP that does what the test says. Calls are answered by themselves."""

    def __init__(self, machine, aor, address, proxy=('127.0.0.1', 5080), uid=None, answer=secure_sdp):
        self.machine, self.aor, self.address, self.proxy, self.answer = machine, aor, address, proxy, answer
        family = socket.AF_INET6 if ':' in proxy[0] else socket.AF_INET
        self.socket = machine.socket(family, socket.SOCK_DGRAM, user() if uid is None else uid)
        self.socket.bind(('::1' if ':' in proxy[0] else '127.0.0.1', 0))
        host, port = self.socket.getsockname()[:2]
        self.here = f'[{host}]:{port}' if ':' in host else f'{host}:{port}'
        self.seen, self.sequence, self.id = [], 0, f'{os.urandom(6).hex()}@lab'

    def close(self):
        self.socket.close()

    def send(self, text):
        self.socket.sendto(text.encode(), self.proxy)

    def request(self, method, uri, to, call_id, tag, sequence, to_tag='', routes=(), body='', sender=None, extra=()):
        lines = [f'{method} {uri} SIP/2.0', f'Via: SIP/2.0/UDP {self.here};branch=z9hG4bK{os.urandom(8).hex()};rport', 'Max-Forwards: 70',
                 f'From: <sip:{sender or self.aor}>;tag={tag}', f'To: <sip:{to}>' + (f';tag={to_tag}' if to_tag else ''),
                 f'Call-ID: {call_id}', f'CSeq: {sequence} {method}', f'Contact: <sip:script-{self.here.rsplit(":", 1)[1]}@{self.here}>']
        lines += [f'Route: {r}' for r in routes] + list(extra)
        lines += ['Content-Type: application/sdp'] if body else []
        self.send('\r\n'.join(lines + [f'Content-Length: {len(body.encode())}', '', body]))

    def take(self, timeout):
        """The next message, or None."""
        if not select.select([self.socket], [], [], max(timeout, 0))[0]:
            return None
        try:
            data, source = self.socket.recvfrom(65536)
        except ConnectionError:
            return None
        message = Message(data, time.monotonic(), source)
        self.seen.append(message)
        return message

    def wait(self, wanted, timeout, what):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            message = self.take(end - time.monotonic())
            if message is None:
                continue
            if message.method:
                self.serve(message)
            if wanted(message):
                return message
        raise LabError(f'{self.aor}: no {what} within {timeout} s')

    def register(self, timeout=5, expires=300):
        end = time.monotonic() + timeout
        while True:     # a daemon that has only just started may not listen yet
            self.sequence += 1
            sequence = self.sequence
            self.request('REGISTER', f'sip:{self.aor.split("@")[1]}', self.aor, self.id, 'reg', sequence, extra=[f'Expires: {expires}'])
            try:
                answer = self.wait(lambda m: m.status and m.status >= 200 and m.get('cseq') == f'{sequence} REGISTER', 1, 'answer to REGISTER')
                return answer.status
            except LabError:
                if time.monotonic() > end:
                    raise

    def invite(self, target, offer=None, sender=None, extra=()):
        call = Call(self, target, secure_sdp(self.address) if offer is None else offer)
        call.sent = time.monotonic()
        self.request('INVITE', f'sip:{target}', target, call.id, call.tag, 1, body=call.offer, sender=sender, extra=extra)
        return call

    def finish(self, call, timeout=15):
        """The final answer of an INVITE, acknowledged."""
        answer = self.wait(lambda m: m.status and m.status >= 200 and m.get('call-id') == call.id and 'INVITE' in m.get('cseq'), timeout, 'final answer')
        call.final = answer
        match = re.search(r'tag=([^;>\s]+)', answer.get('to'))
        call.to_tag = match.group(1) if match else ''
        if answer.status < 300:
            call.routes = list(reversed(split_routes(answer.all('record-route'))))
            call.remote = answer.uri('contact')
            self.request('ACK', call.remote, call.target, call.id, call.tag, 1, call.to_tag, call.routes)
        return answer

    def bye(self, call, timeout=5):
        call.sequence += 1
        self.request('BYE', call.remote, call.target, call.id, call.tag, call.sequence, call.to_tag, call.routes)
        return self.wait(lambda m: m.status and m.status >= 200 and 'BYE' in m.get('cseq') and m.get('call-id') == call.id, timeout, 'answer to BYE')

    def serve(self, message):
        """What a phone that answers every call would do with a request."""
        if message.method == 'ACK':
            return
        lines = ['SIP/2.0 200 OK'] + [f'Via: {v}' for v in message.all('via')] + [f'Record-Route: {r}' for r in message.all('record-route')]
        to = message.get('to')
        lines += [f'From: {message.get("from")}', f'To: {to}' + ('' if 'tag=' in to else ';tag=callee'),
                  f'Call-ID: {message.get("call-id")}', f'CSeq: {message.get("cseq")}', f'Contact: <sip:script@{self.here}>']
        body = self.answer(self.address, 41000, setup='active') if message.method == 'INVITE' else ''
        lines += ['Content-Type: application/sdp'] if body else []
        self.send_to('\r\n'.join(lines + [f'Content-Length: {len(body)}', '', body]), message.source)

    def send_to(self, text, where):
        self.socket.sendto(text.encode(), where)


def split_routes(values):
    return [r.strip() for v in values for r in re.split(r',(?=\s*<)', v)]


class Answering:
    """A ScriptPhone that is attended to by a thread: it takes calls until it is closed."""

    def __init__(self, phone):
        self.phone, self.running = phone, True
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while self.running:
            with contextlib.suppress(OSError):
                message = self.phone.take(0.1)
                if message and message.method:
                    self.phone.serve(message)

    def arrival(self, call_id, timeout=5):
        """When the INVITE of this call came."""
        message = wait_until(f'{self.phone.aor}: INVITE of {call_id}', lambda: next(
            (m for m in list(self.phone.seen) if m.method == 'INVITE' and m.get('call-id') == call_id), None), timeout, 0.01)
        return message.when

    def close(self):
        self.running = False
        self.thread.join()
        self.phone.close()


class Meddler:
    """Stands on the loopback between a phone and its daemon and swaps the fingerprint of what the phone says."""

    def __init__(self, machine, daemon=('127.0.0.1', 5080)):
        self.daemon, self.swapped, self.running = daemon, 0, True
        self.inner, self.outer = (machine.socket(socket.AF_INET, socket.SOCK_DGRAM, user()) for _ in range(2))
        for s in (self.inner, self.outer):
            s.bind(('127.0.0.1', 0))
        self.proxy = f'sip:127.0.0.1:{self.inner.getsockname()[1]}'
        self.phone = None
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while self.running:
            for s in select.select([self.inner, self.outer], [], [], 0.1)[0]:
                with contextlib.suppress(ConnectionError):
                    data, source = s.recvfrom(65536)
                    if s is self.inner:
                        self.phone = source
                        self.outer.sendto(self.change(data), self.daemon)
                    elif self.phone:
                        self.from_daemon(data, source)

    def from_daemon(self, data, source):
        self.daemon = source
        self.inner.sendto(data, self.phone)

    def change(self, data):
        if data.startswith(b'REGISTER'):
            here = b'127.0.0.1:%d' % self.outer.getsockname()[1]     # the phone knows itself by its user part
            return re.sub(rb'(?mi)^((?:Contact|m)\s*:\s*<sip:[^@>]*@)[^;>]*', lambda m: m.group(1) + here, data)

        def other(match):
            self.swapped += 1
            return match.group(1) + bytes(0x30 + (c - 0x30 + 1) % 10 if 0x30 <= c <= 0x39 else c for c in match.group(2))
        return re.sub(rb'(a=fingerprint:\s*\S+\s+)([0-9A-Fa-f:]+)', other, data)

    def close(self):
        self.running = False
        self.thread.join()
        self.inner.close()
        self.outer.close()
