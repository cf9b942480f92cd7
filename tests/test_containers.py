"""The container files agree with the project; the image itself is not built here."""

import json
import re

from tests import tiny

DOCKERFILE = (tiny.ROOT / 'docker/Dockerfile').read_text('utf-8')
IGNORED = [line for line in (tiny.ROOT / '.dockerignore').read_text('utf-8').splitlines() if line[:1] not in ('', '#')]


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    copied = re.findall(r'^COPY (\S+)', DOCKERFILE, re.MULTILINE)
    assert copied == ['requirements/', '.']
    assert all((tiny.ROOT / path).exists() for path in copied)
    needed = ('requirements', 'photoreal', 'setup.py', 'pyproject.toml', 'README.md', 'LICENSE', 'configs', 'tools')
    assert not set(IGNORED) & set(needed)


def test_system_libraries_are_those_that_the_readme_asks_for() -> None:
    named = re.search(r'`apt install ([^`]+)`', (tiny.ROOT / 'README.md').read_text('utf-8'))[1].split()
    assert named and all(library in DOCKERFILE for library in named)


def test_devcontainer_builds_the_same_image_for_a_device_that_it_knows() -> None:
    config = json.loads((tiny.ROOT / '.devcontainer/devcontainer.json').read_text('utf-8'))
    build = config['build']
    assert (tiny.ROOT / '.devcontainer' / build['dockerfile']).resolve() == tiny.ROOT / 'docker/Dockerfile'
    assert (tiny.ROOT / '.devcontainer' / build['context']).resolve() == tiny.ROOT
    assert set(build['args']) <= set(re.findall(r'^ARG (\w+)', DOCKERFILE, re.MULTILINE))
    assert re.search(rf'^ +{build["args"]["DEVICE"]}\) ', DOCKERFILE, re.MULTILINE)
