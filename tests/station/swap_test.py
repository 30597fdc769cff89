#!/usr/bin/env python3
"""Law 7 in a real gateway: a newer signed bundle takes over between two items; a bad one is refused and the old model
goes on; one that fails in use is given up by itself. No item is ever without its verdict, and the neighbour station
never notices."""
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
from gateway import (Gateway, draw_pictures, expect, expect_no_gap, folder_camera, main, make_bundles,  # noqa: E402
                     put_in_place, reasons, station, wait_for)

# What is put in place, and the error that refuses it; all but the first have a higher counter than the one in use.
REFUSED = {'one': 'bundle.rollback', 'stranger': 'bundle.signature', 'wrong_hash': 'bundle.signature',
           'wrong_shape': 'bundle.invalid', 'dynamic': 'model.unsupported'}  # five: more would be held back as events
ROLLBACK_AFTER = 3  # items in a row, as docs/inspection.md says


def count_of(gateway, event):
    return gateway.metric('lineside_events_total', station='swapped', type=event)


def take_over(gateway, bundles, place, name, version, event='model.changed'):
    before = count_of(gateway, event)
    put_in_place(bundles / f'{name}.lsb', place)
    wait_for(f'{event} after {name}', lambda: count_of(gateway, event) == before + 1)
    expect(gateway.station('swapped')['model'] == version, f'after {name} the model is {gateway.station("swapped")["model"]}')
    gateway.items_pass('swapped', 10)


def check_ledgers(gateway):
    swapped, neighbour = gateway.ledger('swapped'), gateway.ledger('neighbour')
    for name, ledger in (('swapped', swapped), ('neighbour', neighbour)):
        expect_no_gap(ledger, name)
        expect(all(row['deadline'] == 'met' for row in ledger), f'{name}: an item was late')
    expect(reasons(neighbour).keys() == {'score'}, f'the neighbour: {reasons(neighbour)}')
    failed = reasons(swapped).get('fail_inference', 0)
    expect(reasons(swapped).keys() == {'score', 'fail_inference'}, f'{reasons(swapped)}')
    expect(ROLLBACK_AFTER <= failed <= ROLLBACK_AFTER + 15, f'{failed} items failed before the way back')
    models = []
    for row in swapped:
        if not models or models[-1] != row['model']:
            models.append(row['model'])
    expect(models == ['caps@1', 'caps@2', 'caps@4', 'caps@2', 'caps@6'], f'the ledger has the models {models}')
    expect(all(row['model'] == 'caps@4' for row in swapped if row['reason'] == 'fail_inference'), 'another model failed')
    print(f'{len(swapped)} items, each with its verdict; {failed} of them by the model that failed')


def test(work):
    draw_pictures(work / 'pictures')
    bundles, place = work / 'bundles', work / 'swapped.lsb'
    make_bundles(bundles)
    put_in_place(bundles / 'one.lsb', place)
    settings = {'cameras': [folder_camera(name, work / 'pictures') for name in ('swapped', 'neighbour')],
                'stations': [station('swapped', place), station('neighbour', bundles / 'two.lsb')],
                'inference': {'trusted_keys': [str(bundles / 'key.pem.pub')]}}
    with Gateway(work, settings) as gateway:
        gateway.items_pass('swapped', 10)
        take_over(gateway, bundles, place, 'two', 'caps@2')
        for name, code in REFUSED.items():
            take_over(gateway, bundles, place, name, 'caps@2', 'model.refused')
            kind, error, message = gateway.events('swapped')[-1]
            expect((kind, error) == ('model.refused', code), f'{name}: {kind}, {error}, {message}')
            print(f'{name}: {message}')
        take_over(gateway, bundles, place, 'not_a_number', 'caps@2', 'model.rolled_back')
        take_over(gateway, bundles, place, 'six', 'caps@6')
        gateway.stop()
        check_ledgers(gateway)
        expect(not any(event.startswith('model.') for event, _, _ in gateway.events('neighbour')), 'the neighbour noticed')


if __name__ == '__main__':
    sys.exit(main(test))
