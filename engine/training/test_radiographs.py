"""What the training on radiographs would lose silently. Run: python -m unittest"""

import unittest

import numpy as np
import torch

from radiographs import album, beam, evaluate, narrow, networks
from radiographs.detector_loss import ANCHORS, STRIDES, assigned, complete_iou, detector_loss
from radiographs.spine import Placed


def picture(rows=300, columns=200):
    grey = np.zeros((rows, columns), np.uint8)
    grey[100:140, 60:120] = 200
    mask = np.ones((40, 60), bool)
    contour = ("L3", [60, 100, 120, 140], mask.shape, np.packbits(mask))
    boxes = np.array([[2, 60, 100, 120, 140]], np.float32)
    return album.prepared({"grey": grey, "boxes": boxes, "contours": [contour], "pixel_mm": 1.0})


class Samples(unittest.TestCase):
    def test_a_box_stays_on_what_it_names_when_scaled_cropped_and_mirrored(self):
        above = []
        for seed in range(20):
            image, boxes = album.detector_sample(np.random.default_rng(seed), picture(), (192, 96))
            for _, left, top, right, bottom in boxes:
                inside = image[int(top) + 2 : int(bottom) - 2, int(left) + 2 : int(right) - 2]
                above.append(inside.mean() - image.mean())
        self.assertGreater(len(above), 10)
        self.assertGreater(np.mean(above), 0.1)  # on average: gas may lie over a body

    def test_a_contour_lies_on_its_crop(self):
        drawn = 0
        for seed in range(20):
            image, mask = album.contour_sample(np.random.default_rng(seed), picture())
            grey, box = image
            self.assertGreater(float(grey[mask[0] > 0].mean()), float(grey[mask[0] == 0].mean()) + 1)
            self.assertAlmostEqual(float(grey.mean()), 0, places=3)
            if box.max() > 0:
                self.assertGreater(float(((box > 0) == (mask[0] > 0)).float().mean()), 0.95)
                drawn += 1
        self.assertIn(drawn, range(1, 20))

    def test_a_trunk_is_laid_over_a_sample_and_moves_no_box(self):
        grey = np.zeros((300, 200), np.uint16)
        grey[::20] = 60000  # stripes
        soft = album.prepared({"grey": grey, "boxes": np.zeros((0, 5), np.float32), "contours": [], "pixel_mm": 1.0})
        plain, boxes = album.detector_sample(np.random.default_rng(3), picture(), (192, 96))
        over, same = album.detector_sample(np.random.default_rng(3), picture(), (192, 96), soft)
        self.assertEqual(over.shape, plain.shape)
        self.assertEqual(len(boxes), len(same))
        image = np.full((64, 64), 0.5, np.float32)
        laid = album.laid_over(np.random.default_rng(1), image, soft, 1.0)
        self.assertGreater(float(laid.mean(1).std()), 3 * float(laid.mean(0).std()))
        self.assertTrue(0 <= laid.min() and laid.max() <= 1)

    def test_the_letterbox_is_the_programs(self):
        # kernels::detect::Letterbox: 1000 x 400 on 640 x 288 is 640 x 256 at column 16.
        factor, offset = album.letterbox(picture(1000, 400))
        self.assertEqual((round(1000 * factor[0]), round(400 * factor[1])), (640, 256))
        self.assertEqual(offset, (0, 16))


class Looks(unittest.TestCase):
    def test_two_looks_are_joined_as_the_program_does(self):
        # The same boxes as in kernels/src/detect/mirrored.rs, the mirrored ones turned back.
        at = lambda left: [left, 0.0, left + 10.0, 10.0]
        plain = np.array([at(60), at(22), at(20)]), np.array([0.8, 0.7, 0.6]), np.array([2, 1, 2])
        mirrored = np.array([at(85), at(21)]), np.array([0.4, 0.2]), np.array([2, 2])
        found = evaluate.agreed(plain, mirrored)
        np.testing.assert_allclose(found[:, :3], [[2, 0.4, 60], [2, 0.4, 20.25], [1, 0.35, 22], [2, 0.2, 85]], atol=1e-6)


