"""Packaging: the requirements come from ``requirements/``, the version from ``photoreal/__init__.py``."""

import re
import site
import sys
import sysconfig
from importlib.metadata import distributions
from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).resolve().parent


def version() -> str:
    """The package's version, read and not imported: at build time the dependencies may be missing."""
    found = re.search(r"^__version__ = '(.+)'$", (ROOT / 'photoreal/__init__.py').read_text('utf-8'), re.MULTILINE)
    if found is None:
        raise RuntimeError("photoreal/__init__.py has no line __version__ = '...'")
    return found.group(1)


def requirements(name: str) -> list[str]:
    """The requirements in ``requirements/<name>.txt``, without comments."""
    lines = (ROOT / f'requirements/{name}.txt').read_text('utf-8').splitlines()
    return [line for line in (re.sub(r'\s*#.*', '', line).strip() for line in lines) if line]


def is_installed(distribution: str) -> bool:
    """Whether the environment that is installed into has the distribution.

    pip builds in isolation, which takes the environment's folders off ``sys.path``: so they are named. uv and
    ``python -m build`` build in an environment of their own; there ``--no-build-isolation`` lets this look in.
    """
    folders = {*sys.path, sysconfig.get_path('purelib'), sysconfig.get_path('platlib'), site.getusersitepackages()}
    return any(True for _ in distributions(name=distribution, path=sorted(folders)))


def runtime_requirements() -> list[str]:
    """``requirements/runtime.txt``, less mmcv-lite where mmcv is: they share files, so it must be one of them."""
    needed = requirements('runtime')
    return [line for line in needed if not line.startswith('mmcv-lite')] if is_installed('mmcv') else needed


setup(
    name='photoreal',
    version=version(),
    description='Make virtual video look as if a camera had filmed it',
    long_description=(ROOT / 'README.md').read_text('utf-8'),
    long_description_content_type='text/markdown',
    author='The photoreal authors',
    license='Apache-2.0',
    license_files=['LICENSE', 'photoreal/assets/LICENSE.*'],
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Science/Research',
        'Programming Language :: Python :: 3',
        'Topic :: Multimedia :: Video',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
    keywords=['video', 'GAN', 'sim-to-real', 'super-resolution', 'PyTorch', 'MMEngine'],
    python_requires='>=3.10',
    packages=find_packages(include=['photoreal', 'photoreal.*']),
    package_data={'photoreal': ['assets/*', 'reporting/page/*', 'judging/page/*']},
    install_requires=runtime_requirements(),
    entry_points={'console_scripts': ['photoreal = photoreal.commands:console']},
    extras_require={
        'optional': requirements('optional'),
        'onnx': requirements('onnx'),
        'cluster': requirements('cluster'),
        'demo': requirements('demo'),
        'docs': requirements('docs'),
        'tests': requirements('tests'),
        'dev': requirements('tests') + requirements('dev'),
    },
)
