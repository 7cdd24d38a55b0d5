"""How a worker learns its share of a quota it does not own alone.

The law, for a steady quota of L requests in T = 60 s, all parts of L or of T:

    rate    = share * level * L / T                       (`flow.py`)
    level   = room / time, 0 to 3                         until the window ends
    share  *= exp(weight * (GAIN * (room - time) + PULL * ln(ANCHOR / share)))
    share  *= 0.9                                         a 429 of the steady window

`room` is what RateLimit-Remaining leaves above a reserve, `time` what RateLimit-Reset
leaves of the window, `weight` the part of a window since the last answer.

- `level` spends what is left evenly over the time that is left. Everybody reads the
  same two numbers, so everybody slows by the same factor, however many there are, when
  another tool or worker comes; and nobody who comes first in a window can eat it.
- `room - time` says how far the key is above the straight line from full to empty. Its
  mean over a window is (1 - sum of all shares) / 4, so GAIN leads the sum to 1, what
  other tools take counted in. This is the increase and decrease by `remaining`.
- PULL makes shares alike: a share above ANCHOR loses more, a share below it gains more,
  relatively. It is the additive increase (in the logarithm) of AIMD. That it leaves the
  sum of the shares off 1 by some percent costs little, for `level` closes the gap.
- The reserve is for arrivals of other tools that nobody sees coming: a multiple of the
  square root of L, as the spread of random arrivals grows.
- `company`, 0 to 1, says how far somebody else uses the key, or may without having been
  seen in so short a time. The reserve and PULL fade with it, and whoever is alone takes
  the whole at once (ALONE): then `level` alone spends what is left to the last request.
- Without headers the share grows e-fold in a third of a window until the first 429,
  then some 4 % a window; a 429 cuts it to 65 %: AIMD alone.

The constants without another source were chosen with `tests/benchmarks/pacing.py`.
"""

import math

import msgspec

from streams.pacing.flow import BURST_WINDOW_S, STEADY_WINDOW_S, rate_per_s
from streams.pacing.pace import Pace
from streams.pacing.signals import Signals

GAIN = 5.0
"""How fast the sum of the shares goes to one: e-fold a window."""

PULL = 0.08
"""How fast shares become alike: e-fold in 1 / PULL windows, some 17 minutes."""

ANCHOR = 0.18
"""Where PULL is nothing: between one worker (0.7 beside a tool) and 16 (0.044)."""

LEVEL_MAX = 3.0
"""A reset that is named late by some seconds must not triple more than those."""

CUT = 0.9
"""Decrease for a 429 although the headers are followed."""

RESERVE = 0.3
"""Of the square root of the steady quota: 3.7 requests of 150."""

OWN = 0.5
"""Just after one's own request `remaining` is half a request below its mean."""

CALM_PER_MIN = 150
"""Below this quota one request more or less is much, so all is learned slower."""

COMPANY = 0.1
"""Others that use a tenth of the quota count in full; below, more as if alone."""

WATCHED_MAX = 2.0
"""The use of others is followed by a half a window; by more, while less was seen."""

UNSEEN = 0.05
"""What others may use without being seen in a window, over the square root of L."""

WATCHED_MIN = 0.02
"""Of a newcomer (`Pace.watched`), or where windows do not end when they should."""

ALONE = 30.0
"""How fast a worker takes the whole when nobody else uses the key: e-fold in 2 s."""

GUARD_S = 1.0
"""Remaining is spent as if the window were longer by this: Reset is rounded."""

GUARD_ALONE_S = 0.3
"""And when nobody else uses the key."""

GUARD_AGE = 0.2
"""And by this part of one's own interval: what is left is seen so seldom."""

GUARD_AGE_MAX_S = 15.0
"""But not by more."""

ROUNDED_S = 1.5
"""Reset is rounded up to a second, and says it as late as the answer comes: a window
that ends later by no more is the same, and the earliest end is the truest."""

DRIFT_S = 0.003
"""How much a window's end may move each minute: 50 ppm, a bad quartz."""

SHARE_MIN = 0.001
"""A share never vanishes; `flow.PROBE_S` keeps it probing."""

BLIND_AFTER_S = 120.0
"""Two steady windows without a header: there are none."""

BLIND_START = 3.0
"""Growth a window (e-fold) before the first 429, when there are no headers."""

BLIND_GROWTH = 0.04
"""And after it."""

BLIND_PULL = 0.01
"""PULL, when there are no headers."""

BLIND_CUT = 0.65
"""Decrease for a 429, when there are no headers."""


def answered(pace: Pace, signals: Signals, *, now_s: float) -> Pace:
    """Learn from an answer that was served.

    Args:
        pace: The state.
        signals: What the answer said.
        now_s: When it came.
    """
    weight = _weight(pace, now_s=now_s)
    pace = msgspec.structs.replace(pace, heard_s=now_s, failures=0)
    if signals.remaining is not None and signals.reset_s is not None:
        return _told(
            pace,
            now_s=now_s,
            latency_s=signals.latency_s,
            remaining=signals.remaining,
            ends_s=now_s + min(signals.reset_s, STEADY_WINDOW_S),
            weight=weight,
        )
    return _untold(pace, weight=weight) if _blind(pace, now_s=now_s) else pace