class Loss(unittest.TestCase):
    def test_complete_iou_is_one_for_the_same_box_and_falls_with_distance(self):
        a = torch.tensor([[5.0, 5, 4, 2]] * 3)
        b = torch.tensor([[5.0, 5, 4, 2], [6, 5, 4, 2], [5, 5, 2, 4]])
        ciou, iou = complete_iou(a, b)
        self.assertAlmostEqual(float(ciou[0]), 1, places=5)
        self.assertAlmostEqual(float(iou[1]), 0.6, places=5)
        self.assertLess(float(ciou[1]), 0.6)
        self.assertLess(float(ciou[2]), float(iou[2]))

    def test_the_cell_of_a_box_and_its_two_neighbours_answer(self):
        target = torch.tensor([[0.0, 2, 20, 13, 12, 14]])
        _, anchor, row, column, _, _, _ = assigned(target, ANCHORS[0], 8, 8, 8)
        cells = set(zip(row[anchor == 0].tolist(), column[anchor == 0].tolist()))
        self.assertEqual(cells, {(1, 2), (2, 2)})  # the middle is at 2.5, 1.625: no nearer column, the row below

    def test_perfect_maps_cost_less_than_empty_ones_and_decode_to_their_boxes(self):
        target = torch.tensor([[0.0, 2, 44, 60, 18, 28]])
        maps = [torch.full((1, 24, 96 // s, 96 // s), -6.0) for s in STRIDES]
        empty = float(detector_loss(maps, target)["loss"])
        for level, raw in enumerate(maps):
            grid = raw.view(1, 3, 8, *raw.shape[2:])
            _, anchor, row, column, boxes, _, sizes = assigned(target, ANCHORS[level], STRIDES[level], *raw.shape[2:])
            for a, r, c, box, size in zip(anchor, row, column, boxes, sizes):
                middle = (box[:2] - torch.stack([c, r]) + 0.5) / 2
                sides = (box[2:] / size).sqrt() / 2
                grid[0, a, :4, r, c] = torch.logit(torch.cat([middle, sides]).clamp(0.001, 0.999))
                grid[0, a, 4, r, c] = grid[0, a, 7, r, c] = 6.0
        self.assertLess(float(detector_loss(maps, target)["loss"]), 0.1 * empty)
        boxes, scores, kinds = evaluate.decoded(maps)
        best = boxes[scores.argmax()]
        np.testing.assert_allclose(best, [35, 46, 53, 74], atol=0.3)
        self.assertEqual(kinds[scores.argmax()], 2)


class Rays(unittest.TestCase):
    def test_a_block_is_as_thick_as_it_is_and_where_it_is(self):
        piece = {"inside": np.ones((20, 24, 28)), "origin_mm": np.array([-9.5, -11.5, -13.5]), "spacing_mm": 1.0, "frame": np.eye(3)}
        placed = Placed("L3", piece, np.eye(3), np.ones(3), np.array([30.0, 5.0, -10.0]))
        view = beam.View(2, 1, 100.0, -60.0, 1.0, 160, 120, np.array([30.0, -10.0, 1e7]))
        sums, (rows, columns) = beam.project_piece(view, placed, torch.ones(1, 20, 24, 28), 0.5)
        middle = sums[0, 70 - rows.start, 50 - columns.start]
        self.assertAlmostEqual(float(middle), 23.0, delta=0.6)
        row, column = view.project(np.array([[30.0, 5.0, -10.0]]))[0]
        self.assertAlmostEqual(row, 70)
        self.assertAlmostEqual(column, 50)


class Figures(unittest.TestCase):
    def test_average_precision_counts_misses_and_false_alarms(self):
        truth = np.array([[2, 0, 0, 10, 10], [2, 20, 0, 30, 10]], float)
        right, wrong = [2, 0.9, 0, 0, 10, 10], [2, 0.8, 50, 50, 60, 60]
        one = {"boxes": truth, "cut_boxes": np.zeros((0, 4))}
        self.assertEqual(evaluate.average_precision([np.array([right])], [one], 2), 0.5)
        both = [np.array([right, wrong, [2, 0.7, 20, 1, 30, 10]])]
        self.assertAlmostEqual(evaluate.average_precision(both, [one], 2), 0.5 + 0.5 * 2 / 3)
        self.assertIsNone(evaluate.average_precision(both, [one], 0))
        one["cut_boxes"] = np.array([[50, 50, 60, 62]], float)
        self.assertAlmostEqual(evaluate.average_precision(both, [one], 2), 1)

    def test_a_narrow_network_computes_the_same_when_widened_and_when_grown(self):
        torch.manual_seed(1)
        small = narrow.detector(8).eval()
        wide, larger = networks.detector().eval(), narrow.detector(4).eval()
        state = narrow.widened(small.state_dict())
        wide.load_state_dict(state)
        self.assertEqual(narrow.share_of(state), 8)
        larger.load_state_dict(narrow.grown(state, larger))
        picture = torch.rand(1, 96, 64)
        with torch.no_grad():
            wanted = networks.maps_of(small, picture)
            for network in (wide, larger):
                for a, b in zip(wanted, networks.maps_of(network, picture)):
                    self.assertLess(float((a - b).abs().max()), 1e-4)

    def test_both_networks_fit_into_fifteen_megabytes(self):
        count = sum(p.numel() for build in (networks.detector, networks.contour) for p in build().state_dict().values())
        self.assertLess(2 * count, 15e6)


if __name__ == "__main__":
    unittest.main()
