# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tones: made, recognised in recordings (Goertzel), and known as mu-law bytes on the wire."""
import array
import functools
import glob
import math
import os
import struct
import wave

RATE = 8000
LEAD = 1    # seconds of silence before a tone
HEADER = 44     # bytes before the samples of a plain WAVE file


def write_tone(path, frequency, seconds):
    """A tone whose period is a whole number of samples, so that its bytes repeat exactly. It begins
    with silence: baresip 1.0.0 may send its first frame before its own DTLS is done (capture.judge
    looks at that)."""
    assert RATE % frequency == 0
    period = [int(12000 * math.sin(2 * math.pi * frequency * n / RATE)) for n in range(RATE // frequency)]
    samples = array.array('h', period * (frequency * seconds))
    with wave.open(path, 'wb') as f:
        f.setnchannels(1)
        f.setsampwidth(2)
        f.setframerate(RATE)
        f.writeframes(bytes(2 * RATE * LEAD) + samples.tobytes())


def mulaw(sample):
    sign = 0x80 if sample < 0 else 0
    value = min(abs(sample), 32635) + 132
    exponent = max(value.bit_length() - 8, 0)
    return ~(sign | exponent << 4 | value >> exponent + 3 & 0x0f) & 0xff


def alaw(sample):
    sign = 0x80 if sample >= 0 else 0
    value = min(abs(sample) if sample >= 0 else -sample - 1, 32767) >> 3
    exponent = max(value.bit_length() - 5, 0)
    mantissa = value >> 1 & 0x0f if exponent < 1 else value >> exponent & 0x0f
    return (sign | exponent << 4 | mantissa) ^ 0x55


def mulaw_tone(frequency, seconds):
    """A tone as bytes of the wire, after the same second of silence."""
    period = bytes(mulaw(int(12000 * math.sin(2 * math.pi * frequency * n / RATE))) for n in range(RATE // frequency))
    return b'\xff' * (RATE * LEAD) + period * (frequency * seconds)


@functools.lru_cache
def tone_bytes(frequency):
    """What packets with this tone would hold: every rotation of its period, twice over."""
    found = set()
    count = RATE // frequency
    samples = [int(12000 * math.sin(2 * math.pi * frequency * n / RATE)) for n in range(count)]
    for code in (mulaw, alaw):
        period = bytes(code(s) for s in samples)
        found.update(period[n:] + period + period[:n] for n in range(count))
    return found


def power(samples, frequency):
    """Goertzel: power of one frequency, as a share of the whole."""
    total = sum(s * s for s in samples)
    if not total:
        return 0.0
    coefficient = 2 * math.cos(2 * math.pi * frequency / RATE)
    before = last = 0.0
    for s in samples:
        before, last = last, s + coefficient * last - before
    energy = last * last + before * before - coefficient * last * before
    return 2 * energy / (len(samples) * total)


def seconds_of_tone(path, frequency):
    """For how many seconds of the recording is it this tone, in blocks of 100 ms?"""
    block = RATE // 10
    samples = read_wave(path)
    blocks = (samples[n:n + block] for n in range(0, len(samples) - block + 1, block))
    return sum(1 for b in blocks if max(map(abs, b)) > 1000 and power(b, frequency) > 0.8) / 10


def read_wave(path):
    """The samples of a mono 16-bit file, also of one whose header was not finished; linphonec
    leaves room for the header and writes it at the end."""
    with open(path, 'rb') as f:
        data = f.read()
    if not any(data[:HEADER]):
        return array.array('h', data[HEADER:len(data) // 2 * 2])
    at = data.find(b'data')
    if data[:4] != b'RIFF' or at < 0:
        return array.array('h')
    channels, rate = struct.unpack('<HI', data[22:28])
    assert channels == 1 and rate == RATE, (channels, rate)
    body = data[at + 8:]
    return array.array('h', body[:len(body) // 2 * 2])


def recordings(folder, direction):
    """What the phone sent ('enc') or heard ('dec'), oldest first."""
    return sorted(glob.glob(os.path.join(folder, f'dump-*-{direction}.wav')), key=os.path.getmtime)


def heard(folder, frequency):
    """Seconds of the tone in the newest recording of what the phone heard; 0 when there is none."""
    files = recordings(folder, 'dec')
    return seconds_of_tone(files[-1], frequency) if files else 0.0
