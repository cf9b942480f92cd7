"""Procedural materials: noise and bricks in metres, no pictures. Colours are linear RGB."""

from collections.abc import Sequence
from typing import Any

import bpy

Colour = Sequence[float]


class Graph:
    """A shader's nodes. Inputs are given by name (``_`` for a blank): a socket is linked, a value is set."""

    def __init__(self, tree: bpy.types.NodeTree) -> None:
        self.tree = tree
        tree.nodes.clear()

    def add(self, kind: str, settings: dict[str, Any] | None = None, **inputs: Any) -> bpy.types.Node:
        node = self.tree.nodes.new(f'ShaderNode{kind}')
        for key, value in (settings or {}).items():
            setattr(node, key, value)
        for key, value in inputs.items():
            self.plug(node.inputs[key.replace('_', ' ')], value)
        return node

    def plug(self, socket: bpy.types.NodeSocket, value: Any) -> None:
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        elif socket.type == 'RGBA' and len(value) == 3:
            socket.default_value = (*value, 1)
        else:
            socket.default_value = value

    def math(self, operation: str, *values: Any) -> bpy.types.NodeSocket:
        node = self.add('Math', {'operation': operation})
        for socket, value in zip(node.inputs, values):
            self.plug(socket, value)
        return node.outputs[0]

    def mix(self, factor: Any, a: Any, b: Any, blend: str = 'MIX') -> bpy.types.NodeSocket:
        node = self.add('Mix', {'data_type': 'RGBA', 'blend_type': blend})
        for i, value in ((0, factor), (6, a), (7, b)):
            self.plug(node.inputs[i], value)
        return node.outputs[2]

    def between(self, value: Any, low: float, high: float, to: tuple[float, float] = (0, 1)) -> bpy.types.NodeSocket:
        """Low to high become ``to``; clamped."""
        return self.add('MapRange', Value=value, From_Min=low, From_Max=high, To_Min=to[0], To_Max=to[1]).outputs[0]

    def scaled(self, vector: bpy.types.NodeSocket, scale: Sequence[float]) -> bpy.types.NodeSocket:
        node = self.add('VectorMath', {'operation': 'MULTIPLY'})
        self.plug(node.inputs[0], vector)
        node.inputs[1].default_value = scale
        return node.outputs[0]

    def noise(self, vector: bpy.types.NodeSocket, scale: float, detail: float = 2.0,
              roughness: float = 0.5) -> bpy.types.NodeSocket:
        return self.add('TexNoise', Vector=vector, Scale=scale, Detail=detail, Roughness=roughness).outputs[0]

    def bump(self, height: bpy.types.NodeSocket, distance: float, strength: float = 1.0) -> bpy.types.NodeSocket:
        return self.add('Bump', Height=height, Distance=distance, Strength=strength).outputs[0]

    def split(self, vector: bpy.types.NodeSocket) -> list[bpy.types.NodeSocket]:
        return list(self.add('SeparateXYZ', Vector=vector).outputs)

    def surface(self, shader: bpy.types.NodeSocket) -> None:
        self.plug(self.add('OutputMaterial').inputs[0], shader)


