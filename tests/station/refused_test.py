#!/usr/bin/env python3
"""A broker that refuses the gateway: it says why and counts it, inspects on, and keeps every record until a broker takes
them. Then the hub has all of them."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
from gateway import (BIN, Gateway, draw_pictures, expect, expect_no_gap, folder_camera, free_port, main,  # noqa: E402
                     make_bundles, reasons, station, wait_for)
from report import judge_delivery, read_outbox  # noqa: E402


class Broker:
    """Mosquitto on one port, with other rules each time it is started."""

    def __init__(self, work):
        self.work, self.port, self.process = work, free_port(), None
        self.program = shutil.which('mosquitto', path=os.environ['PATH'] + ':/usr/sbin')
        expect(self.program, 'mosquitto is not installed')

    def start(self, anonymous):
        settings = self.work / 'mosquitto.conf'
        settings.write_text(f'listener {self.port} 127.0.0.1\nallow_anonymous {"true" if anonymous else "false"}\n')
        with open(self.work / 'broker.log', 'ab') as log:
            self.process = subprocess.Popen([self.program, '-c', settings], stdout=log, stderr=log)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)


def test(work):
    draw_pictures(work / 'pictures')
    make_bundles(work / 'bundles')
    broker, hub = Broker(work), None
    settings = {'tenant': 't1', 'cameras': [folder_camera('caps', work / 'pictures')],
                'stations': [station('caps', work / 'bundles' / 'one.lsb')],
                'uplink': {'enabled': True, 'tls': False, 'host': '127.0.0.1', 'port': broker.port,
                           'reconnect_min_ms': 100, 'reconnect_max_ms': 400},
                'inference': {'trusted_keys': [str(work / 'bundles' / 'key.pem.pub')]}}
    try:
        broker.start(anonymous=False)
        with Gateway(work, settings) as gateway:
            wait_for('three refusals', lambda: gateway.metric('lineside_uplink_disconnects_total') >= 3)
            gateway.items_pass('caps', 50)
            expect(gateway.metric('lineside_uplink_connected') == 0, 'the uplink says that it is connected')
            expect('not authori' in gateway.log.read_text().lower(), 'the log does not say why the broker refuses')
            expect(gateway.metric('lineside_outbox_records') >= 50, 'the records do not wait in the outbox')
            expect(not gateway.station('caps')['trouble'], 'a broker is no trouble of the station')
            broker.stop()
            broker.start(anonymous=True)
            with open(work / 'hub.log', 'ab') as log:
                hub = subprocess.Popen([BIN / 'crash_hub', work / 'hub.db', str(broker.port)], stdout=log, stderr=log)
            wait_for('the hub has nearly all', lambda: gateway.metric('lineside_uplink_acks_total') > 0 and
                     gateway.metric('lineside_outbox_records') < 50)
            gateway.stop()
            ledger = gateway.ledger('caps')
            expect_no_gap(ledger, 'caps')
            expect(reasons(ledger).keys() == {'score'}, f'{reasons(ledger)}')
            outbox = read_outbox(max((gateway.data_dir / 'outbox').glob('outbox-*.db')))
            done = judge_delivery(work / 'hub.db', 'g1', outbox)
            print({key: done[key] for key in ('produced', 'delivered', 'declared_lost', 'waiting')})
            expect(not done['unexplained'] and not done['twice'] and not done['declared_lost'], f'{done}')
            missing = {row['item'] for row in ledger} - done['verdicts']['caps']
            expect(len(missing) <= done['waiting'], f'{len(missing)} verdicts are not at the hub')
    finally:
        broker.stop()
        if hub:
            hub.kill()
            hub.wait()


if __name__ == '__main__':
    sys.exit(main(test))
