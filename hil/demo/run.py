"""The demonstration as a whole: bench, calm flight, attacked flight, summary, picture."""

from __future__ import annotations

import shutil
from pathlib import Path

from flight.config import default_path
from flight.runtime.clock import SystemClock
from ground.products.render import load_scene, render
from hil.bench.local import LocalBench
from hil.demo.account import Account, open_account
from hil.demo.attack import Attack
from hil.demo.flight import SCENE, Flight, fly
from hil.demo.summary import load_product, summarise, write


def run(out: Path, seed: int) -> bool:
    """Fly and write ``summary.json`` and ``product.png`` below ``out``; True when all is well.

    Raises BenchError when the bench does not come up or a flight does not end in time.
    """
    shutil.rmtree(out, ignore_errors=True)
    clock = SystemClock()
    began = clock.now()
    account = open_account(clock)
    configs = default_path().parent
    bench = LocalBench(out, config=configs / "demo.toml", seed=seed)
    try:
        account.say("starting node, link emulator (1/4 Mb/s, 25 ms, BER 1e-5) and station")
        with bench:
            bench.follow(lambda line: line["happening"] == "packet", 30, "first telemetry")
            account.say("node up, first housekeeping received", "good")
            calm = fly(bench, account, "none")
            hit, attack = _fly_attacked(bench, account)
            statistics = bench.station_statistics()
            for name in ("station", "emulator", "node"):
                bench.stop(name)
        payload = configs / "payload"
        summary = summarise(
            bench, statistics, calm, hit, attack.injected, clock.now() - began, payload
        )
        summary["leftovers"] = bench.leftovers()
        write(summary, out / "summary.json")
        product, size = load_product(hit)
        scene = load_scene(payload / f"{SCENE}.npz")
        (out / "product.png").write_bytes(render(product, size, scene))
        _conclude(account, summary, out)
        return bool(summary["ok"] and not summary["leftovers"])
    finally:
        account.close()


def _fly_attacked(bench: LocalBench, account: Account) -> tuple[Flight, Attack]:
    attacks: list[Attack] = []

    def on_step(flight: Flight, step: int) -> None:
        if not attacks:
            attacks.append(Attack(bench, flight.task, lambda text: account.say(text, "attack")))
        attacks[0].at_step(step)

    flight = fly(bench, account, "tmr", on_step)
    return flight, attacks[0]


def _conclude(account: Account, summary: dict, out: Path) -> None:  # type: ignore[type-arg]
    upsets, octets = summary["upsets"], summary["bytes"]
    injected = upsets["injected"]
    account.say(
        f"injected {injected['state_bits']} state bits, {injected['weight_bits']} weight bits,"
        f" {injected['kills']} kill, {injected['outage_s']:g} s outage;"
        f" masked {upsets['masked']} answers, corrected {upsets['corrected']} weight blocks,"
        f" replaced {upsets['replicas_replaced']} replicas"
    )
    forged = summary["forged_telecommands"]
    account.say(
        f"forged {forged['sent']} telecommands; frames refused by the node: {forged['refused']}"
    )
    account.say(
        f"downlinked {octets['downlinked_product']} octets for {octets['scene_pixels']} octets"
        f" of pixels ({octets['ratio']} : 1)"
    )
    verdict = "identical" if summary["identical"] else "DIFFERENT"
    account.say(
        f"mask under attack {summary['digest_under_attack'][:16]},"
        f" undisturbed {summary['digest_undisturbed'][:16]}: {verdict}",
        "good" if summary["ok"] else "bad",
    )
    account.say(f"{summary['seconds']:.1f} s; {out / 'summary.json'}, {out / 'product.png'}")
