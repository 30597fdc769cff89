#!/usr/bin/env python3
"""The whole system on loopback: bottles in, rejects out, records at the hub, while its parts are killed in turn.

Judged by tools/demo/report.py from the plant's truth, the gateway's ledger and the hub's database. Prints one line for
each scenario and `N passed, N failed`.
"""
import argparse
import os
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / 'tools' / 'demo'))
import demo as demo_module  # noqa: E402
from processes import DemoError  # noqa: E402


class Failure(Exception):
    pass


def expect(condition, text):
    if not condition:
        raise Failure(text)


def events(run, wanted):
    """Types of events at the hub."""
    db = sqlite3.connect(f'file:{run.layout.hub_data / "hub.db"}?mode=ro', uri=True)
    types = [row[0] for row in db.execute('SELECT type FROM event ORDER BY time_ns')]
    db.close()
    return [t for t in types if t.startswith(wanted)]


def undisturbed(run):
    """Every bottle gets one verdict, the rejector hits what was rejected, the hub has every record."""
    run.watch(12)
    result = run.finish()
    line = result['lines'][run.layout.station_names()[0]]
    expect(not result['broken'], '; '.join(result['broken']))
    expect(line['bottles_filmed'] >= 100, f'only {line["bottles_filmed"]} bottles were filmed')
    expect(line['items'] == line['bottles_inspected'] >= line['bottles_filmed'], 'items and bottles differ in number')
    expect(result['delivery']['declared_lost'] == 0, 'records were lost without any trouble')
    expect(line['hit_elsewhere'] <= max(1, line['fired'] // 20),
           f'{line["hit_elsewhere"]} of {line["fired"]} pulses did not hit their bottle')
    return result


def kills(run):
    """kill -9 of gateway, broker and hub in turn: the sums still hold."""
    run.watch(3)
    for name in ('broker', 'hub', 'gateway'):
        program = run.programs[name]
        if name == 'gateway':
            run.uninspected_while(lambda: (program.kill(), program.start()))
        else:
            program.kill()
            time.sleep(2)
            program.start()
        time.sleep(3)
    result = run.finish()
    expect(not result['broken'], '; '.join(result['broken']))
    expect(result['delivery']['delivered'] > 0, 'nothing was delivered')
    return result


def trouble(run):
    """The camera drops out, freezes, sends another size, the rejector dies: the station says so, and goes on when they are
    back."""
    plant = run.programs['plant']
    run.watch(2)

    def count_failures():
        run.wait('gateway', lambda: run.metric('lineside_camera_failures_total') is not None, 10)
        return run.metric('lineside_camera_failures_total') or 0

    def camera_trouble(order, words):
        failures = count_failures()
        plant.order(f'camera all {order}')
        run.wait('gateway', lambda: any(words in s['trouble'] for s in run.stations()), 10,
                 f'no word of a camera that is {order}')
        expect(count_failures() > failures, f'a camera that is {order} is not counted')
        plant.order('camera all ok')

    for order, words in (('off', 'Camera'), ('freeze', 'no frame for 1000 ms'), ('resize', 'instead of 320x240')):
        run.uninspected_while(lambda: camera_trouble(order, words))
        run.watch(1)
    plant.order('rejector all gone')
    run.wait('gateway', lambda: any(not s['actuator']['up'] for s in run.stations()), 10,
             'the station thinks that a dead rejector is up')
    plant.order('rejector all ok')
    run.wait('gateway', lambda: any(s['actuator']['up'] for s in run.stations()), 10,
             'the station does not see that the rejector is back')
    result = run.finish()
    expect(not result['broken'], '; '.join(result['broken']))
    expect(events(run, 'camera.'), 'no event about the camera reached the hub')
    expect(events(run, 'actuator.'), 'no event about the rejector reached the hub')
    return result


SCENARIOS = {'undisturbed': undisturbed, 'kills': kills, 'trouble': trouble}


def run_scenario(name, options, folder, bundle):
    arguments = ['--short', '--port-base', 'auto', '--data', str(folder), '--programs', options.programs, '--seed', '5',
                 '--defect-share', '0.15']
    if bundle:
        arguments += ['--bundle', str(bundle[0]), '--trusted-key', str(bundle[1])]
    with demo_module.Demo(demo_module.parse(arguments)) as run:
        run.prepare()
        run.start()
        return SCENARIOS[name](run)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--programs', default=os.environ.get('LINESIDE_BIN_DIR', str(PROJECT / 'build/release/bin')),
                        help='folder of the built programs')
    parser.add_argument('--only', choices=sorted(SCENARIOS), help='one scenario')
    parser.add_argument('--cache', help='folder that keeps the trained model; beside the programs without it')
    options = parser.parse_args()
    demo_module.stop_on_signals()
    names = [options.only] if options.only else list(SCENARIOS)
    failed = 0
    with tempfile.TemporaryDirectory(prefix='lineside-e2e-') as scratch:
        cache = Path(options.cache or Path(options.programs).parent / 'e2e-cache')
        cache.mkdir(parents=True, exist_ok=True)
        bundle = demo_module.learn.get_bundle(Path(options.programs), cache, demo_module.say, short=True)[:2]
        for name in names:
            began = time.monotonic()
            folder = Path(scratch) / name
            try:
                result = run_scenario(name, options, folder, bundle)
                line = next(iter(result['lines'].values()))
                print(f'passed  {name}: {line["items"]} items, {line["rejected"]} rejected, {line["hit_the_bottle"]} hit, '
                      f'{result["delivery"]["delivered"]} records delivered, {time.monotonic() - began:.0f} s', flush=True)
            except (Failure, DemoError) as error:
                failed += 1
                print(f'FAILED  {name}: {error}', flush=True)
                for log in sorted(folder.glob('run/logs/*.log')):
                    print(f'--- {log.name}\n' + '\n'.join(log.read_text(errors='replace').splitlines()[-25:]))
    print(f'{len(names) - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
