"""Fetch a public network for depth or classes; `photoreal prepare-data --modalities depth segmentation` then uses it.

A download that broke goes on where it was. The file goes into the cache ($PHOTOREAL_CACHE, else ~/.cache/photoreal)
and is used only if its SHA-256 is right: the listed one or, where nobody has published one, that of your first
download.
Licences are those of the networks' makers; what they were trained on has terms of its own.

example: python tools/fetch_model.py --list
example: python tools/fetch_model.py depth-anything-v2-small bisenetv2-cityscapes
"""

import argparse

from photoreal.cli import ToolParser


def parse_args() -> argparse.Namespace:
    parser = ToolParser(__doc__)
    parser.add_argument('names', nargs='*', metavar='NAME', help='a network of the list')
    parser.add_argument('--list', action='store_true', help='show the networks, and which of them are here')
    parser.add_argument('--out', metavar='FILE', help='put a copy there too, for a machine without a network')
    parser.add_argument('--url', help='fetch it from this mirror')
    parser.add_argument('--sha256', metavar='SUM', help='what it must have, where none is listed')
    args = parser.parse_args()
    if not args.names and not args.list:
        parser.error('name a network, or --list them')
    if len(args.names) != 1 and (args.out or args.url or args.sha256):
        parser.error('--out, --url and --sha256 are for one network')
    return args


def main() -> None:
    args = parse_args()
    from photoreal.prepare.networks import fetch_network, find_network
    for name in args.names:
        find_network(name)
    if args.list:
        show()
    for name in args.names:
        fetched = fetch_network(name, args.url, args.sha256, args.out)
        print(f'{name}: {"fetched" if fetched.is_new else "here already, and sound"}: {fetched.path}')
        if fetched.is_first:
            print(f'note: nobody has published the SHA-256 of {name}, so this file was taken on trust; its sum is '
                  f'kept, and holds from now on: {fetched.sha256}')


def show() -> None:
    """Print the list."""
    from photoreal.modalities.networks import NETWORKS, expected_sum, is_sound
    for name, network in NETWORKS.items():
        here = ', fetched' if is_sound(name) else ''
        print(f'{name} ({network.makes}, {network.megabytes} MB, {network.licence}{here})')
        known = expected_sum(name) or 'not published: the first download is taken on trust, and holds from then on'
        for what, text in (('page', network.page), ('file', network.url), ('sha256', known), ('takes', network.takes),
                           ('gives', network.gives)):
            print(f'  {what:<8}{text}')
