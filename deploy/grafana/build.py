"""Makes lienthong.json, the dashboard for Grafana, from the list below: `python deploy/grafana/build.py`."""

import json
from pathlib import Path
from typing import Any, NamedTuple

TARGET = Path(__file__).with_name("lienthong.json")
_SOURCE = {"type": "prometheus", "uid": "${source}"}
_WIDTH = 24
_HEIGHT = 8


class Query(NamedTuple):
    """A line, or several, of a panel."""

    expression: str
    legend: str = ""


class Panel(NamedTuple):
    """One picture; `width` of 24 columns."""

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: str = "short"
    width: int = 8
    kind: str = "timeseries"
    red: float | None = None
    """From here on it is red."""


class Row(NamedTuple):
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


def _quantiles(metric: str) -> tuple[Query, ...]:
    return tuple(
        Query(
            f"histogram_quantile({share}, sum by (le, lane) (rate({metric}_bucket[$__rate_interval])))",
            f"lane {{{{lane}}}} p{round(share * 100)}",
        )
        for share in (0.5, 0.99)
    )


ROWS = (
    Row(
        "At a glance",
        (
            Panel("Not ready", "Parts that wait; /ready names them and why.",
                  (Query("sum(lienthong_waiting_parts)"),), width=4, kind="stat", red=1),
            Panel("Intake halted", "1: nothing is taken until the operator says so.",
                  (Query("max(lienthong_intake_halted)"),), width=4, kind="stat", red=1),
            Panel("Accepted", "Envelopes a second, into the ledger.",
                  (Query("sum(rate(lienthong_intake_accepted_total[$__rate_interval]))"),), "cps", 4, "stat"),
            Panel("Rejected share", "Mean over agencies; intake halts at one half.",
                  (Query("max(lienthong_intake_rejected_share)"),), "percentunit", 4, "stat", 0.1),
            Panel("Overdue", "Duties of recipients, all rules.",
                  (Query("sum(max by (rule) (lienthong_tracker_late))"),), width=4, kind="stat", red=1),
            Panel("Oldest express", "How long an express document has waited for any acknowledgement.",
                  (Query("max(lienthong_tracker_express_unacknowledged_seconds)"),), "s", 4, "stat", 300),
        ),
    ),
    Row(
        "Documents on their way",
        (
            Panel("Accepted, delivered, receipts", "A second. They move together, or something stands still.",
                  (Query("sum by (kind) (rate(lienthong_intake_accepted_total[$__rate_interval]))",
                         "accepted {{kind}}"),
                   Query("sum by (kind) (rate(lienthong_dispatch_delivered_total[$__rate_interval]))",
                         "delivered {{kind}}"),
                   Query("sum(rate(lienthong_notary_receipts_total[$__rate_interval]))", "receipts")), "cps"),
            Panel("Delivery", "From the ledger to the inboxes; lane 0 is express.",
                  _quantiles("lienthong_delivery_seconds"), "s"),
            Panel("First acknowledgement", "From a document's entry to that of the first acknowledgement of it.",
                  _quantiles("lienthong_acknowledgement_seconds"), "s"),
            Panel("Bytes", "A second, judged by intake and written to inboxes.",
                  (Query("sum(rate(lienthong_intake_received_bytes_total[$__rate_interval]))", "received"),
                   Query("sum(rate(lienthong_dispatch_delivered_bytes_total[$__rate_interval]))", "delivered")),
                  "Bps"),
            Panel("Rejected", "A second, by reason; docs/protocol.md explains them. Of receipts: the backbone's own.",
                  (Query("sum by (reason) (rate(lienthong_intake_rejected_total[$__rate_interval]))",
                         "{{reason}}"),
                   Query("sum by (reason) (rate(lienthong_notary_receipts_rejected_total[$__rate_interval]))",
                         "receipts {{reason}}")), "cps"),
            Panel("Agencies with most rejections", "In the last hour.",
                  (Query("topk(10, sum by (agency) (increase(lienthong_intake_rejected_total[1h])))",
                         "{{agency}}"),)),
        ),
    ),
    Row(
        "Services",
        (
            Panel("Lag", "Records not yet read.",
                  (Query("sum by (part, lane) (lienthong_lag_records)", "{{part}} lane {{lane}}"),)),
            Panel("Since the last round", "An idle part finishes four a second.",
                  (Query("time() - max by (part) (lienthong_last_progress_timestamp_seconds)", "{{part}}"),),
                  "s", red=60),
            Panel("Ledger position", "Where intake writes and the others read.",
                  (Query("max by (part, lane) (lienthong_ledger_position)", "{{part}} lane {{lane}}"),)),
            Panel("Sessions that Kafka failed", "In a quarter of an hour.",
                  (Query("sum by (part) (increase(lienthong_kafka_errors_total[15m]))", "{{part}}"),)),
            Panel("Void entries and foreign writes", "In a quarter of an hour.",
                  (Query("sum by (why) (increase(lienthong_dispatch_void_total[15m]))", "{{why}}"),
                   Query("sum(increase(lienthong_dispatch_resynchronised_total[15m]))", "read again"),
                   Query("sum by (agency) (lienthong_dispatch_strange_total)",
                         "damaged inbox of {{agency}}"))),
            Panel("Seals", "Share whose root had verified before; low under load: senders do not batch.",
                  (Query("sum(lienthong_seal_cache_hits) / "
                         "(sum(lienthong_seal_cache_hits) + sum(lienthong_seal_cache_misses))"),), "percentunit"),
        ),
    ),
    Row(
        "Agencies and deadlines",
        (
            Panel("Deliveries by state", "Each document once for every recipient.",
                  (Query("max by (stage) (lienthong_tracker_deliveries)", "{{stage}}"),)),
            Panel("Longest unacknowledged", "Age of the oldest document that waits, of ten agencies.",
                  (Query("topk(10, max by (agency) (lienthong_tracker_oldest_unacknowledged_seconds))",
                         "{{agency}}"),), "s", red=900),
            Panel("Most unacknowledged", "Documents that wait, of ten agencies.",
                  (Query("topk(10, max by (agency) (lienthong_tracker_unacknowledged))", "{{agency}}"),)),
            Panel("Overdue", "Duties of recipients by rule; lienthong ops late names them.",
                  (Query("max by (rule) (lienthong_tracker_late)", "{{rule}}"),)),
            Panel("Nearly due", "Little time is left.",
                  (Query("max by (rule) (lienthong_tracker_near_due)", "{{rule}}"),)),
            Panel("In time", "Of duties that documents of the last 30 days brought.",
                  (Query("min by (rule) (lienthong_tracker_on_time_ratio)", "{{rule}}"),), "percentunit"),
            Panel("Said and impossible", "In an hour; docs/lifecycle.md explains the flags.",
                  (Query("sum by (flag) (delta(lienthong_tracker_flags[1h]))", "{{flag}}"),)),
            Panel("Tracker", "Entries that it has taken, by kind, and those it cannot read.",
                  (Query("max by (kind) (lienthong_tracker_statements)", "{{kind}}"),
                   Query("max(lienthong_tracker_unread)", "unread"))),
            Panel("Left unread", "Whose senders were told, and what nothing was said of so far; notices in an hour.",
                  (Query("max by (state) (lienthong_tracker_expired)", "told, {{state}}"),
                   Query("sum(lienthong_reminder_open)", "open"),
                   Query("sum(increase(lienthong_reminder_unread_total[1h]))", "told in an hour"),
                   Query("sum(increase(lienthong_reminder_notices_total[1h]))", "notices in an hour"),
                   Query("sum(increase(lienthong_reminder_rejected_total[1h]))", "rejected in an hour"))),
            Panel("Age of the deadlines' figures", "They are computed every half minute, from much data more seldom.",
                  (Query("time() - max(lienthong_tracker_lateness_timestamp_seconds)"),), "s"),
        ),
    ),
)  # fmt: skip


