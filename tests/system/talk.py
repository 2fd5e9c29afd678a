# SPDX-License-Identifier: LGPL-2.1-or-later
"""What several scenarios do and check: a call with voice, and what was to be seen of it."""
import time

import audio
from capture import datagram_kind, judge, media_flows, plain_frame, udp_ports, write_pcap
from lab import decode
from net import LabError, wait_until

ENOUGH = 3.0    # seconds of the other's tone that count as hearing it


def call(caller, callee, seconds=ENOUGH, timeout=30, dialled=None):
    """A call that stands, both having heard each other that long. Returns marks for the events since.
    `dialled`: an address that leads to the callee, in place of the callee's own."""
    for who in (caller, callee):
        who.phone.forget_recordings()
    since = {who: who.phone.mark() for who in (caller, callee)}
    caller.phone.dial(dialled or callee.aor)
    established(caller, since[caller])
    # who was called may have refused once: asked again, with an edge, it answers
    established(callee, since[callee], 'CALL_ESTABLISHED')
    hear(caller, callee, seconds, timeout)
    for who in (caller, callee):
        who.note_ports()
    return since


def established(who, since, only=('CALL_ESTABLISHED', 'CALL_CLOSED')):
    event = who.phone.wait(only, since, 15)
    if event['type'] != 'CALL_ESTABLISHED':
        raise LabError(f'{who.name}: the call ended: {event.get("param")}')


def hear(one, other, seconds=ENOUGH, timeout=30):
    for listener, speaker in ((one, other), (other, one)):
        wait_until(f'{listener.name} hears {speaker.name} for {seconds} s', lambda: listener.phone.heard(speaker.phone.tone) >= seconds, timeout, 0.4)


def voice_delays(caller, callee, since):
    """Seconds from the caller's 2xx to the first SRTP packet that came in from the other, at each (captures are over)."""
    answered = caller.phone.wait('CALL_ESTABLISHED', since[caller])['when'] + time.time() - time.monotonic()
    delays = {}
    for who in (caller, callee):
        came = [p.time for p in who.capture.packets() if p.kind == 'udp' and datagram_kind(p.payload) == 'srtp' and not plain_frame(p)
                and p.dst[0] == who.address and p.time > answered - 1]
        delays[who] = max(0.0, min(came) - answered) if came else float('inf')
    return delays


def hang_up(sender, other, since, timeout=8):
    """BYE from one side ends both; no trace of a call is left in either daemon."""
    sender.phone.hang_up()
    other.phone.wait('CALL_CLOSED', since[other], timeout)
    for who in (sender, other):
        if who.daemon.process.poll() is None:
            wait_until(f'{who.name}: no call is left', lambda who=who: not active_calls(who), 10)


def echo(who, dialled='echo@localhost', seconds=2.0):
    """A call to the built-in echo: who calls hears the own tone, and no call is left."""
    who.phone.forget_recordings()
    since = who.phone.mark()
    who.phone.dial(dialled)
    established(who, since)
    wait_until(f'{who.name} hears the own tone for {seconds} s', lambda: who.phone.heard(who.phone.tone) >= seconds, 20, 0.4)
    media = [c['media'] for c in active_calls(who)]
    assert media == ['ice+dtls-srtp'], media
    who.phone.hang_up()
    wait_until(f'{who.name}: no call is left', lambda: not active_calls(who), 10)


def active_calls(who):
    return [c for c in who.daemon.ask('calls') or [] if c.get('state') != 'ended']


def tones(*people):
    return set().union(*(audio.tone_bytes(p.phone.tone) for p in people))


def judge_outside(tap, people, all_tones):
    """Every packet on the outside interface of each host is what may be seen there."""
    for who in people:
        with tap.check(f'outside {who.name}\'s host there is only DTLS, SRTP, STUN and TLS: no SIP, no SDP, no tone'):
            counts, complaints = judge(who.capture.packets(), all_tones)
            tap.say(f'{who.name}: ' + ', '.join(f'{n} {k}' for k, n in sorted(counts.items(), key=str)))
            early = sum(map(plain_frame, who.capture.packets()))
            if early:
                tap.say(f'{early} frames of silence in clear from a phone whose own DTLS was not done yet: a race of baresip 1.0.0')
            assert counts.get('srtp') and counts.get('dtls') and counts.get('tcp'), 'the capture missed the call'
            assert not complaints, '\n'.join(complaints[:10] + [f'{len(complaints)} in all'])


def judge_media(tap, one, other, daemon_ports):
    """The voice went from phone to phone: the sockets at both ends are the phones' own."""
    with tap.check('media flow between the phones\' own sockets, and none through a socket of peerline'):
        for who in (one, other):
            flows = media_flows(who.capture.packets())
            assert flows, f'no media at {who.name}'
            for (src, dst), count in flows.items():
                port = src[1] if src[0] == who.address else dst[1]
                assert port in who.phone_ports, f'{count} packets {src} -> {dst}: not a socket of {who.name}\'s phone {sorted(who.phone_ports)}'
                assert port not in daemon_ports[who], f'{src} -> {dst}: a socket of {who.name}\'s peerlined'


def note_daemon_ports(people):
    return {who: udp_ports(who.daemon.pid) for who in people}


def judge_links(tap, world):
    """All traffic of overlay links decodes; left out are the phones' own and exactly what the daemons report as SIP links."""
    links = world.sip_links()
    everyone = world.bootstraps + list(world.people.values())
    with tap.check('the daemons report their SIP links, and each was seen on the wire'):
        reported = {pair for pairs in links.values() for pair in pairs}
        assert reported, 'no SIP link reported'
        for name, pairs in links.items():
            seen = {p.flow for p in world.captures[name].packets() if p.kind == 'udp'} if name in world.captures else pairs
            unseen = [pair for pair in pairs if pair not in seen and pair[::-1] not in seen]
            assert not unseen, f'{name} reports SIP links that nobody saw: {unseen}'
        tap.say(f'SIP links left out: {sorted(reported)}')
    for name, capture in sorted(world.captures.items()):
        with tap.check(f'all overlay links of {name} decode in Wireshark\'s RELOAD dissector'):
            here = {a for p in everyone if p.machine.name == name for a in (p.machine.address4, p.machine.address6)}
            phone_ports = set().union(*(p.phone_ports for p in everyone if p.machine.name == name))
            kept, ports, left_out = [], {6084}, 0
            for packet in capture.packets():
                if packet.kind not in ('udp', 'tcp'):
                    continue
                local, remote = (packet.src, packet.dst) if packet.src[0] in here else (packet.dst, packet.src)
                if packet.kind == 'udp':
                    if local[1] in phone_ports:
                        continue
                    if (local, remote) in links.get(name, ()):
                        left_out += 1
                        continue
                    if datagram_kind(packet.payload) == 'dtls':
                        ports.update((local[1], remote[1]))
                kept.append(packet)
            path = capture.path.replace('.pcap', '-links.pcap')
            write_pcap(path, kept)
            good, last, problems = decode(path, ports, world.keylog)
            tap.say(f'{name}: {last}; {left_out} packets of SIP links left out')
            assert good, '\n'.join(problems[:10] + [last])
