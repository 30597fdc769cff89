#!/usr/bin/env python3
"""./dev demo: the whole system on this machine - plant, gateway, broker, hub, page - and a report of what it did."""
import argparse
import json
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import learn
import report
from layout import Layout, Ports
from processes import DemoError, Program, run_to_end, stop_all

PROJECT = Path(__file__).resolve().parents[2]
GATEWAY = 'gw1'


def say(text, passing=False):
    """One line for people; a passing one is overwritten by the next on a terminal and left out elsewhere."""
    if passing:
        if sys.stdout.isatty():
            print('\r\033[K' + text[:110], end='', flush=True)
        return
    print(('\r\033[K' if sys.stdout.isatty() else '') + text, flush=True)


def fetch(url, seconds=2.0):
    """(status, body); status 0 when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors='replace')
    except OSError:
        return 0, ''


class Demo:
    """The system as it runs. Use as a context manager: leaving stops everything, whatever happened."""

    def __init__(self, options):
        self.options = options
        self.programs_dir = Path(options.programs)
        self.ports = Ports(options.port_base, options.lines)
        self.layout = Layout(options.data, options.lines, self.ports)
        self.start_s, self.outages, self.programs = {}, [], {}
        self.page = f'http://127.0.0.1:{self.ports["page"]}/'
        self.password = ''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stubborn = stop_all(list(self.programs.values()))
        for name in stubborn:
            say(f'{name} did not stop when asked and was killed')
        self.layout.lock.close()

    def binary(self, name):
        path = self.programs_dir / name
        if not path.exists():
            raise DemoError(f'{path} is not built; run `./dev build` first.')
        return path

    def prepare(self):
        """Model, certificates, settings: everything that the programs read when they start."""
        for name in ('lineside-plant', 'lineside-gateway', 'lineside-hub', 'lineside-train'):
            self.binary(name)
        layout, options = self.layout, self.options
        if options.bundle:
            bundle, key = Path(options.bundle).resolve(), Path(options.trusted_key).resolve()
            for path in (bundle, key):
                if not path.is_file():
                    raise DemoError(f'there is no file {path}.')
        else:
            bundle, key, self.start_s['model'] = learn.get_bundle(self.programs_dir, layout.cache, say, options.short)
        say('Making the hub: certificates, settings, the first user')
        for line in run_to_end([self.binary('lineside-hub'), 'init', '--data', layout.hub_data, '--broker-port',
                                self.ports['broker'], '--http-port', self.ports['page']], layout.logs / 'init.log'):
            if line.strip().startswith('password '):
                self.password = line.split()[-1]
        run_to_end([self.binary('lineside-hub'), 'enroll', '--data', layout.hub_data, '--gateway', GATEWAY, '--out',
                    layout.enrolled], layout.logs / 'init.log')
        broker_config = layout.run / 'mosquitto.conf'
        text = (layout.hub_data / 'mosquitto.conf').read_text()
        # As root, Mosquitto would become a user who can't read the demo's keys.
        broker_config.write_text(text + ('\nuser root\n' if os.geteuid() == 0 else ''))
        uplink = {'enabled': True, 'port': self.ports['broker'], 'ca_file': str(layout.enrolled / 'ca.crt'),
                  'cert_file': str(layout.enrolled / 'gateway.crt'), 'key_file': str(layout.enrolled / 'gateway.key'),
                  'reconnect_max_ms': 2000}
        layout.write_gateway_config(bundle, key, uplink, options.share)
        layout.write_machines_config()
        layout.write_plant_config(options.seed, options.rate, options.codec, options.defect_share)
        self.programs = {
            'broker': Program('broker', ['mosquitto', '-c', broker_config], layout.logs),
            'machines': Program('machines', ['mosquitto', '-c', layout.machines_config], layout.logs),
            'hub': Program('hub', [self.binary('lineside-hub'), 'serve', '--config', layout.hub_data / 'hub.yaml'],
                           layout.logs, nice=5),
            'plant': Program('plant', [self.binary('lineside-plant'), '--config', layout.plant_config, '--orders'],
                             layout.logs, orders=True),
            'gateway': Program('gateway', [self.binary('lineside-gateway'), '--config', layout.gateway_config],
                               layout.logs),
        }

    def start(self):
        for name, ready in (('broker', lambda: self.answers('broker')),
                            ('machines', lambda: self.answers('machines')),
                            ('hub', lambda: fetch(self.page + 'healthz')[0] == 200),
                            ('plant', lambda: self.answers('rtsp')),
                            ('gateway', lambda: self.stations())):
            say(f'Starting the {"broker of the machines" if name == "machines" else name}')
            self.programs[name].start()
            self.wait(name, ready, 30)
        began = self.programs['gateway'].started_at
        self.wait('gateway', lambda: all(s['items'] > 0 for s in self.stations()), 60, 'no verdict came')
        self.start_s['gateway: start to first verdict'] = time.monotonic() - began

    def answers(self, port_name):
        with socket.socket() as probe:
            probe.settimeout(0.5)
            return probe.connect_ex(('127.0.0.1', self.ports[port_name])) == 0

    def wait(self, name, ready, seconds, what='it does not answer'):
        program = self.programs[name]
        end = time.monotonic() + seconds
        while not ready():
            program.check_running()
            if time.monotonic() > end:
                raise DemoError(f'{name}: {what} after {seconds} s. The end of {program.log_path}:\n{program.log_tail()}')
            time.sleep(0.1)
        self.start_s.setdefault(f'{name}: start to ready', time.monotonic() - program.started_at)

    def stations(self):
        status, body = fetch(f'http://127.0.0.1:{self.ports["gateway"]}/api/stations')
        return json.loads(body)['stations'] if status == 200 else []

    def metric(self, name):
        """Sum over the labels of a metric of the gateway; None when it does not answer."""
        status, body = fetch(f'http://127.0.0.1:{self.ports["gateway"]}/metrics')
        values = [float(line.rsplit(' ', 1)[1]) for line in body.splitlines()
                  if line.split('{')[0].split(' ')[0] == name]
        return sum(values) if status == 200 and values else None

    def status_line(self):
        stations = self.stations()
        if not stations:
            return 'the gateway does not answer'
        total = {key: sum(s[key] for s in stations) for key in ('items', 'rejected', 'fail_safe', 'late')}
        backlog = self.metric('lineside_outbox_records')
        trouble = next((s['trouble'] for s in stations if s['trouble']), '')
        return (f'{total["items"]} bottles, {total["rejected"]} rejected, {total["fail_safe"]} fail-safe, '
                f'{total["late"]} late, {"?" if backlog is None else int(backlog)} records waiting for the hub'
                f'{"; " + trouble if trouble else ""}')

    def watch(self, seconds):
        """Until so many seconds have passed (None: until stopped); a program that ends by itself is an error."""
        end = None if seconds is None else time.monotonic() + seconds
        while end is None or time.monotonic() < end:
            for program in self.programs.values():
                program.check_running()
            say(self.status_line(), passing=True)
            time.sleep(1)

    def uninspected_while(self, action):
        """Does something after which bottles may pass uninspected, until each station has judged a new one."""
        began = time.time_ns()
        action()
        before = {s['name']: s['items'] for s in self.stations()}
        self.wait('gateway', lambda: self.stations() and all(s['items'] > before.get(s['name'], 0) + 2
                                                             for s in self.stations()), 30, 'no verdict came')
        self.outages.append((began - 1_000_000_000, time.time_ns()))

    def drain(self, seconds=30):
        """Waits until the hub has everything; what still waits then is counted as waiting."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.metric('lineside_outbox_records') == 0:
                return True
            time.sleep(0.1)
        return False

    def finish(self):
        """Stops in the order of the flow, so that nothing is on its way any more, and judges."""
        self.programs['plant'].stop()
        time.sleep(0.5)
        self.drain()
        codes = {'gateway': self.programs['gateway'].stop(20)}
        time.sleep(0.5)
        codes['hub'] = self.programs['hub'].stop()
        self.programs['broker'].stop()
        return self.judge(codes)

    def judge(self, exit_codes):
        layout = self.layout
        truth = report.read_truth(layout.truth)
        lines, items = {}, {}
        for line, station in zip(layout.line_names(), layout.station_names()):
            items[station] = report.read_ledger(layout.gateway_data / 'ledger' / station)
            lines[station] = report.judge_line(truth[line], items[station], self.outages)
        outbox = report.read_outbox(max((layout.gateway_data / 'outbox').glob('outbox-*.db')))
        delivery = report.judge_delivery(layout.hub_data / 'hub.db', GATEWAY, outbox)
        broken = report.broken_laws(lines, delivery, items)
        broken += [f'{name} did not end cleanly: {"killed" if code is None else f"exit code {code}"}'
                   for name, code in exit_codes.items() if code != 0]
        del delivery['verdicts']
        return {'lines': lines, 'delivery': delivery, 'start_s': self.start_s, 'broken': broken}


