"""The generic board on trees shaped like real machines, and on hostile ones."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from flight.dictionary.enums import Quality
from flight.hal.generic import GenericBoard
from flight.hal.reading import Reading

Grow = Callable[[dict[str, str | None]], Path]

THERMAL = "sys/class/thermal"
HWMON = "sys/class/hwmon"
PI = {
    f"{THERMAL}/thermal_zone0/type": "cpu-thermal\n",
    f"{THERMAL}/thermal_zone0/temp": "48312\n",
    f"{HWMON}/hwmon0/name": "cpu_thermal\n",
    f"{HWMON}/hwmon0/temp1_input": "48312\n",
    f"{HWMON}/hwmon1/name": "rp1_adc\n",
    f"{HWMON}/hwmon1/temp1_input": "51200\n",
    f"{HWMON}/hwmon1/in1_input": "1480\n",
}
ORIN = {
    f"{THERMAL}/thermal_zone0/type": "cpu-thermal\0",
    f"{THERMAL}/thermal_zone0/temp": "50218\n",
    f"{THERMAL}/thermal_zone1/type": "gpu-thermal\n",
    f"{THERMAL}/thermal_zone1/temp": "47000\n",
    f"{THERMAL}/thermal_zone2/type": "PMIC-Die\n",
    f"{THERMAL}/thermal_zone2/temp": "100000\n",
    f"{HWMON}/hwmon1/name": "ina3221\n",
    f"{HWMON}/hwmon1/in1_label": "VDD_IN\n",
    f"{HWMON}/hwmon1/in1_input": "5000\n",
    f"{HWMON}/hwmon1/curr1_input": "1200\n",
    f"{HWMON}/hwmon1/in2_label": "VDD_CPU_GPU_CV\n",
    f"{HWMON}/hwmon1/in2_input": "5000\n",
    f"{HWMON}/hwmon1/curr2_input": "400\n",
    f"{HWMON}/hwmon1/in3_label": "VDD_SOC\n",
    f"{HWMON}/hwmon1/in3_input": "5000\n",
    f"{HWMON}/hwmon1/curr3_input": "300\n",
    f"{HWMON}/hwmon1/in7_label": "sum of shunt voltages\n",
    f"{HWMON}/hwmon1/in7_input": "40\n",
}


def _time() -> float:
    return 0.0


def _value(reading: Reading) -> float:
    assert reading.quality is Quality.GOOD, reading.source
    return reading.value


def test_pi_like(grow: Grow) -> None:
    readings = GenericBoard(_time, grow(dict(PI))).read()
    assert _value(readings.temperature) == pytest.approx(51.2)
    assert readings.temperature.source == "hwmon rp1_adc"
    for absent in (readings.power, readings.charge, readings.load, readings.memory, readings.disk):
        assert absent.quality is Quality.LOST
    assert not readings.sunlit


def test_jetson_counts_the_input_rail_once_and_skips_the_pmic(grow: Grow) -> None:
    readings = GenericBoard(_time, grow(dict(ORIN))).read()
    assert _value(readings.temperature) == pytest.approx(50.218)
    assert _value(readings.power) == pytest.approx(6.0)
    assert readings.power.source == "VDD_IN"


def test_rails_without_an_input_rail_are_summed_or_lost(grow: Grow) -> None:
    tree = dict(ORIN)
    tree[f"{HWMON}/hwmon1/in1_label"] = "NC\n"
    board = GenericBoard(_time, grow(tree))
    assert _value(board.read().power) == pytest.approx(3.5)
    grow({f"{HWMON}/hwmon1/curr2_input": None})
    assert board.read().power.source == "VDD_CPU_GPU_CV: Is a directory"


def test_jetpack_4_and_ina2xx_rails(grow: Grow) -> None:
    device = "sys/bus/i2c/devices/6-0040/iio:device0"
    root = grow(
        {
            f"{device}/rail_name_0": "POM_5V_IN\n",
            f"{device}/in_power0_input": "4250 mw\n",
            f"{device}/rail_name_1": "POM_5V_GPU\n",
            f"{device}/in_power1_input": "120\n",
        }
    )
    assert _value(GenericBoard(_time, root).read().power) == pytest.approx(4.25)
    grow({f"{HWMON}/hwmon4/name": "ina226\n", f"{HWMON}/hwmon4/power1_input": "7300000\n"})
    assert _value(GenericBoard(_time, root).read().power) == pytest.approx(7.3)


def test_renumbering_changes_nothing(grow: Grow) -> None:
    root = grow(dict(ORIN))
    board = GenericBoard(_time, root)
    before = board.read()
    (root / THERMAL / "thermal_zone0").rename(root / THERMAL / "thermal_zone9")
    (root / THERMAL / "thermal_zone1").rename(root / THERMAL / "thermal_zone0")
    (root / HWMON / "hwmon1").rename(root / HWMON / "hwmon12")
    after = board.read()
    assert after.temperature == before.temperature
    assert after.power == before.power


@pytest.mark.parametrize("damage", ["", "nan\n", "999999999999\n", "-256000\n", "\0", None])
def test_a_damaged_sensor_is_never_a_number(grow: Grow, damage: str | None) -> None:
    hot, cool = f"{THERMAL}/thermal_zone0", f"{THERMAL}/thermal_zone1"
    root = grow(
        {
            f"{hot}/type": "cpu-thermal",
            f"{hot}/temp": "70000",
            f"{cool}/type": "board-thermal",
            f"{cool}/temp": "40000",
        }
    )
    board = GenericBoard(_time, root)
    assert _value(board.read().temperature) == pytest.approx(70.0)
    grow({f"{hot}/temp": damage})
    left = board.read().temperature
    assert left.value == pytest.approx(40.0)
    assert left.quality is Quality.SUSPECT
    assert left.source == "zone board-thermal, lost zone cpu-thermal"
    shutil.rmtree(root / cool)
    assert board.read().temperature.quality is Quality.LOST
    shutil.rmtree(root / "sys")
    assert board.read().temperature.quality is Quality.LOST


def test_a_powered_down_zone_is_no_loss(grow: Grow) -> None:
    root = grow(dict(ORIN))
    board = GenericBoard(_time, root)
    board.read()
    gpu = root / THERMAL / "thermal_zone1/temp"
    gpu.unlink()
    os.mkfifo(gpu)
    holder = os.open(gpu, os.O_RDWR)
    try:
        assert _value(board.read().temperature) == pytest.approx(50.218)
    finally:
        os.close(holder)


def test_equal_names_are_all_read(grow: Grow) -> None:
    root = grow(
        {
            f"{HWMON}/hwmon{chip}/{name}": content
            for chip, content_of in enumerate(("40000", "60000"))
            for name, content in (("name", "nvme"), ("temp1_input", content_of))
        }
    )
    board = GenericBoard(_time, root)
    assert _value(board.read().temperature) == pytest.approx(60.0)
    shutil.rmtree(root / HWMON / "hwmon1")
    assert board.read().temperature.quality is Quality.SUSPECT


def test_batteries(grow: Grow) -> None:
    supply = "sys/class/power_supply"
    root = grow(
        {
            f"{supply}/BAT0/type": "Battery\n",
            f"{supply}/BAT0/capacity": "87\n",
            f"{supply}/BAT1/type": "Battery\n",
            f"{supply}/BAT1/capacity": "55\n",
            f"{supply}/mouse/type": "Battery\n",
            f"{supply}/mouse/scope": "Device\n",
            f"{supply}/mouse/capacity": "3\n",
            f"{supply}/AC/type": "Mains\n",
            f"{supply}/AC/online": "1\n",
        }
    )
    board = GenericBoard(_time, root)
    assert _value(board.read().charge) == pytest.approx(0.55)
    assert board.read().sunlit
    grow({f"{supply}/AC/online": "0\n", f"{supply}/BAT0/capacity": "250\n"})
    assert board.read().charge.quality is Quality.LOST
    assert not board.read().sunlit


def test_package_counters_wrap_and_reset(grow: Grow) -> None:
    instant = [0.0]
    domain = "sys/class/powercap/intel-rapl:0"
    core = f"{domain}/intel-rapl:0:0"
    root = grow(
        {
            f"{domain}/name": "package-0\n",
            f"{domain}/max_energy_range_uj": "1000000000\n",
            f"{domain}/energy_uj": "995000000\n",
            f"{core}/name": "core\n",
            f"{core}/energy_uj": "5\n",
        }
    )
    board = GenericBoard(lambda: instant[0], root)
    assert board.read().power.source == "rapl: needs two readings"
    instant[0] = 2.0
    grow({f"{domain}/energy_uj": "15000000\n"})
    assert _value(board.read().power) == pytest.approx(10.0)
    assert _value(board.read().power) == pytest.approx(10.0)
    instant[0] = 2.1
    grow({f"{domain}/energy_uj": "0\n"})
    assert board.read().power.source == "rapl: implausible step"
    grow({f"{domain}/energy_uj": None})
    instant[0] = 3.0
    assert board.read().power.quality is Quality.LOST


def test_the_live_machine_tells_its_shares() -> None:
    board = GenericBoard(_time)
    readings = board.read()
    for reading in (readings.load, readings.memory, readings.disk):
        assert 0.0 <= _value(reading) <= 1.0
    board.apply(0.5, 1)
