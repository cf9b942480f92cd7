"""Render the street: ``python render.py --seed 0 --out DIR`` with Blender's ``bpy``; see README.md."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # this folder is a package that nobody installs

import bpy
import cv2
import numpy as np
import OpenEXR

from boulevard import passes, scene
from boulevard.meshes import pose

ANGLE = np.radians(60)
FOLDERS = {'frames': 'jpg', 'segmentation': 'png', 'depth': 'png', 'normal': 'png', 'flow': 'png'}


def prepare(width: int, height: int, threads: int) -> bpy.types.Object:
    """Empty bpy's scene and set Cycles up; the camera."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    s = bpy.context.scene
    s.render.engine = 'CYCLES'
    s.render.resolution_x, s.render.resolution_y, s.render.resolution_percentage = width, height, 100
    s.render.use_persistent_data = True
    s.render.threads_mode, s.render.threads = 'FIXED', threads
    c = s.cycles
    c.max_bounces, c.diffuse_bounces, c.glossy_bounces, c.transmission_bounces = 3, 2, 2, 1
    c.use_light_tree = False
    c.transparent_max_bounces, c.caustics_reflective, c.caustics_refractive = 6, False, False
    c.sample_clamp_indirect = 3.0
    s.view_settings.view_transform, s.view_settings.look = 'Filmic', 'Medium High Contrast'
    s.view_settings.exposure = 0.1
    camera = bpy.data.objects.new('camera', bpy.data.cameras.new('camera'))
    camera.data.sensor_fit, camera.data.angle, camera.data.clip_start = 'HORIZONTAL', ANGLE, 0.1
    s.collection.objects.link(camera)
    s.camera = camera
    return camera


def look_mode(samples: int) -> None:
    """The next renders are pictures."""
    s = bpy.context.scene
    s.cycles.samples, s.cycles.use_adaptive_sampling = samples, False
    s.cycles.use_denoising, s.cycles.denoiser, s.cycles.denoising_prefilter = True, 'OPENIMAGEDENOISE', 'FAST'
    s.cycles.pixel_filter_type, s.cycles.filter_width = 'BLACKMAN_HARRIS', 1.5
    layer = s.view_layers[0]
    layer.use_pass_z = layer.use_pass_normal = layer.use_pass_object_index = False
    layer.material_override = None
    image = s.render.image_settings
    image.media_type, image.file_format, image.color_mode, image.color_depth = 'IMAGE', 'PNG', 'RGB', '8'


def label_mode() -> None:
    """The next renders are maps: one ray through the middle of each pixel, so that nothing is blended."""
    s = bpy.context.scene
    s.cycles.samples, s.cycles.use_denoising, s.cycles.use_adaptive_sampling = 1, False, False
    s.cycles.pixel_filter_type, s.cycles.filter_width = 'BOX', 0.01
    layer = s.view_layers[0]
    layer.use_pass_z = layer.use_pass_normal = layer.use_pass_object_index = True
    layer.material_override = bpy.data.materials.new('label')  # normals of the geometry, without relief of materials
    image = s.render.image_settings
    image.media_type, image.file_format, image.color_depth = 'MULTI_LAYER_IMAGE', 'OPEN_EXR_MULTILAYER', '32'


def read_maps(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(H, W) metres, (H, W, 3) world normals and (H, W) indices of a multilayer EXR."""
    channels = {}
    for part in OpenEXR.File(str(path)).parts:
        channels.update({name.split('.', 1)[1]: channel.pixels for name, channel in part.channels.items()})
    normals = np.stack([channels[f'Normal.{axis}'] for axis in 'XYZ'], -1)
    return channels['Depth.Z'], normals, channels['Object Index.X']


def set_frame(street: scene.Street, camera: bpy.types.Object, frame: int) -> None:
    pose(camera, street.camera(frame))
    for thing, where in street.poses(frame):
        pose(thing, where)


def render_to(path: Path) -> None:
    bpy.context.scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)


def save(path: Path, image: np.ndarray) -> None:
    """Write a picture whole or not at all."""
    part = path.with_name(f'part{path.suffix}')
    cv2.imwrite(str(part), image, [cv2.IMWRITE_JPEG_QUALITY, 92, cv2.IMWRITE_PNG_COMPRESSION, 9])
    part.replace(path)


def save_maps(street: scene.Street, frame: int, exr: Path, paths: dict[str, Path]) -> None:
    """Write the label, depth, normal and flow maps of a frame."""
    depth, normals, index = read_maps(exr)
    labels, mover = passes.split_index(index, depth)
    camera = street.camera(frame)
    flow = None
    if frame:
        moved = {thing.pass_index // passes.STRIDE: before @ np.linalg.inv(now) for (thing, now), (_, before)
                 in zip(street.poses(frame), street.poses(frame - 1))}
        flow = passes.backward_flow(depth, mover, (camera, street.camera(frame - 1)), moved, ANGLE)
    for name, image in (('segmentation', labels), ('depth', passes.encode_depth(depth)),
                        ('normal', passes.encode_normals(normals, camera, depth)[..., ::-1]),
                        ('flow', passes.encode_flow(flow, depth.shape)[..., ::-1])):
        save(paths[name], image)


def render(street: scene.Street, camera: bpy.types.Object, frames: range, out: Path, samples: int) -> None:
    """Render the frames that ``out`` lacks, first the pictures of all, then the maps."""
    paths = {frame: {name: out / name / f'{frame:05d}.{suffix}' for name, suffix in FOLDERS.items()}
             for frame in frames}
    for name in FOLDERS:
        (out / name).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        look_mode(samples)
        for frame in frames:
            if not paths[frame]['frames'].exists():
                begin = time.process_time()
                set_frame(street, camera, frame)
                render_to(Path(folder) / 'frame.png')
                save(paths[frame]['frames'], cv2.imread(str(Path(folder) / 'frame.png')))
                print(f'frame {frame}: {time.process_time() - begin:.1f} s of one core', flush=True)
        label_mode()
        for frame in frames:
            if not all(paths[frame][name].exists() for name in FOLDERS if name != 'frames'):
                set_frame(street, camera, frame)
                render_to(Path(folder) / 'maps.exr')
                save_maps(street, frame, Path(folder) / 'maps.exr', paths[frame])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--seed', type=int, default=0, help='which street; 0 and 1 have layouts of their own')
    parser.add_argument('--out', type=Path, required=True, help="the video's folder; frames that are there are kept")
    parser.add_argument('--first', type=int, default=0)
    parser.add_argument('--frames', type=int, default=48)
    parser.add_argument('--step', type=int, default=1, help='render each n-th only')
    parser.add_argument('--samples', type=int, default=6, help='rays a pixel')
    parser.add_argument('--size', type=int, nargs=2, default=(448, 256), metavar=('WIDTH', 'HEIGHT'))
    parser.add_argument('--threads', type=int, default=1)
    args = parser.parse_args()
    begin = time.process_time()
    camera = prepare(*args.size, args.threads)
    street = scene.build(args.seed)
    print(f'built in {time.process_time() - begin:.1f} s of one core', flush=True)
    render(street, camera, range(args.first, args.first + args.frames * args.step, args.step), args.out, args.samples)


if __name__ == '__main__':
    main()
