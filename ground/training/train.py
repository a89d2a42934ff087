"""Train the cloud mask model: ``python -m ground.training.train --data DIR --out DIR``.

DIR holds ``scenes.npz`` (see ``ground.training.scenes``). Each run names the scene that is held
out of training; ``none`` is the model that ships, trained on all three. Only figures of a held-out
scene may be quoted as accuracy: the report marks the others ``training``.

Loss: half cross-entropy with the labels, half with the teacher; AdamW with a one-cycle rate. The
same seed, torch build, CPU type and one thread give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from ground.training.augment import IGNORE, batch
from ground.training.export import THRESHOLD, export, sha256
from ground.training.network import Net
from ground.training.scenes import SCENES, Scene, load_scenes
from ground.training.scoring import score

PEAK_RATE, WEIGHT_DECAY = 5e-3, 1e-2
START_RATE = 2e-3  # what AdamW is built with; the schedule sets the rate from the first step on
REPORT_EVERY = 100


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides the outcome of a run beside the data."""

    held_out: str  # a name of SCENES, or "none"
    seed: int
    steps: int


def loss_of(net: Net, crops: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Return the loss of one batch."""
    pictures, labels, teachers = crops
    logits = net(pictures)
    log_p = functional.log_softmax(logits, 1)
    counted = (labels != IGNORE).float()
    hard = functional.cross_entropy(logits, labels, ignore_index=IGNORE)
    soft = (-(teachers * log_p).sum(1) * counted).sum() / counted.sum()
    return 0.5 * hard + 0.5 * soft


def fit(recipe: Recipe, scenes: dict[str, Scene]) -> Net:
    """Train one net from its seed; return it in evaluation mode."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    used = [scenes[name] for name in SCENES if name != recipe.held_out]
    net = Net()
    optimiser = torch.optim.AdamW(net.parameters(), START_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, recipe.steps)
    for step in range(recipe.steps):
        loss = loss_of(net, batch(rng, used))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % REPORT_EVERY == 0 or step == recipe.steps - 1:
            print(recipe.held_out, step, round(loss.item(), 4), flush=True)
    return net.eval()


def report(recipe: Recipe, net: Net, scenes: dict[str, Scene], sha: str) -> dict[str, Any]:
    """Score a trained net on all scenes, those it has seen marked ``training``."""
    roles = {name: "held out" if name == recipe.held_out else "training" for name in SCENES}
    return {
        "held_out": None if recipe.held_out == "none" else recipe.held_out,
        "seed": recipe.seed,
        "steps": recipe.steps,
        "parameters": sum(p.numel() for p in net.parameters()),
        "threshold": THRESHOLD,
        "onnx_sha256": sha,
        "torch": torch.__version__,
        "roles": roles,
        "scores": {name: score(net, scene) for name, scene in scenes.items()},
    }


def run(recipe: Recipe, scenes: dict[str, Scene], out: Path) -> dict[str, Any]:
    """Train, write ``cloudnet_rgb_<held out>.onnx`` and ``report_<held out>.json``; return it."""
    net = fit(recipe, scenes)
    data = export(net)
    (out / f"cloudnet_rgb_{recipe.held_out}.onnx").write_bytes(data)
    scored = report(recipe, net, scenes, sha256(data))
    (out / f"report_{recipe.held_out}.json").write_text(json.dumps(scored, indent=1))
    return scored


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse the command line. Raises SystemExit(2)."""
    parser = argparse.ArgumentParser(prog="python -m ground.training.train")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds scenes.npz")
    parser.add_argument("--out", type=Path, required=True, help="folder for models and reports")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--runs",
        nargs="+",
        default=[*SCENES, "none"],
        choices=[*SCENES, "none"],
        help="scene held out of each run; none = the model that ships",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str]) -> int:
    """Run the command line; return the exit code."""
    given = arguments(argv)
    scenes = load_scenes(given.data)
    given.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(given.threads)
    torch.use_deterministic_algorithms(True)
    for held_out in given.runs:
        scored = run(Recipe(held_out, given.seed, given.steps), scenes, given.out)
        for name, rows in scored["scores"].items():
            for rendering, row in rows.items():
                figures = (row["acc"], row["kappa"], row["iou"])
                print(held_out, scored["roles"][name], name, rendering, *figures, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
