"""What trackers have kept of a run that they followed offline, read by their own means: ``... NAME FOLDER``, as JSON.

``g_total`` and ``real/psnr`` by iteration, names of pictures and videos, and whether the config is there. In a process
of its own, for these packages keep threads.
"""

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CURVES = ('g_total', 'real/psnr')


def read_wandb(root: Path) -> dict[str, Any]:
    path, = root.glob('run/*/vis_data/wandb/offline-run-*/*.wandb')
    records = list(_wandb_records(path))
    rows = [{item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
            for record in records if record.HasField('history')]
    config = {update.key for record in records if record.HasField('config') for update in record.config.update}
    return {'curves': {name: {row['iter']: row[name] for row in rows if name in row} for name in CURVES},
            'pictures': [p.name for p in path.parent.rglob('media/images/*.png')],
            'videos': [p.name for p in path.parent.rglob('media/videos/*.mp4')], 'config': 'train_cfg' in config}


def _wandb_records(path: Path) -> Iterator[Any]:
    """The file is a log as LevelDB writes it: blocks of 32 KiB, with records that may go on in the next one."""
    from wandb.proto.wandb_internal_pb2 import Record
    data, at, whole = path.read_bytes(), 7, b''
    while at + 7 <= len(data):
        left = 32768 - at % 32768
        if left < 7:
            at += left
            continue
        _, size, kind = struct.unpack('<IHB', data[at:at + 7])
        whole += data[at + 7:at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or its last part
            yield Record.FromString(whole)
            whole = b''


def read_mlflow(root: Path) -> dict[str, Any]:
    import mlflow
    mlflow.set_tracking_uri(f'sqlite:///{root}/mlflow.db')
    client = mlflow.MlflowClient()
    run, = mlflow.search_runs(search_all_experiments=True, output_format='list')
    number, files = run.info.run_id, lambda folder: [
        Path(file.path).name for file in client.list_artifacts(run.info.run_id, folder)]
    return {'curves': {name: {point.step: point.value for point in client.get_metric_history(number, name)}
                       for name in CURVES}, 'pictures': files('images'), 'videos': files('videos'),
            'config': 'config.py' in files('') and run.data.params['crop_size'] == '16'}


def read_aim(root: Path) -> dict[str, Any]:
    from aim import Repo
    from aim.sdk.index_manager import RepoIndexManager
    from aim.sdk.sequence_collection import SingleRunSequenceCollection
    from aim.sdk.sequences.image_sequence import Images
    repo = Repo(str(root / 'aim'))
    number, = repo.list_all_runs()
    RepoIndexManager.get_index_manager(repo).index(number)  # as its page does
    run = Repo(str(root / 'aim')).get_run(number)
    points = {metric.name: dict(zip(*metric.values.sparse_list())) for metric in run.metrics()}  # by a hash of the step
    pictures = {images.name: images.values.sparse_list()[1][0].format
                for images in SingleRunSequenceCollection(run, seq_cls=Images)}
    return {'curves': {name: {points['iter'][key]: float(value) for key, value in points[name].items()}
                       for name in CURVES},
            'pictures': [name for name, kind in pictures.items() if kind != 'GIF'],
            'videos': [name for name, kind in pictures.items() if kind == 'GIF'],
            'config': any('crop_size' in column for column in run.dataframe().columns)}


def read_clearml(root: Path) -> dict[str, Any]:
    folder, = (path for path in root.glob('home/.clearml/cache/offline/*') if path.is_dir())
    events = [event for line in (folder / 'metrics.jsonl').read_text().splitlines() for event in json.loads(line)]
    return {'curves': {name: {event['iter']: event['value'] for event in events if event['metric'] == name}
                       for name in CURVES},
            'pictures': [p.name for p in folder.rglob('*.jp*g')], 'videos': [p.name for p in folder.rglob('*.mp4')],
            'config': 'crop_size' in (folder / 'task.json').read_text()}


if __name__ == '__main__':
    read = {'wandb': read_wandb, 'mlflow': read_mlflow, 'aim': read_aim, 'clearml': read_clearml}[sys.argv[1]]
    print(json.dumps(read(Path(sys.argv[2]))))