def _panel(panel: Panel, number: int, x: int, y: int) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.red is not None:
        steps.append({"color": "red", "value": panel.red})
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": _SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": _HEIGHT // 2 if panel.kind == "stat" else _HEIGHT},
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}},
            "overrides": [],
        },
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": _SOURCE,
                "expr": query.expression,
                "legendFormat": query.legend or "__auto",
            }
            for place, query in enumerate(panel.queries)
        ],
    }


def _panels() -> list[dict[str, Any]]:
    """All rows one below the other, panels from left to right."""
    made: list[dict[str, Any]] = []
    y = 0
    for row in ROWS:
        made.append({
            "id": len(made) + 1, "type": "row", "title": row.title, "collapsed": False, "panels": [],
            "gridPos": {"x": 0, "y": y, "w": _WIDTH, "h": 1},
        })  # fmt: skip
        x, y, tallest = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > _WIDTH:
                x, y, tallest = 0, y + tallest, 0
            one = _panel(panel, len(made) + 1, x, y)
            made.append(one)
            x, tallest = x + panel.width, max(tallest, one["gridPos"]["h"])
        y += tallest
    return made


def dashboard() -> dict[str, Any]:
    """The whole dashboard, as Grafana imports it."""
    return {
        "uid": "lienthong",
        "title": "Lienthong",
        "description": "Documents on their way, services, agencies and deadlines. Made by deploy/grafana/build.py.",
        "tags": ["lienthong"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "timezone": "Asia/Ho_Chi_Minh",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [
                {
                    "name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus",
                    "hide": 0, "multi": False, "includeAll": False, "options": [], "current": {},
                }
            ]
        },
        "annotations": {"list": []},
        "panels": _panels(),
    }  # fmt: skip


def text() -> str:
    """What the file holds."""
    return json.dumps(dashboard(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), "utf-8")
