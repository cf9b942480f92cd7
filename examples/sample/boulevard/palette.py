"""All materials of the street by name, and the sky."""

import tempfile

import bpy
import numpy as np

from . import materials as m
from .materials import Graph


def make_palette(half_width: float, lane: float) -> dict[str, bpy.types.Material]:
    """The materials that the builders name; the road's depend on its width."""
    palette = {
        'asphalt': m.asphalt(half_width, lane), 'marking': m.paint(), 'plaster': m.plaster(),
        'brick': m.masonry('brick', 0.25, 0.082, 0.014, (0.36, 0.33, 0.29), 0.55, 0.008),
        'stone': m.masonry('stone', 0.95, 0.42, 0.012, (0.2, 0.18, 0.15), 0.3, 0.006),
        'paving': m.masonry('paving', 0.6, 0.4, 0.012, (0.09, 0.085, 0.075), 0.35, 0.005, (0.27, 0.255, 0.235), 0.8),
        'kerb': m.masonry('kerb', 1.0, 5.0, 0.014, (0.08, 0.08, 0.075), 0.3, 0.01, (0.33, 0.32, 0.3)),
        'slate': m.masonry('slate', 0.3, 0.2, 0.012, (0.02, 0.02, 0.025), 0.5, 0.012, (0.085, 0.095, 0.115), 0.6),
        'tiles': m.rolled('tiles', (0.32, 0.105, 0.055), 0.24, 0.05),
        'gravel': m.plain('gravel', (0.16, 0.15, 0.14), 0.95),
        'trim': m.plain('trim', (0.56, 0.52, 0.45), 0.8), 'trim_tint': m.plain('trim_tint', None, 0.8),
        'earth': m.plain('earth', (0.075, 0.052, 0.035), 1.0, wear=0.4), 'bark': m.bark(),
        'pane_dark': m.glass('pane_dark', (0.012, 0.014, 0.016)), 'pane_dim': m.glass('pane_dim', (0.04, 0.036, 0.03)),
        'pane_blue': m.glass('pane_blue', (0.02, 0.035, 0.045)),
        'pane_curtain': m.glass('pane_curtain', (0.02, 0.02, 0.02), 0.8), 'shop_glass': m.shop_glass(),
        'sash_white': m.plain('sash_white', (0.62, 0.61, 0.57), 0.45),
        'sash_dark': m.plain('sash_dark', (0.035, 0.04, 0.042), 0.4),
        'sash_green': m.plain('sash_green', (0.03, 0.075, 0.06), 0.4),
        'wood': m.plain('wood', (0.13, 0.06, 0.028), 0.5), 'iron': m.plain('iron', (0.018, 0.019, 0.02), 0.45, 0.3),
        'steel': m.plain('steel', (0.3, 0.31, 0.32), 0.42, 0.8), 'pipe': m.plain('pipe', (0.13, 0.125, 0.115), 0.6),
        'letters': m.plain('letters', (0.75, 0.7, 0.56), 0.5),
        'interior': m.plain('interior', (0.4, 0.32, 0.24), 0.9, Emission_Color=(1, 0.8, 0.55, 1),
                            Emission_Strength=0.08),
        'bulb': m.plain('bulb', (1, 0.9, 0.75), Emission_Color=(1, 0.86, 0.62, 1), Emission_Strength=4.0),
        'car_paint': m.car_paint(), 'car_glass': m.glass('car_glass', (0.008, 0.009, 0.01)),
        'rubber': m.plain('rubber', (0.016, 0.016, 0.016), 0.85),
        'plastic': m.plain('plastic', (0.02, 0.02, 0.021), 0.5),
        'rim': m.plain('rim', (0.3, 0.305, 0.315), 0.35, 0.9, 0.05),
        'chrome': m.plain('chrome', (0.75, 0.75, 0.76), 0.12, 1),
        'headlight': m.plain('headlight', (0.75, 0.78, 0.8), 0.06, 0.6, 0.0, Coat_Weight=1.0),
        'taillight': m.plain('taillight', (0.35, 0.008, 0.006), 0.12, 0.0, 0.0, Coat_Weight=1.0,
                             Emission_Color=(1, 0.03, 0.02, 1), Emission_Strength=0.25),
        'plate': m.plain('plate', (0.7, 0.7, 0.66), 0.5), 'skin': m.plain('skin', None, 0.55, wear=0.05),
        'cloth': m.plain('cloth', None, 0.9, wear=0.2), 'sign_white': m.plain('sign_white', (0.72, 0.72, 0.7), 0.4),
        'sign_red': m.plain('sign_red', (0.5, 0.02, 0.02), 0.4),
        'sign_blue': m.plain('sign_blue', (0.02, 0.09, 0.35), 0.4),
        'signal_red': m.plain('signal_red', (0.25, 0.01, 0.01), 0.3),
        'signal_amber': m.plain('signal_amber', (0.2, 0.1, 0.01), 0.3),
        'signal_green': m.plain('signal_green', (0.02, 0.5, 0.25), 0.3, Emission_Color=(0.05, 1, 0.5, 1),
                                Emission_Strength=4.0),
        'leaf_plane': m.leaf('leaf_plane', (0.028, 0.06, 0.012), (0.085, 0.14, 0.026)),
        'leaf_lime': m.leaf('leaf_lime', (0.035, 0.075, 0.01), (0.12, 0.18, 0.03)),
        'leaf_hedge': m.leaf('leaf_hedge', (0.014, 0.038, 0.01), (0.04, 0.085, 0.018)),
    }
    for name in ('interior', 'bulb', 'taillight', 'signal_green'):
        palette[name].cycles.emission_sampling = 'NONE'  # they are seen but light little: no rays for that
    for i, colour in enumerate([(0.16, 0.012, 0.014), (0.012, 0.04, 0.09), (0.018, 0.055, 0.035), (0.02, 0.02, 0.022),
                                (0.34, 0.2, 0.05), (0.42, 0.4, 0.34)]):
        palette[f'shop_{i}'] = m.plain(f'shop_{i}', colour, 0.45)
        palette[f'goods_{i}'] = m.plain(f'goods_{i}', tuple(min(0.7, 2.2 * c + 0.04) for c in colour), 0.7)
    return palette


