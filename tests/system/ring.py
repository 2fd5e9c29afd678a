#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check-ring: 32 real peers on the loopback of a namespace of their own: how fast they join, whether they find
each other, what is left after ten are killed, and what they take at rest. Prints TAP.

  ring.py --builddir DIR [--peers N] [--lookups N] [--seed N] [--rest SECONDS]
"""
import argparse
import concurrent.futures
import contextlib
import hashlib
import os
import random
import re
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))

import loopback  # noqa: E402
import net  # noqa: E402
from tap import Tap  # noqa: E402

OVERLAY = 'ring.example.org'
FIRST_PORT = 20000      # the namespace is ours, and gives no port so low to anybody
COPIES = 3              # the responsible peer and two replicas (10.4)
SETTLE = 10             # s, for what follows a join
SIP_SETTLE = 30         # s more, for what follows a request: links that were made twice are parted with
CALLS = 4               # others that each phone asks
JOIN_MAX, FOUND_MAX, PRIVATE_MAX = 15, 30, 16 * 1024
# At rest, a second: for each overlay link, for each SIP link, beside.
WAKE_LINK, WAKE_SIP, WAKE_BESIDE = 0.3, 0.7, 0.5
SENT_LINK, SENT_SIP = 25, 60
LOOPBACK_HEADER = 14    # octets that lo counts with every packet and no wire carries


class Peer:
    """A daemon, and a phone that answers every request with 486."""

    def __init__(self, build, folder, number):
        self.aor = f'user{number}@example.org'
        self.home = loopback.Home(build, f'{folder}/{number}')
        self.phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.phone.bind(('127.0.0.1', 0))
        self.phone.setblocking(False)
        self.place = int(hashlib.sha1(self.aor.encode()).hexdigest()[:32], 16)

    def send(self, method, target, *more):
        host, port = self.phone.getsockname()
        call = f'{random.getrandbits(64):x}'
        lines = [f'{method} sip:{target} SIP/2.0', f'Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{call};rport', 'Max-Forwards: 70',
                 f'From: <sip:{self.aor}>;tag={call}', f'To: <sip:{self.aor if method == "REGISTER" else target}>', f'Call-ID: {call}',
                 f'CSeq: 1 {method}', f'Contact: <sip:{self.aor.split("@")[0]}@{host}:{port}>', *more, 'Content-Length: 0', '', '']
        self.phone.sendto('\r\n'.join(lines).encode(), ('127.0.0.1', self.sip))

    def hear(self):
        """Answers what came; the status of each answer."""
        statuses = []
        while True:
            try:
                text = self.phone.recv(65536).decode('utf-8', 'replace')
            except BlockingIOError:
                return statuses
            if text.startswith('SIP/2.0 '):
                statuses.append(int(text.split()[1]))
            elif not text.startswith('ACK '):
                kept = [line for line in text.split('\r\n') if re.match(r'(?i)(via|from|to|call-id|cseq):', line)]
                self.phone.sendto('\r\n'.join(['SIP/2.0 486 Busy Here', *kept, 'Content-Length: 0', '', '']).encode(), ('127.0.0.1', self.sip))

    def state(self):
        overlays = (self.home.ask('status') or {}).get('overlays') or [{}]
        return overlays[0].get('state')

    def found(self, other):
        answer = self.home.ask('lookup', other.aor) or {}
        return answer.get('result') == 'found' and answer.get('nodes') == [other.node]

    def wakes(self):
        """How often each thread of it has slept."""
        counts = {}
        for task in os.listdir(f'/proc/{self.home.process.pid}/task'):
            with contextlib.suppress(FileNotFoundError), open(f'/proc/{self.home.process.pid}/task/{task}/status', encoding='ascii', errors='replace') as f:
                counts[task] = int(re.search(r'\nvoluntary_ctxt_switches:\s*(\d+)', f.read())[1])
        return counts

    def private(self):
        with open(f'/proc/{self.home.process.pid}/smaps_rollup', encoding='ascii') as f:
            return sum(int(kib) for kib in re.findall(r'Private_(?:Clean|Dirty):\s*(\d+)', f.read()))


class Ring:
    def __init__(self, tap, build, folder, count):
        self.tap, self.peers = tap, [Peer(build, folder, number) for number in range(count)]
        self.pool = concurrent.futures.ThreadPoolExecutor(4)
        for number, peer in enumerate(self.peers):
            peer.sip, peer.port = FIRST_PORT + 2 * number, FIRST_PORT + 2 * number + 1
            peer.home.configure(peer.sip, peer.port, level='notice')
        first = self.peers[0]
        first.home.peerline('overlay', 'create', OVERLAY, '--bootstrap', f'127.0.0.1:{first.port}')
        first.home.peerline('identity', 'create', first.aor, '--overlay', OVERLAY)
        for peer in self.peers[1:]:
            first.home.admit(peer.home, OVERLAY, peer.aor)

    def every(self, function, peers=None):
        return list(self.pool.map(function, peers or self.peers))

    def start(self):
        for peer in self.peers:
            peer.home.start()

    def until(self, condition, seconds):
        """Seconds until the condition holds for each peer; None when it does not."""
        begin, left = time.monotonic(), list(self.peers)
        while left:
            left = [peer for peer, good in zip(left, self.every(condition, left)) if not good]
            if time.monotonic() - begin > seconds:
                return None
        return time.monotonic() - begin

    def register(self):
        for peer in self.peers:
            peer.send('REGISTER', 'example.org', 'Expires: 3600')
        return self.until(lambda peer: self.registered(peer), 20)

    @staticmethod
    def registered(peer):
        status = peer.home.ask('status')
        peer.node = status['overlays'][0]['node']
        return status['identities'][0]['registered'] > 0

    def lookups(self, count, chance):
        pairs = [chance.sample(self.peers, 2) for _ in range(count)]
        return sum(not good for good in self.every(lambda pair: pair[0].found(pair[1]), pairs))

    def holders(self, record):
        """The peers that hold a record: the first at or after its place, and those behind it."""
        ring = sorted(self.peers, key=lambda peer: int(peer.node, 16))
        at = next((i for i, peer in enumerate(ring) if int(peer.node, 16) >= record.place), 0)
        return [ring[(at + i) % len(ring)] for i in range(COPIES)]

    # --- at rest ---

    def links(self):
        """[(overlay links, SIP links)] by peer, and the paths of the SIP links as the peer sees them."""
        listed = self.every(lambda peer: peer.home.ask('peers'))
        counts = [(sum(link['role'] != 'sip' for link in links), sum(link['role'] == 'sip' for link in links)) for links in listed]
        return counts, [link['path'] for links in listed for link in links if link['role'] == 'sip']

    def sip_links(self):
        """Each phone asks those of the next peers once; the links stay."""
        for number, peer in enumerate(self.peers):
            for step in range(1, CALLS + 1):
                peer.send('OPTIONS', self.peers[(number + step) % len(self.peers)].aor)
        end, answered = time.monotonic() + 30, 0
        while answered < CALLS * len(self.peers) and time.monotonic() < end:
            answered += sum(status >= 200 for peer in self.peers for status in peer.hear())
            time.sleep(0.01)
        return answered

    def wakes(self, seconds):
        """Of each peer, a second; and the octets that all send a second."""
        time.sleep(SETTLE)
        before, sent, begin = [peer.wakes() for peer in self.peers], octets(), time.monotonic()
        time.sleep(seconds)
        after, took, sent = [peer.wakes() for peer in self.peers], time.monotonic() - begin, octets() - sent
        return [sum(n - a.get(task, 0) for task, n in b.items()) / took for a, b in zip(before, after)], sent / took


def count_paths(paths):
    """Rules of nftables that count what goes out from a peer on each path."""
    rules = []
    for path in paths:
        source, destination = (end.rpartition(':')[2] for end in path.split()[1:])
        rules.append(f'udp sport {source} udp dport {destination} counter')
    chain = 'type filter hook output priority filter;'
    subprocess.run(['nft', '-f', '-'], check=True, text=True,
                   input='table inet count { chain out {\n%s\n%s\n}\n}\n' % (chain, '\n'.join(rules)))


def counted():
    said = subprocess.run(['nft', 'list', 'table', 'inet', 'count'], check=True, capture_output=True, text=True).stdout
    return sum(int(number) for number in re.findall(r'bytes (\d+)', said))


def octets():
    """What went over the loopback of this namespace, IP headers included."""
    with open('/proc/net/dev', encoding='ascii') as f:
        fields = next(line for line in f if line.strip().startswith('lo:')).split(':')[1].split()
    return int(fields[8]) - LOOPBACK_HEADER * int(fields[9])


def slow(tap, name, took, limit):
    tap.result(took is not None and took <= limit, f'{name} within {limit} s', f'figure: {name}: {took:.1f} s' if took is not None else 'never')


def check_rest(tap, ring, seconds):
    links, _ = ring.links()
    wakes, sent = ring.wakes(seconds)
    count = sum(overlay for overlay, _ in links)
    beside = [wake - WAKE_BESIDE for wake in wakes]
    tap.say(f'figure: overlay links a peer: {count / len(links):.1f}, wake-ups of it a second: mean {sum(wakes) / len(wakes):.2f}, most {max(wakes):.2f}')
    worst = max(wake / overlay for wake, (overlay, _) in zip(beside, links))
    tap.result(worst <= WAKE_LINK, f'a peer at rest wakes at most {WAKE_LINK} times a second for each overlay link, and {WAKE_BESIDE} beside',
               f'figure: mean {sum(wakes) / count:.3f}, most {worst:.3f} 1/s')
    tap.figure('sent at rest over each overlay link', sent / count, 'B/s', SENT_LINK)
    return wakes


def check_sip_rest(tap, ring, seconds, wakes):
    answered = ring.sip_links()
    tap.result(answered >= CALLS * len(ring.peers), f'each phone hears from {CALLS} others', f'{answered} answers')
    time.sleep(SIP_SETTLE)
    links, paths = ring.links()
    sip = sum(n for _, n in links)
    tap.result(sip >= 2 * CALLS * len(ring.peers), f'the links of each phone to {2 * CALLS} others stay', f'figure: SIP links a peer: {sip / len(links):.2f}')
    count_paths(paths)
    before, begin = counted(), time.monotonic()
    with_sip, _ = ring.wakes(seconds)
    sent = (counted() - before) / (time.monotonic() - begin)
    more = (sum(with_sip) - sum(wakes)) / sip
    # A consent check of libnice (RFC 7675) costs its timer, the answer, and the far side's own.
    tap.figure('wake-ups that a SIP link at rest adds', more, '1/s', WAKE_SIP)
    tap.figure('sent at rest over each SIP link', sent / sip, 'B/s', SENT_SIP)


def check_deaths(tap, ring, chance, count):
    records, killed = list(ring.peers), chance.sample(ring.peers, count)
    wanted = [record for record in records if any(holder not in killed for holder in ring.holders(record))]
    for peer in killed:
        peer.home.kill()
    ring.peers = [peer for peer in ring.peers if peer not in killed]
    begin, left = time.monotonic(), wanted
    while left and time.monotonic() - begin < FOUND_MAX:
        left = [record for record, good in zip(left, ring.every(lambda record: chance.choice(ring.peers).found(record), left)) if not good]
    tap.say(f'figure: {len(records) - len(wanted)} of {len(records)} records lost all holders')
    slow(tap, f'every record with a surviving holder is found after {count} peers were killed', None if left else time.monotonic() - begin, FOUND_MAX)


def check(tap, ring, args):
    chance = random.Random(args.seed)
    begin = time.monotonic()
    ring.start()
    joined = ring.until(lambda peer: peer.state() == 'peer', 60)
    slow(tap, f'{args.peers} peers have joined', None if joined is None else time.monotonic() - begin, JOIN_MAX)
    tap.result(ring.register() is not None, 'every phone is registered in the overlay')
    begin = time.monotonic()
    failed = ring.lookups(args.lookups, chance)
    tap.say(f'figure: {args.lookups} look-ups took {time.monotonic() - begin:.1f} s')
    tap.result(failed == 0, f'{args.lookups} look-ups have no failure', f'{failed} failed' if failed else '')
    tap.figure('private memory of the largest peer', max(peer.private() for peer in ring.peers) / 1024, 'MiB', PRIVATE_MAX / 1024)
    check_sip_rest(tap, ring, args.rest, check_rest(tap, ring, args.rest))
    check_deaths(tap, ring, chance, args.peers * 10 // 32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--builddir', required=True)
    for name, value in (('peers', 32), ('lookups', 1000), ('seed', 1), ('rest', 20)):
        parser.add_argument('--' + name, type=int, default=value)
    args = parser.parse_args()
    args.builddir = os.path.abspath(args.builddir)
    folder = net.enter()
    tap = Tap()
    tap.say(f'seed {args.seed}')
    ring = Ring(tap, args.builddir, folder, args.peers)
    check(tap, ring, args)
    ring.every(lambda peer: peer.home.stop())
    tap.result(not any(peer.home.process.returncode for peer in ring.peers), 'every peer that was left ended well')
    return tap.end()


if __name__ == '__main__':
    sys.exit(main())
