"""The rendered street of examples/sample/boulevard: its maps agree with each other and with the camera."""

import importlib.util
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / 'examples/sample/boulevard'
BLENDER = ROOT / '.bpy/bin/python'
ROAD, SKY = 0, 10


def load(name: str):
    spec = importlib.util.spec_from_file_location(f'boulevard_{name}', FOLDER / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


passes, route = load('passes'), load('route')
ANGLE = np.radians(60)


def project(point, camera, width, height):
    """The pixel at which a camera sees a point of the world."""
    x, y, z = camera[:3, :3].T @ (point - camera[:3, 3])
    focal = width / 2 / np.tan(ANGLE / 2)
    return np.array([width / 2 - x / z * focal, height / 2 + y / z * focal])


def test_flow_leads_to_where_a_point_was_in_the_frame_before():
    street = route.Route([(40, 0.6, 50)], -10, 120)
    now, before = (route.camera_pose(street.frame(s, 1.6, 1.3), 0.02, 0.01) for s in (31.0, 30.0))
    depth = np.full((64, 112), 12.0)
    flow = passes.backward_flow(depth, np.zeros(depth.shape, int), (now, before), {}, ANGLE)
    focal = 56 / np.tan(ANGLE / 2)
    seen = np.array([(90.5 - 56) / focal, (32 - 20.5) / focal, -1]) * 12
    there = project(now[:3, :3] @ seen + now[:3, 3], before, 112, 64)
    np.testing.assert_allclose(flow[20, 90], there - (90.5, 20.5), atol=1e-9)
    assert np.abs(flow[20, 90]).max() > 1


def test_flow_of_what_moves_along_with_the_camera_is_rest():
    now, before = (route.camera_pose(route.Route([], 0, 50).frame(s, 0, 1.3)) for s in (11.0, 10.0))
    depth, mover = np.full((8, 8), 9.0), np.zeros((8, 8), int)
    mover[:, 4:] = 3
    flow = passes.backward_flow(depth, mover, (now, before), {3: before @ np.linalg.inv(now)}, ANGLE)
    np.testing.assert_allclose(flow[:, 4:], 0, atol=1e-9)
    assert np.abs(flow[:, :4]).max() > 0.3


def test_the_sky_flows_with_the_camera_s_turning_alone():
    street = route.Route([], 0, 50)
    depth = np.full((8, 8), 1e10)
    still = passes.backward_flow(depth, np.zeros((8, 8), int), tuple(
        route.camera_pose(street.frame(s, 0, 1.3)) for s in (11.0, 10.0)), {}, ANGLE)
    np.testing.assert_allclose(still, 0, atol=1e-9)
    turned = passes.backward_flow(depth, np.zeros((8, 8), int), tuple(
        route.camera_pose(street.frame(10, 0, 1.3), yaw) for yaw in (0.02, 0.0)), {}, ANGLE)
    assert (turned[..., 0] < 0).all()  # it has turned to the left, so all of it was further to the left


def test_stored_flow_is_what_the_modality_reads():
    from photoreal.modalities import Flow
    flow = np.array([[(3.5, -2.0)]])
    maps = Flow(folder='flow').compute(passes.encode_flow(flow, (1, 1))[None])[0]
    np.testing.assert_allclose((maps[0, 0, :2] - 32768.0) / 64, (3.5, -2.0))
    assert maps[0, 0, 2] == 1
    assert (passes.encode_flow(None, (2, 2))[..., 2] == 0).all()


def test_an_index_holds_a_label_and_who_moves():
    labels, mover = passes.split_index(np.array([[13 + 32 * 5, 31, 0, 24]]), np.array([[8.0, 9, 1e10, 7]]))
    assert labels.tolist() == [[13, 255, 10, 24]] and mover.tolist() == [[5, 0, 0, 0]]


def test_normals_are_seen_from_the_camera():
    camera = route.camera_pose(route.Route([], 0, 50).frame(10, 0, 1.3))  # it looks along +y of the world
    normals = np.array([[(0, 0, 1.0), (0, -1.0, 0), (0, 0, 1.0)]])
    stored = passes.encode_normals(normals, camera, np.array([[5.0, 5.0, 1e10]]))
    assert stored.tolist() == [[[128, 255, 128], [128, 128, 255], [0, 0, 0]]]


def test_a_line_has_the_heading_of_its_bends():
    street = route.Route([(20, 0.5, 20)], 0, 60)
    assert np.allclose(street.frame(0)[:2, 0], (0, 1)) and street.frame(20, 2.0)[0, 3] > street.frame(20)[0, 3]
    ahead = street.frame(50)[:2, 0]
    assert np.arctan2(ahead[1], ahead[0]) == pytest.approx(np.pi / 2 + 0.5, abs=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(not BLENDER.exists(), reason=f'needs Blender as {BLENDER}: see examples/sample/boulevard/README.md')
def test_a_tiny_render_has_maps_that_agree(tmp_path):
    width, height, name = 112, 64, '00001.png'
    subprocess.run([str(BLENDER), str(FOLDER / 'render.py'), '--first', '1', '--frames', '1', '--samples', '1',
                    '--size', str(width), str(height), '--out', str(tmp_path)], check=True, capture_output=True)
    assert cv2.imread(str(tmp_path / 'frames/00001.jpg')).shape == (height, width, 3)
    labels, depth, normal, flow = (cv2.imread(str(tmp_path / folder / name), cv2.IMREAD_UNCHANGED)
                                   for folder in ('segmentation', 'depth', 'normal', 'flow'))
    check_labels(labels, width, height)
    assert depth.dtype == flow.dtype == np.uint16
    np.testing.assert_array_equal(labels == SKY, depth == 0)
    assert (normal[labels == SKY] == 0).all() and (flow[..., 0] == 1).all()  # OpenCV gives the channels in reverse
    rows, columns = np.nonzero((labels == ROAD) & (depth < 1500))
    focal = width / 2 / np.tan(ANGLE / 2)
    below = (rows + 0.5 - height / 2) / focal * depth[rows, columns] / 100
    assert 1.0 < np.median(below) < 1.6  # the camera is 1.3 m above the road and looks up a little
    assert np.median(normal[rows, columns, 1]) > 250  # the road faces up
    assert np.median(flow[rows, columns, 1]) < 32768  # what comes closer was further up before


def test_kept_frames_have_labels_of_their_size():
    frames, labels = sorted(FOLDER.glob('frames/*')), sorted(FOLDER.glob('segmentation/*.png'))
    assert [path.stem for path in frames] == [path.stem for path in labels] == [f'{i:05d}' for i in range(48)]
    for i in (0, 47):
        assert cv2.imread(str(frames[i])).shape == (256, 448, 3)
        check_labels(cv2.imread(str(labels[i]), cv2.IMREAD_UNCHANGED), 448, 256)


def check_labels(labels, width, height):
    assert labels.shape == (height, width) and labels.dtype == np.uint8
    found = set(np.unique(labels))
    assert found <= {0, 1, 2, 5, 6, 7, 8, 9, 10, 11, 13, 14, 24, 255}
    assert {ROAD, SKY, 2, 8, 13} <= found
    assert (labels[:height // 2] != ROAD).mean() > 0.98 and (labels[height // 2:] != SKY).all()