def number(kind, low, high):
    """A type for argparse: a number within limits."""
    def parse_number(text):
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f'{text} is not between {low} and {high}')
        return value
    parse_number.__name__ = 'whole number' if kind is int else 'number'
    return parse_number


def port_base(text):
    return text if text in ('', 'auto') else number(int, 1, 65535)(text)


port_base.__name__ = 'port'


def parse(arguments):
    parser = argparse.ArgumentParser(prog='./dev demo', usage='./dev demo [OPTIONS]',
                                     description='Runs the whole system on this machine.')
    parser.add_argument('--minutes', type=number(float, 0.01, 1e6), metavar='N',
                        help='run so long, then stop; without it until Ctrl-C')
    parser.add_argument('--report', action='store_true', help='print a report at the end; exit 1 if a law was broken')
    parser.add_argument('--short', action='store_true', help='a smaller model, trained in a minute (for tests)')
    parser.add_argument('--lines', type=number(int, 1, 100), default=1, metavar='N',
                        help='bottling lines, each with a camera and a station (1)')
    parser.add_argument('--rate', type=number(float, 1, 6000), default=600, metavar='N',
                        help='bottles a minute on each line (600)')
    parser.add_argument('--defect-share', type=number(float, 0, 1), default=0.05, metavar='SHARE',
                        help='share of bottles with a bad cap, 0 to 1 (0.05)')
    parser.add_argument('--codec', choices=['h264', 'mjpeg'], default='h264', help='how the cameras code')
    parser.add_argument('--share', choices=['none', 'thumbnail', 'full'], default='thumbnail',
                        help='which pictures of rejects may leave the site (a real site begins with none)')
    parser.add_argument('--seed', type=int, default=1, metavar='N', help='of the bottles')
    parser.add_argument('--data', default=str(PROJECT / 'build' / 'demo'), metavar='FOLDER',
                        help='folder for everything it writes')
    parser.add_argument('--port-base', type=port_base, default='', metavar='PORT',
                        help='first of the ports to use, or "auto" for free ones')
    parser.add_argument('--bundle', metavar='FILE', help='a model bundle to run instead of training one')
    parser.add_argument('--trusted-key', metavar='FILE', help='public key that signed --bundle')
    parser.add_argument('--programs', default=str(PROJECT / 'build' / 'release' / 'bin'), metavar='FOLDER',
                        help='where the programs are')
    options = parser.parse_args(arguments)
    if options.bundle and not options.trusted_key:
        parser.error('--bundle needs --trusted-key')
    return options