def throttled(pace: Pace, signals: Signals, *, now_s: float) -> Pace:
    """Learn from a 429; one of the burst window is bad luck, not a share too large."""
    cut = 1.0
    if _blind(pace, now_s=now_s):
        cut = BLIND_CUT
    elif signals.retry_after_s > BURST_WINDOW_S:
        cut = CUT
    return msgspec.structs.replace(
        pace, share=_bounded(pace.share * cut), throttled=True
    )


def _weight(pace: Pace, *, now_s: float) -> float:
    """Part of a window that an answer speaks for; an idle time says nothing."""
    since_s = min(now_s - pace.heard_s, 2.0 / rate_per_s(pace), STEADY_WINDOW_S)
    return max(since_s, 0.0) / STEADY_WINDOW_S


def _blind(pace: Pace, *, now_s: float) -> bool:
    return now_s - pace.told_s > BLIND_AFTER_S


def _bounded(share: float) -> float:
    return min(max(share, SHARE_MIN), 1.0)


def _untold(pace: Pace, *, weight: float) -> Pace:
    """Grow; nothing but a 429 will say that it was too much."""
    push = BLIND_START
    if pace.throttled:
        push = BLIND_GROWTH + BLIND_PULL * math.log(ANCHOR / pace.share)
    share = pace.share * math.exp(push * weight) if pace.pressed else pace.share
    return msgspec.structs.replace(pace, share=_bounded(share), level=1.0)


def _told(  # noqa: PLR0913  # each is one number of the law, by its name
    pace: Pace,
    *,
    now_s: float,
    latency_s: float,
    remaining: int,
    ends_s: float,
    weight: float,
) -> Pace:
    """Take in what RateLimit headers said of the window, half the latency ago."""
    ends_s = _end(pace, ends_s=ends_s, late_s=ROUNDED_S + latency_s)
    if ends_s < min(now_s, pace.ends_s - STEADY_WINDOW_S / 2):
        return pace  # overtaken by an answer of a later window
    others, watched = _others(pace, remaining=remaining, now_s=now_s, ends_s=ends_s)
    unseen = UNSEEN / math.sqrt(pace.quota.steady_per_min) / watched
    company = min(1.0, (abs(others) + unseen) / COMPANY)
    left_s = max(ends_s - (now_s - latency_s / 2), 0.0)
    room = _room(pace, remaining=remaining, company=company)
    guard_s = GUARD_ALONE_S + company * (
        GUARD_S - GUARD_ALONE_S + min(GUARD_AGE / rate_per_s(pace), GUARD_AGE_MAX_S)
    )
    level = room / _time(left_s, guard_s=guard_s)
    excess = room - _time(left_s, guard_s=GUARD_S)
    return msgspec.structs.replace(
        pace,
        told_s=now_s,
        remaining=remaining,
        others=others,
        watched=watched,
        ends_s=ends_s,
        level=min(level, LEVEL_MAX),
        share=_pushed(pace, excess=excess, company=company, weight=weight),
    )


def _room(pace: Pace, *, remaining: int, company: float) -> float:
    limit = pace.quota.steady_per_min
    reserve = RESERVE * math.sqrt(limit) * company
    return min(max((remaining + OWN - reserve) / (limit - reserve), 0.0), 1.0)


def _time(left_s: float, *, guard_s: float) -> float:
    return (left_s + guard_s) / (STEADY_WINDOW_S + guard_s)


def _pushed(pace: Pace, *, excess: float, company: float, weight: float) -> float:
    """Change the share; who has no backlog learns nothing, or it would grow idle."""
    if not pace.pressed:
        return pace.share
    calm = min(1.0, max(pace.quota.steady_per_min / CALM_PER_MIN, 1.0 - company))
    push = GAIN * excess + PULL * company * math.log(ANCHOR / pace.share)
    share = pace.share * math.exp(calm * push * weight)
    whole = min(1.0, (1.0 - company) * ALONE * weight)
    return _bounded(share ** (1.0 - whole))


def _end(pace: Pace, *, ends_s: float, late_s: float) -> float:
    """Say when the steady window ends, in the light of the ends named before.

    What an answer names is never too early, and too late by `late_s` at most.
    """
    if pace.ends_s == -math.inf:
        return ends_s
    rounds = round((ends_s - pace.ends_s) / STEADY_WINDOW_S)
    known_s = pace.ends_s + rounds * (STEADY_WINDOW_S + DRIFT_S)
    return min(ends_s, known_s) if ends_s - known_s < late_s else ends_s


def _others(
    pace: Pace, *, remaining: int, now_s: float, ends_s: float
) -> tuple[float, float]:
    """Follow the use of others; two answers of one window show it.

    Answers that overtake each other show too little and then too much: it evens out.
    What stays below zero is no fixed window, so `company` takes it for company.

    Returns:
        Their use, and how many windows it speaks for.
    """
    if (ends_s - pace.ends_s + ROUNDED_S) % STEADY_WINDOW_S > 2 * ROUNDED_S:
        return pace.others, WATCHED_MIN
    if ends_s - pace.ends_s > STEADY_WINDOW_S / 2:
        return pace.others, pace.watched
    windows = (now_s - pace.told_s) / STEADY_WINDOW_S
    watched = min(pace.watched + windows, WATCHED_MAX)
    seen = (pace.remaining - remaining - 1) / pace.quota.steady_per_min
    others = pace.others + (seen - pace.others * windows) / watched
    return min(max(others, -1.0), 1.0), watched
