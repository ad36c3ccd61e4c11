"""GPUs and cost, from NVIDIA's DCGM exporter: use, memory, heat, power, errors, and what they cost by the hour."""

from __future__ import annotations

from gmlm.monitoring.panels import DashboardSpec, Panel, Query, Threshold, Variable

_OURS = 'namespace=~"$namespace"'
_GPU = "{{Hostname}} GPU {{gpu}}"

USE = (
    Panel(
        "Active",
        "Share of the time in which the GPU's engine computes; also right for slices of MIG, where utilisation is not.",
        (Query(f"DCGM_FI_PROF_GR_ENGINE_ACTIVE{{{_OURS}}}", _GPU),),
        "percentunit",
    ),
    Panel(
        "Tensor cores active",
        "Share of the time in which tensor cores compute; low while the engine is active means small or fp32 products.",
        (Query(f"DCGM_FI_PROF_PIPE_TENSOR_ACTIVE{{{_OURS}}}", _GPU),),
        "percentunit",
    ),
    Panel(
        "Memory",
        "Share of the GPU's memory that is in use.",
        (
            Query(
                f"DCGM_FI_DEV_FB_USED{{{_OURS}}} / (DCGM_FI_DEV_FB_USED{{{_OURS}}} + DCGM_FI_DEV_FB_FREE{{{_OURS}}})",
                _GPU,
            ),
        ),
        "percentunit",
        thresholds=(Threshold(0.9, "yellow"), Threshold(0.98, "red")),
    ),
)
HEALTH = (
    Panel(
        "Temperature",
        "Of the GPU's chip.",
        (Query(f"DCGM_FI_DEV_GPU_TEMP{{{_OURS}}}", _GPU),),
        "celsius",
        thresholds=(Threshold(80, "yellow"), Threshold(90, "red")),
    ),
    Panel("Power", "Electric power drawn.", (Query(f"DCGM_FI_DEV_POWER_USAGE{{{_OURS}}}", _GPU),), "watt"),
    Panel(
        "Xid errors",
        "Code of the driver's last error; 0 is none. The runbook of GmlmGpuXid tells what to do.",
        (Query(f"DCGM_FI_DEV_XID_ERRORS{{{_OURS}}}", _GPU),),
        "none",
        "number",
        thresholds=(Threshold(1, "red"),),
    ),
)
COST = (
    Panel(
        "GPUs held",
        "GPUs that the exporter sees in the namespace.",
        (Query(f"count(DCGM_FI_DEV_GPU_TEMP{{{_OURS}}})", "GPUs"),),
        "none",
        "number",
        6,
    ),
    Panel(
        "Cost per hour",
        "GPUs held, times the price that is set above.",
        (Query(f"count(DCGM_FI_DEV_GPU_TEMP{{{_OURS}}}) * $price", "per hour"),),
        "currencyEUR",
        "number",
        6,
    ),
    Panel(
        "Cost in this window",
        "GPU-hours of the chosen time, counted by the minute, times the price.",
        (
            Query(
                f"sum(count_over_time(DCGM_FI_DEV_GPU_TEMP{{{_OURS}}}[$__range:1m])) / 60 * $price",
                "window",
            ),
        ),
        "currencyEUR",
        "number",
        6,
    ),
    Panel(
        "Cost of idle GPUs",
        "Cost per hour of the share of the time in which GPUs did nothing.",
        (Query(f"sum(1 - DCGM_FI_PROF_GR_ENGINE_ACTIVE{{{_OURS}}}) * $price", "idle per hour"),),
        "currencyEUR",
        "number",
        6,
    ),
)

GPUS = DashboardSpec(
    "gmlm-gpus",
    "gmlm / GPUs and cost",
    "What the GPUs do, whether they are well, and what they cost. Needs the DCGM exporter.",
    {"Use": USE, "Health": HEALTH, "Cost": COST},
    variables=(
        Variable("namespace", "Namespace", "label_values(DCGM_FI_DEV_GPU_TEMP, namespace)"),
        Variable("price", "Price of a GPU-hour", text="2.50"),
    ),
)