class Surface(Graph):
    """A new material with the inputs that most of them need."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        super().__init__(self.material.node_tree)
        coordinates = self.add('TexCoord')
        self.uv, self.local = coordinates.outputs['UV'], coordinates.outputs['Object']
        information = self.add('ObjectInfo')
        self.tint, self.random = information.outputs['Color'], information.outputs['Random']
        self.world = self.add('NewGeometry').outputs['Position']

    def principled(self, **inputs: Any) -> bpy.types.Material:
        self.surface(self.add('BsdfPrincipled', **inputs).outputs[0])
        return self.material


def plain(name: str, colour: Colour | None, roughness: float = 0.6, metallic: float = 0.0, wear: float = 0.15,
          **inputs: Any) -> bpy.types.Material:
    """One colour (None: the object's) that noise makes a little uneven."""
    s = Surface(name)
    base = s.tint if colour is None else colour
    stain = s.between(s.noise(s.world, 1.7, 4), 0.35, 0.7, (1 - 2 * wear, 1))
    worn = s.mix(1.0, base, s.add('CombineXYZ', X=stain, Y=stain, Z=stain).outputs[0], 'MULTIPLY')
    return s.principled(Base_Color=worn, Roughness=roughness, Metallic=metallic, **inputs)


def _weathered(s: Surface, colour: Any) -> bpy.types.NodeSocket:
    """Stains, streaks that run down, and dirt above the ground."""
    large = s.between(s.noise(s.world, 0.35, 4), 0.3, 0.75, (0.0, 0.35))
    colour = s.mix(large, colour, (0.22, 0.19, 0.16), 'MULTIPLY')
    streaks = s.between(s.noise(s.scaled(s.world, (2.2, 2.2, 0.12)), 1.0, 5, 0.6), 0.52, 0.75, (0.0, 0.5))
    colour = s.mix(streaks, colour, (0.35, 0.31, 0.27), 'MULTIPLY')
    height = s.math('ADD', s.split(s.world)[2], s.between(s.noise(s.world, 2.0, 3), 0.3, 0.7, (-0.5, 0.5)))
    return s.mix(s.between(height, 0.1, 1.6, (0.45, 0.0)), colour, (0.25, 0.22, 0.2), 'MULTIPLY')


def plaster() -> bpy.types.Material:
    s = Surface('plaster')
    grain = s.noise(s.world, 45.0, 3)
    relief = s.math('ADD', grain, s.math('MULTIPLY', s.noise(s.world, 1.2, 2), 4.0))
    return s.principled(Base_Color=_weathered(s, s.tint), Roughness=0.9, Specular_IOR_Level=0.2,
                        Normal=s.bump(relief, 0.006))


def masonry(name: str, width: float, height: float, joint: float, mortar: Colour, contrast: float,
            depth: float, tint: Colour | None = None, roughness: float = 0.9) -> bpy.types.Material:
    """Bricks, blocks or slabs of the object's colour (or ``tint``), each a little different."""
    s = Surface(name)
    base = s.tint if tint is None else tint
    light, dark = s.mix(contrast, base, (1, 0.85, 0.7), 'SOFT_LIGHT'), s.mix(contrast, base, (0.1, 0.1, 0.12))
    bricks = s.add('TexBrick', {'offset': 0.5}, Vector=s.uv, Color1=light, Color2=dark, Mortar=mortar, Scale=1.0,
                   Mortar_Size=joint / 2, Mortar_Smooth=0.2, Bias=-0.2, Brick_Width=width, Row_Height=height)
    grain = s.noise(s.world, 28.0, 3)
    colour = s.mix(s.between(grain, 0.35, 0.7, (0, 0.25)), bricks.outputs[0], (0.1, 0.09, 0.08))
    relief = s.math('ADD', s.math('MULTIPLY', bricks.outputs[1], -1.0), s.math('MULTIPLY', grain, 0.35))
    return s.principled(Base_Color=_weathered(s, colour), Roughness=roughness, Specular_IOR_Level=0.25,
                        Normal=s.bump(relief, depth))


def asphalt(half_width: float, lane: float) -> bpy.types.Material:
    """Texture coordinates: across and along the road. Wheels polish two tracks a lane; cracks and patches."""
    s = Surface('asphalt')
    across, along, _ = s.split(s.uv)
    grain = s.noise(s.uv, 60.0, 2, 0.7)
    chips = s.add('TexVoronoi', Vector=s.uv, Scale=45.0).outputs[0]
    colour = s.mix(s.between(grain, 0.3, 0.7), (0.03, 0.03, 0.033), (0.1, 0.098, 0.094))
    coarse = s.between(s.noise(s.uv, 5.0, 4, 0.75), 0.36, 0.66)
    colour = s.mix(s.math('MULTIPLY', coarse, 0.55), colour, (0.105, 0.1, 0.094))
    colour = s.mix(s.between(chips, 0.12, 0.3, (0.5, 0.0)), colour, (0.16, 0.155, 0.15))
    blotches = s.between(s.noise(s.scaled(s.uv, (0.5, 0.16, 1)), 1.0, 5, 0.6), 0.35, 0.68)
    colour = s.mix(s.math('MULTIPLY', blotches, 0.6), colour, (0.115, 0.11, 0.103))
    track = s.math('COSINE', s.math('MULTIPLY', across, 2 * 3.14159 / (lane / 2)))
    worn = s.math('MULTIPLY', s.between(track, 0.0, 1.0), s.between(s.noise(s.scaled(s.uv, (1, 0.2, 1)), 0.7, 3), 0.3,
                                                                   0.7, (0.2, 0.75)))
    colour = s.mix(worn, colour, (0.042, 0.042, 0.044))
    patch = s.add('TexVoronoi', {'distance': 'CHEBYCHEV'}, Vector=s.scaled(s.uv, (0.22, 0.1, 1)), Scale=1.0)
    shade = s.split(patch.outputs[1])[0]
    colour = s.mix(s.between(shade, 0.78, 0.8, (0.0, 0.55)), colour, (0.032, 0.032, 0.036))
    bent = s.add('VectorMath', {'operation': 'ADD'})
    s.plug(bent.inputs[0], s.uv)
    s.plug(bent.inputs[1], s.scaled(s.add('TexNoise', Vector=s.uv, Scale=1.3, Detail=4.0).outputs[1], (1.1, 1.1, 0)))
    edge = s.add('TexVoronoi', {'feature': 'DISTANCE_TO_EDGE'}, Vector=bent.outputs[0], Scale=0.33).outputs[0]
    where = s.between(s.noise(s.uv, 0.13, 2), 0.44, 0.54)
    crack = s.math('MULTIPLY', s.between(edge, 0.005, 0.016, (1.0, 0.0)), where)
    colour = s.mix(s.math('MULTIPLY', crack, 0.85), colour, (0.015, 0.015, 0.016))
    gutter = s.between(s.math('ABSOLUTE', across), half_width - 0.8, half_width, (0.0, 0.5))
    colour = s.mix(gutter, colour, (0.075, 0.068, 0.058))
    relief = s.math('SUBTRACT', s.math('ADD', grain, chips), crack)
    return s.principled(Base_Color=colour, Roughness=s.between(worn, 0, 0.6, (0.85, 0.62)), Specular_IOR_Level=0.35,
                        Normal=s.bump(relief, 0.008))


def paint() -> bpy.types.Material:
    """Lane markings, worn through to the asphalt."""
    s = Surface('marking')
    worn = s.between(s.noise(s.uv, 9.0, 5, 0.75), 0.52, 0.66, (0.0, 0.75))
    return s.principled(Base_Color=s.mix(worn, (0.62, 0.62, 0.58), (0.09, 0.09, 0.09)), Roughness=0.7)


def glass(name: str, colour: Colour, curtain: float = 0.0) -> bpy.types.Material:
    """A pane with a dark room, or light curtains, behind it: what is seen by reflection matters more."""
    s = Surface(name)
    folds = s.math('SINE', s.math('MULTIPLY', s.split(s.uv)[0], 55.0))
    cloth = s.mix(s.between(folds, -1, 1), (0.30, 0.29, 0.26), (0.5, 0.48, 0.44))
    room = s.mix(s.between(s.noise(s.world, 0.9, 3), 0.4, 0.65), colour, tuple(2.2 * c + 0.01 for c in colour))
    wavy = s.bump(s.noise(s.world, 1.1, 1), 0.02)
    return s.principled(Base_Color=s.mix(curtain, room, cloth), Roughness=0.03, Specular_IOR_Level=0.9, IOR=1.5,
                        Coat_Weight=0.6, Coat_Roughness=0.02, Normal=wavy, Coat_Normal=wavy)


def shop_glass() -> bpy.types.Material:
    """A pane that is seen through."""
    s = Surface('shop_glass')
    facing = s.add('LayerWeight', Blend=0.25).outputs['Fresnel']
    clear = s.add('BsdfTransparent', Color=(0.86, 0.9, 0.88)).outputs[0]
    shine = s.add('BsdfGlossy', Color=(0.9, 0.9, 0.9), Roughness=0.02).outputs[0]
    mixed = s.add('MixShader', Fac=s.between(facing, 0, 1, (0.08, 0.8)))
    s.plug(mixed.inputs[1], clear)
    s.plug(mixed.inputs[2], shine)
    s.surface(mixed.outputs[0])
    return s.material


def car_paint() -> bpy.types.Material:
    """The object's colour under clear coat; dust below; seams of doors where the mesh's coordinates say."""
    s = Surface('car_paint')
    dust = s.math('MULTIPLY', s.between(s.split(s.local)[2], 0.25, 0.75, (0.55, 0.0)), s.noise(s.local, 3.0, 4))
    colour = s.mix(dust, s.tint, (0.2, 0.18, 0.15))
    return s.principled(Base_Color=colour, Roughness=0.32, Metallic=0.25, Coat_Weight=0.9, Coat_Roughness=0.04)


def leaf(name: str, dark: Colour, light: Colour) -> bpy.types.Material:
    """Leaves let light through; each tree and each part of it has a green of its own."""
    s = Surface(name)
    amount = s.math('ADD', s.between(s.noise(s.world, 1.3, 3), 0.3, 0.7), s.between(s.random, 0, 1, (-0.3, 0.3)))
    colour = s.mix(amount, dark, light)
    front = s.add('BsdfPrincipled', Base_Color=colour, Roughness=0.45, Specular_IOR_Level=0.4).outputs[0]
    bright = s.mix(1.0, colour, (1.5, 1.7, 0.6), 'MULTIPLY')
    mixed = s.add('MixShader', Fac=0.4)
    s.plug(mixed.inputs[1], front)
    s.plug(mixed.inputs[2], s.add('BsdfTranslucent', Color=bright).outputs[0])
    s.surface(mixed.outputs[0])
    return s.material


def bark() -> bpy.types.Material:
    s = Surface('bark')
    ridges = s.noise(s.scaled(s.world, (14, 14, 2.5)), 1.0, 4, 0.7)
    blotches = s.between(s.noise(s.world, 3.0, 3), 0.45, 0.6)
    colour = s.mix(ridges, (0.06, 0.048, 0.038), s.mix(blotches, (0.2, 0.165, 0.125), (0.3, 0.28, 0.22)))
    return s.principled(Base_Color=colour, Roughness=0.9, Normal=s.bump(ridges, 0.03))


def rolled(name: str, colour: Colour, width: float, depth: float) -> bpy.types.Material:
    """Roof tiles and corrugated sheets: rows of ``width`` metres across the slope's texture coordinates."""
    s = Surface(name)
    u, v, _ = s.split(s.uv)
    wave = s.math('ABSOLUTE', s.math('SINE', s.math('MULTIPLY', u, 3.14159 / width)))
    row = s.math('FRACT', s.math('MULTIPLY', v, 1 / (1.4 * width)))
    spots = s.noise(s.scaled(s.uv, (1 / width, 0.7 / width, 1)), 0.6, 3)
    shade = s.mix(s.between(spots, 0.35, 0.65), colour, tuple(0.5 * c for c in colour))
    shade = s.mix(s.between(row, 0.75, 1.0, (0.0, 0.6)), shade, (0.02, 0.015, 0.012))
    return s.principled(Base_Color=shade, Roughness=0.85, Normal=s.bump(s.math('ADD', wave, row), depth))