def make_sky(elevation: float, azimuth: float, cover: float) -> None:
    """Sun and sky with clouds.

    Args:
        elevation: Height of the sun in radians.
        azimuth: Where the sun stands, in radians counter-clockwise from +x.
        cover: Share of clouds, 0 to 1.
    """
    world = bpy.data.worlds.new('sky')
    bpy.context.scene.world = world
    g = Graph(world.node_tree)
    direction = g.add('TexCoord').outputs['Generated']
    x, y, z = g.split(direction)
    sky = g.add('TexSky', {'sky_type': 'MULTIPLE_SCATTERING', 'sun_disc': False, 'sun_elevation': elevation,
                           'sun_rotation': np.pi / 2 - azimuth}).outputs[0]
    flat = g.math('MAXIMUM', z, 0.06)
    over = g.add('CombineXYZ', X=g.math('DIVIDE', x, flat), Y=g.math('DIVIDE', y, flat), Z=0.0).outputs[0]
    shape = g.noise(over, 0.9, 8, 0.56)
    dense = g.between(shape, 0.62 - 0.3 * cover, 0.78 - 0.3 * cover)
    shade = g.mix(g.between(g.noise(over, 2.2, 5), 0.3, 0.7), (0.74, 0.77, 0.82), (1.0, 0.99, 0.96))
    dense = g.math('MULTIPLY', dense, g.between(z, 0.0, 0.16))
    strength = 0.12
    blue = g.mix(1.0, sky, (strength, strength, strength), 'MULTIPLY')
    haze = g.mix(g.between(z, -0.02, 0.22, (0.75, 0.0)), blue, (0.62, 0.7, 0.8))
    background = g.add('Background', Color=g.mix(dense, haze, shade), Strength=1.0)
    g.plug(g.add('OutputWorld').inputs[0], background.outputs[0])
    _bake(g)

    lamp = bpy.data.lights.new('sun', 'SUN')
    lamp.energy, lamp.angle, lamp.color = 8.5, 0.012, (1.0, 0.93, 0.82)
    sun = bpy.data.objects.new('sun', lamp)
    sun.rotation_euler = (np.pi / 2 - elevation, 0, azimuth + np.pi / 2)
    bpy.context.scene.collection.objects.link(sun)


def _bake(g: Graph) -> None:
    """Render the sky once and show the picture instead: each ray that leaves the scene asks for it."""
    scene = bpy.context.scene
    eye = bpy.data.objects.new('eye', bpy.data.cameras.new('eye'))
    eye.data.type, eye.data.panorama_type = 'PANO', 'EQUIRECTANGULAR'
    eye.rotation_euler = (np.pi / 2, 0, -np.pi / 2)
    scene.collection.objects.link(eye)
    kept = scene.camera, scene.render.resolution_x, scene.render.resolution_y
    scene.render.use_border, scene.render.border_min_y, scene.render.border_max_x = True, 0.48, 1.0
    scene.render.border_max_y = 1.0  # what lies below the horizon is never seen
    scene.camera, scene.render.resolution_x, scene.render.resolution_y = eye, 2048, 1024
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    image = scene.render.image_settings
    image.media_type, image.file_format, image.color_depth = 'IMAGE', 'OPEN_EXR', '32'
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = f'{folder}/sky.exr'
        bpy.ops.render.render(write_still=True)
        picture = bpy.data.images.load(scene.render.filepath)
        picture.pack()
    scene.camera, scene.render.resolution_x, scene.render.resolution_y = kept
    scene.render.use_border = False
    bpy.data.objects.remove(eye)
    g.tree.nodes.clear()
    sky = g.add('TexEnvironment', {'image': picture})
    g.plug(g.add('OutputWorld').inputs[0], g.add('Background', Color=sky.outputs[0], Strength=1.0).outputs[0])
