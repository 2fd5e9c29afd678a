#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Acceptance check: does Wireshark (tshark) decode every RELOAD message in a capture without complaint?

  reload_tshark.py CAPTURE [--keylog FILE] [--port N ...] [--plain] [--kind ID:NAME:SINGLE|ARRAY|DICTIONARY ...]
                   [--nodeid-len 16] [--min N] [--allow TEXT ...] [--json] [--tshark PATH]

 --keylog  NSS key log of the sessions: run the daemon with SSLKEYLOGFILE=FILE (GnuTLS >= 3.5.9 and
           NSS honour it by themselves, for TLS 1.2/1.3 and DTLS 1.2; OpenSSL programs need a keylog callback).
 --port    ports that carry RELOAD (default 6084).  All are taken as TLS over TCP and DTLS over UDP.
           ICE: STUN packets on the same UDP port are told apart by Wireshark and only counted.
 --plain   the capture has RELOAD framing without (D)TLS (test vectors).
 --allow   text of an expert note that is no failure (repeatable).  Fixed exceptions: see KNOWN below.

Exit 0: at least --min messages, every one decoded, nothing malformed, no expert warning or error, no byte of a
message left undissected, no (D)TLS application data left encrypted.  Exit 1: anything else (one line for each).
"""
import argparse, json, os, re, subprocess, sys, tempfile, xml.etree.ElementTree as ET

CODES = {1: 'probe', 3: 'attach', 7: 'store', 9: 'fetch', 13: 'find', 15: 'join', 17: 'leave', 19: 'update', 21: 'route_query', 23: 'ping', 25: 'stat', 29: 'app_attach', 33: 'config_update'}
def code_name(c):
    return 'error' if c == 0xffff else CODES.get(c if c & 1 else c - 1, f'code{c}') + ('_req' if c & 1 else '_ans')

# Dissector faults of Wireshark 4.0/4.4 that are not ours (see ../vectors/README.md): (regular expression on "field: text")
KNOWN = [r'expert error: Unknown identity type']      # W3 SignerIdentityType none(3) is legal in a Fetch answer (s.7.4.2.2)

LUA = []
def attr(f): return (f.get('showname') or f.get('show') or '')
def leaves(e):
    kids = [c for c in e.findall('field')] + [c for c in e.findall('proto')]
    real = [k for k in kids if int(k.get('size') or 0) > 0]
    if any(not (k.get('name') or '').startswith(('reload', '_ws')) and k.get('name') for k in real): real = []     # X.509 and other sub-dissectors: count the whole element
    if not real and int(e.get('size') or 0) > 0: yield e
    for k in kids: yield from leaves(k)

def run(a):
    cmd = [a.tshark, '-n', '-r', a.capture, '-T', 'pdml', '-o', f'reload.nodeid_length:{a.nodeid_len}', '-o', 'tcp.desegment_tcp_streams:TRUE', '-o', 'tls.desegment_ssl_records:TRUE', '-o', 'tls.desegment_ssl_application_data:TRUE']
    for k in a.kind or []:
        i, n, m = k.split(':'); cmd += ['-o', f'uat:reload_kindids:"{int(i, 0)}","{n}","{m}"']
    if a.keylog: cmd += ['-o', f'tls.keylog_file:{a.keylog}']
    if not a.plain:
        for p in a.port:
            cmd += ['-d', f'tcp.port=={p},tls', '-d', f'udp.port=={p},dtls']
        # Wireshark has no way to bind reload-framing to TLS by preference or -d; a line of Lua does it (tshark 4.0 of Debian 12).
        lua = tempfile.NamedTemporaryFile('w', suffix='.lua', delete=False); LUA.append(lua.name)
        lua.write(''.join(f'DissectorTable.get("tls.port"):add({p}, Dissector.get("reload-framing"))\n' for p in a.port)); lua.close()
        cmd += ['-X', f'lua_script:{lua.name}']
    else:
        for p in a.port: cmd += ['-d', f'tcp.port=={p},reload-framing', '-d', f'udp.port=={p},reload-framing']
    r = subprocess.run(cmd, capture_output=True)
    for l in LUA: os.path.exists(l) and os.unlink(l)
    if r.returncode or not r.stdout: sys.exit(f'tshark failed ({r.returncode}): {r.stderr.decode()[-500:]}')
    return ET.fromstring(r.stdout), r.stderr.decode()

def find(p, name): return next((f for f in p.iter('field') if f.get('name') == name), None)

def check(a):
    root, err = run(a); out = []; stats = dict(frames=0, messages=0, acks=0, stun=0, encrypted=0)
    allow = [re.compile(x) for x in KNOWN + [re.escape(t) for t in a.allow or []]]
    for pkt in root.iter('packet'):
        stats['frames'] += 1; num = next(f.get('show') for f in pkt.iter('field') if f.get('name') == 'num')
        protos = [p for p in pkt if p.tag == 'proto']; names = [p.get('name') for p in protos]
        stats['stun'] += names.count('stun')
        for f in pkt.iter('field'):
            if f.get('name') in ('tls.app_data', 'dtls.app_data'): stats['encrypted'] += not any(n in ('reload', 'reload-framing') for n in names)
        ep = {f.get('name'): f.get('show') for f in pkt.iter('field') if f.get('name') in ('ip.src', 'ip.dst', 'ipv6.src', 'ipv6.dst', 'udp.srcport', 'udp.dstport', 'tcp.srcport', 'tcp.dstport')}
        src = f"{ep.get('ip.src') or ep.get('ipv6.src')}:{ep.get('udp.srcport') or ep.get('tcp.srcport')}"; dst = f"{ep.get('ip.dst') or ep.get('ipv6.dst')}:{ep.get('udp.dstport') or ep.get('tcp.dstport')}"
        for i, p in enumerate(protos):
            n = p.get('name')
            if n == 'reload-framing':
                t = find(p, 'reload_framing.type') or find(p, 'reload-framing.type')
                t = next((f for f in p.iter('field') if (f.get('name') or '').endswith('.type')), None)
                if t is not None and int(t.get('value') or '0', 16) == 129: stats['acks'] += 1
            if n not in ('reload', 'reload-framing', '_ws.malformed'): continue
            probs = ['malformed'] if n == '_ws.malformed' else []
            for f in p.iter('field'):
                nm = f.get('name') or ''
                if nm.startswith('_ws.malformed'): probs.append('malformed')
                if nm == '_ws.expert':
                    sev = next((int(c.get('show')) for c in f.iter('field') if c.get('name') == '_ws.expert.severity'), 0)
                    text = next((c.get('show') or attr(c) for c in f.iter('field') if c.get('name') == '_ws.expert.message'), attr(f))
                    if sev >= 0x600000: probs.append(f"expert {'error' if sev >= 0x800000 else 'warning'}: {text}")
            if n == 'reload':
                stats['messages'] += 1; code = find(p, 'reload.message.code'); frag = find(p, 'reload.forwarding.fragment.offset'); tid = find(p, 'reload.forwarding.trans_id') or find(p, 'reload.forwarding.transaction_id')
                pos, size = int(p.get('pos')), int(p.get('size')); cov = bytearray(size)
                for l in leaves(p):
                    if l is p: continue
                    s = int(l.get('pos')) - pos; z = int(l.get('size'))
                    for k in range(max(0, s), min(size, s + z)): cov[k] = 1
                un = size - sum(cov)
                # Faults of the Wireshark dissector itself (4.0.17 and 4.4.18; see README "Wireshark faults"):
                cn = code_name(int(code.get('value'), 16)) if code is not None and code.get('value') else ''
                ncand = sum(1 for f in p.iter('field') if (f.get('name') or '') == 'reload.icecandidate')
                if 'attach' in cn and un == 4 * ncand: un = 0        # W1 IceCandidate.priority read from a wrong offset
                if cn == 'probe_ans' and un == 2: un = 0             # W2 length of probe_info not shown
                if cn in ('fetch_req', 'stat_req') and find(p, 'reload.storeddataspecifier.keys') is not None:
                    un = 0; probs = [q for q in probs if 'Computed length > max_field length' not in q]     # W4 dictionary keys read from a wrong offset
                if un and code is not None: probs.append(f'{un} of {size} bytes undissected (first at {cov.index(0)})')
                if i + 1 < len(protos) and protos[i + 1].get('name') == 'data': probs.append('trailing data')
                if 'data' in names[i + 1:]: probs.append('bytes after the message shown as data')
                rec = {'frame': int(num), 'src': src, 'dst': dst, 'length': size, 'code': int(code.get('value'), 16) if code is not None and code.get('value') else None, 'txid': tid.get('show') if tid is not None else None}
                rec['message'] = code_name(rec['code']) if rec['code'] is not None else 'fragment'
                fv = find(p, 'reload.forwarding.fragment'); rec['fragment'] = fv.get('value') if fv is not None else None
                if rec['code'] is None and rec['fragment'] == 'c0000000': probs.append('not decoded past the forwarding header (length field wrong, or truncated)')
                if rec['code'] is not None and rec['fragment'] != 'c0000000': rec['reassembled'] = True; probs = [q for q in probs if 'undissected' not in q]    # positions are those of the reassembled message
            else:
                rec = {'frame': int(num), 'src': src, 'dst': dst, 'message': n}
            rec['problems'] = [q for q in probs if not any(x.search(q) for x in allow)]; rec['ignored'] = [q for q in probs if q not in rec['problems']]
            if n == 'reload' or rec['problems']: out.append(rec)
    done = {r['txid'] for r in out if r.get('reassembled')}
    for r in out:
        if r['message'] == 'fragment' and r.get('fragment') != 'c0000000' and r['txid'] not in done: r['problems'].append('fragment of a message that was never reassembled')
    return out, stats, err

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('capture'); ap.add_argument('--keylog'); ap.add_argument('--port', type=int, action='append'); ap.add_argument('--plain', action='store_true'); ap.add_argument('--kind', action='append')
    ap.add_argument('--nodeid-len', type=int, default=16); ap.add_argument('--min', type=int, default=1); ap.add_argument('--allow', action='append'); ap.add_argument('--json', action='store_true'); ap.add_argument('--tshark', default='tshark')
    a = ap.parse_args(); a.port = a.port or [6084]
    out, st, err = check(a); bad = [r for r in out if r['problems']]
    if a.json: print(json.dumps({'stats': st, 'messages': out}, indent=1))
    else:
        for r in out: print('frame', r['frame'], r['src'], '->', r['dst'], r['message'], f"len={r.get('length')}", 'OK' if not r['problems'] else 'PROBLEM: ' + '; '.join(r['problems']))
        by = {}
        for r in out: by[r['message']] = by.get(r['message'], 0) + 1
        print('messages:', dict(sorted(by.items())))
    ok = not bad and st['messages'] >= a.min and not st['encrypted']
    print(f"{'PASS' if ok else 'FAIL'}: {st['messages']} RELOAD messages in {st['frames']} packets ({st['acks']} acks, {st['stun']} STUN), {len(bad)} with problems, {st['encrypted']} packets with (D)TLS data left encrypted", file=sys.stderr if a.json else sys.stdout)
    sys.exit(0 if ok else 1)

if __name__ == '__main__':
    main()
