#!/usr/bin/env python3
"""The broker's configuration that lineside-hub init writes: a gateway speaks for itself only, strangers not at all."""
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from web_test import BIN, free_port, listening, run, wait_for


def publish(port, folder, topic):
    """True when the broker took it. MQTT 5: it says so when its rules don't allow it."""
    command = ['mosquitto_pub', '-h', '127.0.0.1', '-p', port, '-V', '5', '-q', '1', '--cafile', folder / 'ca.crt', '-t',
               topic, '-m', 'x', '-d']
    if (folder / 'gateway.crt').exists():
        command += ['--cert', folder / 'gateway.crt', '--key', folder / 'gateway.key']
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=20)
    return 'PUBACK' in done.stdout and 'RC:135' not in done.stdout


def takes_over(port, victim, thief):
    """True when `thief`, asking for the client id that `victim` asked for, ends the victim's connection."""
    def command(folder):
        return [str(part) for part in
                ['mosquitto_sub', '-h', '127.0.0.1', '-p', port, '-i', 'lineside.acme.line1', '-d', '-t', 'x', '--cafile',
                 folder / 'ca.crt', '--cert', folder / 'gateway.crt', '--key', folder / 'gateway.key']]
    with tempfile.TemporaryFile('w+') as said, \
            subprocess.Popen(['stdbuf', '-oL', *command(victim)], stdout=said, stderr=said) as first:
        def connected():
            said.seek(0)
            return said.read().count('received CONNACK (0)')
        wait_for('the first client', lambda: connected() == 1)
        try:
            subprocess.run([*command(thief), '-W', '2'], capture_output=True, timeout=20)
            time.sleep(1.5)  # whoever was thrown out comes back within a second
            return connected() != 1
        finally:
            first.terminate()


def main():
    with tempfile.TemporaryDirectory(prefix='lineside-broker-') as name:
        work, port = Path(name), free_port()
        (work / 'password').write_text('a password for this test only\n')
        run(BIN / 'lineside-hub', 'init', '--data', work / 'hub', '--broker-port', port, '--admin-password-file',
            work / 'password')
        enroll = [BIN / 'lineside-hub', 'enroll', '--data', work / 'hub', '--gateway', 'line1', '--tenant', 'acme', '--out', work]
        if subprocess.run(enroll, capture_output=True).returncode == 0:
            print('FAIL a gateway of an unknown tenant is enrolled')
            return 1
        for tenant in ('acme', 'other'):
            run(BIN / 'lineside-hub', 'tenant', 'add', tenant, '--data', work / 'hub')
            run(BIN / 'lineside-hub', 'enroll', '--data', work / 'hub', '--tenant', tenant, '--gateway', 'line1', '--out',
                work / tenant)
        (work / 'nobody').mkdir()
        (work / 'nobody' / 'ca.crt').write_bytes((work / 'hub' / 'ca.crt').read_bytes())
        settings = work / 'hub' / 'mosquitto.conf'
        if os.geteuid() == 0:
            settings.write_text(settings.read_text() + 'user root\n')
        broker = subprocess.Popen(['mosquitto', '-c', str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for('the broker', lambda: listening(port))
            expected = {('acme', 'lineside/v1/acme/line1/up'): True, ('acme', 'lineside/v1/acme/line1/state'): True,
                        ('acme', 'lineside/v1/acme/line1/ack'): False, ('acme', 'lineside/v1/acme/line2/up'): False,
                        ('acme', 'lineside/v1/other/line1/up'): False, ('acme', 'lineside/v1/acme/line1/down'): False,
                        ('other', 'lineside/v1/acme/line1/up'): False, ('nobody', 'lineside/v1/acme/line1/up'): False}
            failed = 0
            for (who, topic), allowed in expected.items():
                good = publish(port, work / who, topic) == allowed
                failed += not good
                print(f'{"ok  " if good else "FAIL"} {who} {"may" if allowed else "may not"} write {topic}')
            taken = takes_over(port, work / 'acme', work / 'other')
            print(f'{"FAIL" if taken else "ok  "} other can\'t take the client id of acme')
            return 1 if failed or taken else 0
        finally:
            broker.terminate()
            broker.wait(10)


if __name__ == '__main__':
    sys.exit(main())
