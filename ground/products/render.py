"""Picture of a product: the scene, the result, and how the result was computed."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from flight.dictionary.product import Product, ProductError
from ground.products.panels import Panels, panels

MARGIN = 28
GAP = 20
HEADER = 84
LABEL = 30
STRIP = 148
LEAST_SIDE = 640
LEAST_WIDTH = 1240

_BACKGROUND = (13, 16, 22)
_CARD = (22, 27, 36)
_RULE = (44, 52, 66)
_TEXT = (232, 237, 245)
_QUIET = (136, 148, 168)
_ACCENT = (88, 196, 255)


@dataclass(frozen=True, slots=True)
class Layout:
    """Pixel geometry of a picture with ``panels`` panels of a scene of ``height`` x ``width``."""

    height: int
    width: int
    panels: int = 2

    @property
    def zoom(self) -> int:
        """Whole-number enlargement that makes small scenes readable."""
        return max(1, -(-LEAST_SIDE // max(self.height, self.width)))

    @property
    def panel(self) -> tuple[int, int]:
        """Width and height of one panel."""
        return self.width * self.zoom, self.height * self.zoom

    @property
    def pitch(self) -> int:
        """Distance from the left edge of one panel to that of the next."""
        share = (LEAST_WIDTH - GAP * (self.panels - 1)) // self.panels
        return max(self.panel[0], share) + GAP

    def left(self, number: int) -> int:
        """Left edge of a panel: in the middle of its share of the width."""
        return MARGIN + number * self.pitch + (self.pitch - GAP - self.panel[0]) // 2

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        height = HEADER + LABEL + self.panel[1] + GAP + STRIP + MARGIN
        return self.panels * self.pitch - GAP + 2 * MARGIN, height


def load_scene(path: Path) -> NDArray[np.uint8]:
    """Return the first uint8 [H, W, 3] array of an NPZ file. Raises ProductError."""
    try:
        with path.open("rb") as stream, np.lib.npyio.NpzFile(stream) as arrays:
            for name in arrays.files:
                array = arrays[name]
                if array.dtype == np.uint8 and array.ndim == 3 and array.shape[2] == 3:
                    return np.ascontiguousarray(array)
    except OSError as error:
        raise ProductError(f"scene {path}: {error.strerror or error}") from error
    except (ValueError, zipfile.BadZipFile, AttributeError) as error:
        raise ProductError(f"scene {path}: {error}") from error
    raise ProductError(f"scene {path} holds no uint8 array of shape [H, W, 3]")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _figures(product: Product, size: int, octets: int) -> list[tuple[str, str, str]]:
    """Return (label, figure, note) of each cell of the caption strip; the scene has ``octets``."""
    proof = product.provenance
    return [
        ("TASK", f"{proof.task}", f"{_count(proof.steps, 'step')}, {proof.elapsed:.1f} s"),
        ("LEVEL", proof.level.name, f"{_count(proof.replaced, 'replica')} replaced"),
        (
            "VOTES",
            f"{proof.votes}",
            f"{_count(proof.checkpoints, 'checkpoint')}, {_count(proof.resumes, 'resume')}",
        ),
        ("UPSETS MASKED", f"{proof.masked}", _count(proof.corrected, "memory correction")),
        ("SCENE", _octets(octets), f"SHA-256 {proof.scene_sha256[:12]}"),
        ("DOWNLINKED", _octets(size), f"{_times(octets / size)} times less than the scene"),
        ("RESULT VERIFIED", proof.result_sha256[:8], f"model {proof.model_sha256[:12] or 'none'}"),
    ]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _times(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}"


def _octets(count: int) -> str:
    if count < 10_000:
        return f"{count} B"
    return f"{count / 1e3:.1f} kB" if count < 1_000_000 else f"{count / 1e6:.2f} MB"


def _header(draw: ImageDraw.ImageDraw, layout: Layout, product: Product) -> None:
    proof = product.provenance
    draw.text((MARGIN, 22), "TARDIGRADE", _ACCENT, _font(15))
    scenes = f"{proof.scene} and {proof.second}" if proof.second else proof.scene
    draw.text((MARGIN, 42), f"{proof.program} on {scenes}", _TEXT, _font(26))
    started = np.datetime64(proof.started_utc, "ns").astype("datetime64[s]")
    right = layout.size[0] - MARGIN
    draw.text((right, 22), f"{started}Z", _QUIET, _font(15), anchor="ra")
    model = f"model {proof.model}" if proof.model else "no model"
    draw.text((right, 50), model, _QUIET, _font(15), anchor="ra")


def _legend(draw: ImageDraw.ImageDraw, right: int, top: int, shown: Panels) -> None:
    """Entries with their colours, from the right edge to the left."""
    font = _font(15)
    for label, tint in reversed(shown.legend):
        draw.text((right, top), label, _TEXT, font, anchor="ra")
        right -= round(draw.textlength(label, font)) + 18
        if tint is not None:
            draw.rectangle((right, top + 3, right + 11, top + 14), tint)
        right -= 18


def _strip(
    draw: ImageDraw.ImageDraw, layout: Layout, top: int, cells: list[tuple[str, str, str]]
) -> None:
    right = layout.size[0] - MARGIN
    draw.rectangle((MARGIN, top, right, top + STRIP), _CARD)
    draw.rectangle((MARGIN, top, right, top + 2), _ACCENT)
    pitch = (right - MARGIN) / len(cells)
    scale = min(1.0, pitch / 210)
    for number, (label, figure, note) in enumerate(cells):
        left = MARGIN + pitch * number + 18 * scale
        if number:
            line = MARGIN + pitch * number
            draw.line((line, top + 26, line, top + STRIP - 26), _RULE)
        draw.text((left, top + 28), label, _QUIET, _font(max(8, round(13 * scale))))
        draw.text((left, top + 54), figure, _TEXT, _font(max(11, round(28 * scale))))
        draw.text((left, top + 102), note, _QUIET, _font(max(8, round(13 * scale))))


def render(product: Product, size: int, scene: NDArray[np.uint8] | None) -> bytes:
    """Return a PNG. ``size`` is the product's length in octets, ``scene`` uint8 [H, W, 3].

    Raises ProductError when the product is not of this scene or does not verify; only a compressed
    picture is drawn without one.
    """
    shown = panels(product, scene)
    layout = Layout(*shown.shape, len(shown.pictures))
    picture = Image.new("RGB", layout.size, _BACKGROUND)
    draw = ImageDraw.Draw(picture)
    _header(draw, layout, product)
    width, height = layout.panel
    for number, (label, pixels) in enumerate(shown.pictures):
        left = layout.left(number)
        draw.text((left, HEADER + 6), label, _QUIET, _font(14))
        panel = Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST)
        picture.paste(panel, (left, HEADER + LABEL))
    _legend(draw, layout.size[0] - MARGIN, HEADER + 4, shown)
    octets = shown.pictures[0][1].nbytes
    _strip(draw, layout, HEADER + LABEL + height + GAP, _figures(product, size, octets))
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
