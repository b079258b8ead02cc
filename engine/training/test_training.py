"""What a training run would lose silently. Run: python -m unittest"""

import unittest

import numpy as np
import torch

import fast_conv
import metal
import scanner
import scores
from network import CompactUNet


class Network(unittest.TestCase):
    def test_fast_convolution_has_the_gradients_of_the_plain_one(self):
        torch.manual_seed(1)
        for channels, edge in ((1, 12), (8, 12), (40, 24)):
            conv = torch.nn.Conv3d(channels, 6, 3, 1, 1)
            x = torch.randn(1, channels, edge, edge, edge, requires_grad=True)
            found = []
            for run in (conv, lambda v: fast_conv.conv3d(v, conv)):
                conv.zero_grad()
                x.grad = None
                (run(x) ** 2).sum().backward()
                found.append([x.grad.clone(), conv.weight.grad.clone(), conv.bias.grad.clone()])
            for plain, fast in zip(*found):
                self.assertLess(float((plain - fast).norm() / plain.norm()), 1e-4)

    def test_padding_far_away_does_not_change_a_voxel(self):
        torch.manual_seed(1)
        network = CompactUNet(channels=(4, 8)).eval()
        x = torch.randn(1, 1, 32, 32, 32)
        padded = torch.nn.functional.pad(x, (0, 32, 0, 0, 0, 0), value=-2.75)
        with torch.no_grad():
            near, far = network(x)[..., :16], network(padded)[..., :16]
        self.assertLess(float((near - far).abs().max()), 1e-5)


class Scanner(unittest.TestCase):
    def test_outside_the_field_of_view_there_is_no_bone_to_learn(self):
        for seed in range(20):
            hu, kept = scanner.field_of_view(np.random.default_rng(seed), torch.full((24, 24, 24), 300.0), 24)
            self.assertTrue(bool(((hu == 300) == kept).all()))

    def test_streaks_lie_in_the_slices_of_the_metal_and_darken_the_line_between_two_screws(self):
        screws = torch.zeros(3, 40, 40, dtype=torch.bool)
        screws[1, 18:22, 8:12] = screws[1, 18:22, 28:32] = True
        image = metal.streaks(np.random.default_rng(0), screws, 300.0)
        self.assertEqual(float(image[0].abs().max()), 0.0)
        self.assertLess(float(image[1, 18:22, 15:25].mean()), float(image[1, 4:10, 15:25].mean()))


class Scores(unittest.TestCase):
    def test_a_wrong_name_is_not_identified_but_matched(self):
        truth = np.zeros((30, 30, 60), np.uint8)
        truth[5:15, 5:15, 5:15], truth[5:15, 5:15, 45:55] = 20, 21
        swapped = np.where(truth == 20, 21, np.where(truth == 21, 20, 0))
        found = scores.by_level(swapped, truth, (1.0, 1.0, 1.0))["mean"]
        self.assertEqual((found["dice"], found["matched_dice"], found["identified"]), (0.0, 1.0, 0.0))


if __name__ == "__main__":
    unittest.main()
