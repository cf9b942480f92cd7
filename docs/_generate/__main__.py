"""Makes the generated pages and pictures anew, and prints those that change: ``python -m docs._generate``."""

from docs._generate.components import ROOT
from docs._generate.pages import looks_like, pages, picture_paths, stale

made = dict(pages())
for path in stale():
    print(path.relative_to(ROOT))
    if path in made:
        path.parent.mkdir(exist_ok=True)
        path.write_text(made[path], 'utf-8')
    else:
        path.unlink()
for path, picture in picture_paths().items():
    if not looks_like(path, picture):
        print(path.relative_to(ROOT))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(picture)
