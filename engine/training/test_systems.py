"""What a trainer would learn wrongly without notice. Run: python -m unittest"""

import argparse
import hashlib
import json
import tempfile
import unittest
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

import architectures
import cards
import export
import inputs
import losses
import patches
import schedule
from network import normalise
from prepare import save_scene
from run import Run
from scene import Scene
from systems import SYSTEMS
from tissues import DISC_TISSUE, IGNORED, L5, UNSURE

EDGE = 40


def small_scene(folder: Path):
    """Three boxes for vertebrae (L5, L4, L3 upwards), a disc, and bone nobody labelled."""
    tissue = np.zeros((EDGE * 2,) * 3, np.uint8)
    for level in range(3):
        tissue[8 + 24 * level : 26 + 24 * level, 30:50, 28:52] = L5 + level
    tissue[26:32, 30:50, 28:52] = DISC_TISSUE
    tissue[:, 60:66, 60:66] = UNSURE
    depth = np.where(tissue > 0, 2.0, -4.0)
    save_scene(folder / "abdomen", tissue, depth, np.zeros(tissue.shape), np.where(tissue > 0, 300, 40))
    return folder


class Scenes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.scene = Scene(small_scene(Path(cls.folder.name)) / "abdomen")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_every_system_draws_parts_its_loss_takes_and_gives_gradients(self):
        for name, system in SYSTEMS.items():
            with self.subTest(name):
                parts = system.draw(np.random.default_rng(1), self.scene)
                parts = [part[..., :32, :32, :32] if name != "residual" else part[:1, ..., :32, :32] for part in parts]
                network = system.build()
                system.loss(network, parts, 0)["loss"].backward()
                self.assertTrue(all(p.grad is None or bool(p.grad.isfinite().all()) for p in network.parameters()))

    def test_the_window_calls_the_upper_neighbour_above(self):
        for seed in range(4):
            _, target = inputs.window(np.random.default_rng(seed), self.scene)
            height = [np.argwhere(target[0].numpy() == n)[:, 0].mean() if (target == n).any() else None for n in (1, 2, 3)]
            seen = [h for h in height if h is not None]
            self.assertEqual(seen, sorted(seen, reverse=True))

    def test_patches_depend_on_seed_and_number_alone(self):
        scenes = ([self.scene], np.ones(1))
        a, b, c = (patches.draw_patch(1, n, *scenes, inputs.compact)[0] for n in (7, 7, 8))
        self.assertTrue(torch.equal(a, b))
        self.assertFalse(a.shape == c.shape and torch.equal(a, c))

    def test_a_resumed_run_equals_one_that_was_not_stopped(self):
        parts = [part[..., :16, :16, :16] for part in inputs.compact(np.random.default_rng(1), self.scene)]
        with tempfile.TemporaryDirectory() as out:
            options = argparse.Namespace(system="compact", seed=1, out=Path(out), start=None, decay=0, steps=0, rate=1e-3)
            whole = Run(options)
            whole.train_on(parts)
            whole.save()
            resumed = Run(options)
            whole.train_on(parts), resumed.train_on(parts)
            for key, value in whole.ema.items():
                self.assertTrue(torch.allclose(value, resumed.ema[key], atol=1e-6), key)


class Losses(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(1)
        self.target = torch.zeros(1, 8, 8, 8, dtype=torch.long)
        self.target[:, 2:6, 2:6, 2:6] = 1
        self.right = 20.0 * (torch.nn.functional.one_hot(self.target, 2).movedim(-1, 1).float() - 0.5)

    def test_a_right_answer_costs_nothing_and_a_wrong_one_nearly_everything(self):
        for loss in (
            lambda x: losses.dice_and_entropy(x, self.target),
            lambda x: losses.fusion(x[:, 1:], self.target),
            lambda x: losses.deep_supervision([x], self.target, 0),
            lambda x: losses.multi_scale([x], self.target),
        ):
            self.assertLess(float(loss(self.right)), 0.01)
            self.assertGreater(float(loss(-self.right)), 0.9)

    def test_what_is_said_of_unknown_voxels_changes_no_loss(self):
        unknown = self.target.clone()
        unknown[:, :2] = IGNORED
        other = self.right.clone()
        other[:, :, :2] = torch.randn(1, 2, 2, 8, 8)
        for loss in (losses.dice_and_entropy, lambda x, t: losses.fusion(x[:, 1:], t), lambda x, t: losses.deep_supervision([x], t, 0)):
            self.assertAlmostEqual(float(loss(self.right, unknown)), float(loss(other, unknown)), places=6)

    def test_bone_where_there_is_none_costs(self):
        nothing = torch.zeros_like(self.target)
        none = 20.0 * (torch.nn.functional.one_hot(nothing, 2).movedim(-1, 1).float() - 0.5)
        for loss in (losses.dice_and_entropy, lambda x, t: losses.fusion(x[:, 1:], t), lambda x, t: losses.deep_supervision([x], t, 0)):
            self.assertGreater(float(loss(self.right, nothing)), float(loss(none, nothing)) + 0.05)

    def test_coarse_heads_fade_as_published(self):
        self.assertEqual([round(losses.alpha_at(epoch), 4) for epoch in (0, 29, 30, 60)], [0.8, 0.8, 0.64, 0.512])

    def test_heads_come_from_fine_to_coarse(self):
        sizes = [h.shape[-1] for h in architectures.heads(architectures.build("xunet_3d")(torch.zeros(1, 1, 16, 16, 16)))]
        self.assertEqual(sizes, sorted(sizes, reverse=True))


class Cards(unittest.TestCase):
    def test_a_card_prepares_hu_as_the_training_did(self):
        hu = torch.tensor([-1024.0, -150.0, 300.0, 990.0, 2000.0])
        ways = {"compact": normalise, "mafu": normalise, "dense3d": inputs.unit, "xunet": inputs.bone_window}
        for system, way in ways.items():
            low, high, offset, scale = cards.HU[system]
            self.assertTrue(torch.allclose((hu.clip(low, high) - offset) / scale, way(hu)), system)

    def test_an_exported_file_holds_every_tensor_and_a_readable_card(self):
        with tempfile.TemporaryDirectory() as out:
            for system in ("compact", "localiser"):
                network = SYSTEMS[system].build()
                export.export(network.state_dict(), export.card(system, {}, {}), Path(out))
                file = Path(out) / f"{cards.FILES[system]}.safetensors"
                details = json.loads(file.with_suffix(".json").read_text())
                self.assertEqual(details["sha256"], hashlib.sha256(file.read_bytes()).hexdigest())
                self.assertEqual(set(load_file(file)), {k for k, v in network.state_dict().items() if v.is_floating_point()})

    def test_only_the_finest_head_of_deep_supervision_ships(self):
        for system, kept in (("residual", "head.3."), ("xunet", "head.2.")):
            names = export._kept(SYSTEMS[system].build().state_dict(), export.card(system, {}, {}))
            self.assertEqual({n[:7] for n in names if n.startswith("head.")}, {kept}, system)


class Schedule(unittest.TestCase):
    def test_the_rate_is_constant_until_the_decay_and_ends_low(self):
        self.assertEqual(schedule.rate_share(100, 0), schedule.rate_share(100_000, 0))
        shares = [schedule.rate_share(step, 200) for step in range(0, 201, 20)]
        self.assertEqual(shares, sorted(shares, reverse=True))
        self.assertEqual((shares[0], shares[-1]), (1.0, schedule.FLOOR_SHARE))


if __name__ == "__main__":
    unittest.main()
