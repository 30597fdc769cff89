#!/usr/bin/env python3
"""A gateway whose sources of waveforms all hang (devices that answer no connection, a broker that takes one and says
nothing) ends soon when it is asked to, and whole: stations with rejects on their way must not wait for them."""
import os
import socket
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / 'station'))
from gateway import Gateway, expect, main, wait_for  # noqa: E402

SOURCES = 4
SECONDS_MAX = 20 if os.environ.get('LINESIDE_SANITIZE') else 6


def listener_that_is_full(held):
    """Further attempts to connect to it are dropped, as by a firewall."""
    listener = socket.create_server(('127.0.0.1', 0), backlog=0)
    held.append(listener)
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        held.append(filler)
    return listener.getsockname()[1]


def test(work):
    held = []
    silent = socket.create_server(('127.0.0.1', 0))
    sources = [{'name': f'daq{i}', 'kind': 'tcp', 'port': listener_that_is_full(held)} for i in range(SOURCES)]
    sources.append({'name': 'broker', 'port': silent.getsockname()[1]})
    assets = [{'name': f'motor-{source["name"]}', 'source': source['name'], 'topic': 'plant/motor', 'rate_hz': 10_000,
               'channels': [{'name': 'x'}], 'mode': 'learning', 'stall_max_ms': 200} for source in sources]
    with Gateway(work, {'waveform_sources': sources, 'assets': assets}) as gateway:
        wait_for('the sensors are told to be silent', lambda: (gateway.get('/healthz') or '').count('silent') == len(assets))
        began = time.monotonic()
        gateway.stop()
        took = time.monotonic() - began
    expect(took < SECONDS_MAX, f'it took {took:.1f} s to stop')
    print(f'stopped in {took:.1f} s')
    for one in [silent, *held]:
        one.close()


if __name__ == '__main__':
    sys.exit(main(test))