def announce(demo):
    say('')
    say(f'  The page       {demo.page}')
    say(f'  Sign in as     admin, password {demo.password}')
    say(f'  On the gateway http://127.0.0.1:{demo.ports["gateway"]}/ (works without the hub)')
    say(f'  Logs           {demo.layout.logs}')
    say('  motor1 and pump1 are learned for two minutes; then motor1 gets a bearing fault.')
    say('  Everything before the camera and the accelerometers is simulated. Ctrl-C stops it all.')
    say('')


def write_report(demo, result):
    path = demo.layout.run / 'report.json'
    path.write_text(json.dumps(result, indent=2) + '\n')
    say(report.table(result))
    say(f'The report as JSON: {path}')


def stop_on_signals():
    def stop(number, _frame):
        raise KeyboardInterrupt(number)
    signal.signal(signal.SIGINT, stop)  # said aloud: a demo started in the background inherits that it is ignored
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)


def main(arguments):
    options = parse(arguments)
    stop_on_signals()
    os.environ.setdefault('OMP_NUM_THREADS', '1')
    try:
        with Demo(options) as demo:
            demo.prepare()
            demo.start()
            announce(demo)
            try:
                demo.watch(options.minutes * 60 if options.minutes else None)
            except KeyboardInterrupt:
                say('Stopping')
            if not options.report:
                return 0
            result = demo.finish()
            write_report(demo, result)
            return 1 if result['broken'] else 0
    except DemoError as error:
        if sys.stdout.isatty():
            say('')
        print(f'demo: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say('Stopped')
        return 130


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
