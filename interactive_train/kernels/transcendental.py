"""exp, expm1, log, log1p, tanh and erf of one number, such that loops over them become vectors.

The C library computes these one element at a time. Here each is a reduction of the
range and a polynomial without branches, tables and calls, in one version for float32
(`_single`) and one for float64 (`_double`). Kernels go on to say ``np.exp(x)``; `source` puts the
version of the adapter's type in its place. NaN, infinities, zeros of either sign and subnormal
numbers give what NumPy gives.

The largest errors, in units in the last place, which tests/kernels/test_transcendental.py holds
them to:

========  =======  =======
function  float32  float64
========  =======  =======
exp       2.0      2.0
expm1     2.0      2.0
log       1.0      1.0
log1p     1.5      1.5
tanh      2.0      2.5
erf       1.5      1.5
========  =======  =======

The polynomials are minimax fits (Remez exchange in 60 digits, each weighted so that the
relative error of the function is what is levelled), coefficients from the highest power down.

References
----------
Muller: Elementary Functions: Algorithms and Implementation. 3rd edition, 2016.
Cody, Waite: Software Manual for the Elementary Functions. 1980.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from interactive_train.kernels.bits import exponent, mantissa, two_to

INFINITY = math.inf
LOG2_E = 1.0 / math.log(2.0)
# log(2) as a sum; n times the first part is exact for every exponent n.
LN2_HIGH_SINGLE = 0.693359375
LN2_LOW_SINGLE = -2.1219444005469057e-4
LN2_HIGH_DOUBLE = 0.6931471803691238
LN2_LOW_DOUBLE = 1.9082149292705877e-10
# Adding 1.5 * 2**23 (2**52) leaves no bits for a fraction: it rounds to a whole number.
HOLD_SINGLE = 12582912.0
HOLD_DOUBLE = 6755399441055744.0


def narrow_single(r: Any) -> Any:
    """exp(r) - 1 for abs(r) <= log(2) / 2."""
    p = 0.00138145196 * r + 0.00836875569
    p = p * r + 0.0416683927
    p = p * r + 0.166665196
    p = p * r + 0.49999994
    return r * r * p + r


def narrow_double(r: Any) -> Any:
    """exp(r) - 1 for abs(r) <= log(2) / 2."""
    p = 2.4999175343108467e-08 * r + 2.763031871663865e-07
    p = p * r + 2.7557589836846715e-06
    p = p * r + 2.4801492929587896e-05
    p = p * r + 0.00019841269501952915
    p = p * r + 0.0013888888943761042
    p = p * r + 0.008333333333496921
    p = p * r + 0.041666666666529815
    p = p * r + 0.16666666666666408
    p = p * r + 0.5000000000000011
    return r * r * p + r


def wide_single(r: Any) -> Any:
    """exp(r) - 1 for abs(r) <= log(2)."""
    p = 0.000196103996 * r + 0.00141045114
    p = p * r + 0.0083361147
    p = p * r + 0.0416612662
    p = p * r + 0.166666135
    p = p * r + 0.500000358
    return r * r * p + r


def wide_double(r: Any) -> Any:
    """exp(r) - 1 for abs(r) <= log(2)."""
    p = 1.6188294686644429e-10 * r + 2.1070731332675995e-09
    p = p * r + 2.505126346893383e-08
    p = p * r + 2.755605099950426e-07
    p = p * r + 2.7557321899731116e-06
    p = p * r + 2.480159131821167e-05
    p = p * r + 0.00019841269837101022
    p = p * r + 0.0013888888882630708
    p = p * r + 0.00833333333333616
    p = p * r + 0.0416666666667091
    p = p * r + 0.1666666666666666
    p = p * r + 0.49999999999999917
    return r * r * p + r


def exp_single(x: Any) -> Any:
    """exp(x) = 4**n exp(r), multiplied by 2**n twice, since 4**n may be no normal number.

    Beyond the bounds the result is 0 or Inf anyway.
    """
    x = np.float32(-104.0) if x < -104.0 else x
    x = np.float32(89.0) if x > 89.0 else x
    held = x * (0.5 * LOG2_E) + HOLD_SINGLE
    n = held - HOLD_SINGLE
    r = (x - n * (2.0 * LN2_HIGH_SINGLE)) - n * (2.0 * LN2_LOW_SINGLE)
    power = two_to(held)
    return (wide_single(r) + 1.0) * power * power


def exp_double(x: Any) -> Any:
    """exp(x) = 4**n exp(r), multiplied by 2**n twice, since 4**n may be no normal number.

    Beyond the bounds the result is 0 or Inf anyway.
    """
    x = np.float64(-746.0) if x < -746.0 else x
    x = np.float64(710.0) if x > 710.0 else x
    held = x * (0.5 * LOG2_E) + HOLD_DOUBLE
    n = held - HOLD_DOUBLE
    r = (x - n * (2.0 * LN2_HIGH_DOUBLE)) - n * (2.0 * LN2_LOW_DOUBLE)
    power = two_to(held)
    return (wide_double(r) + 1.0) * power * power


def near_exp_single(x: Any) -> Any:
    """exp(x) = 2**n exp(r) for abs(x) < 87, or NaN."""
    held = x * LOG2_E + HOLD_SINGLE
    n = held - HOLD_SINGLE
    r = (x - n * LN2_HIGH_SINGLE) - n * LN2_LOW_SINGLE
    return (narrow_single(r) + 1.0) * two_to(held)


def near_exp_double(x: Any) -> Any:
    """exp(x) = 2**n exp(r) for abs(x) < 708, or NaN."""
    held = x * LOG2_E + HOLD_DOUBLE
    n = held - HOLD_DOUBLE
    r = (x - n * LN2_HIGH_DOUBLE) - n * LN2_LOW_DOUBLE
    return (narrow_double(r) + 1.0) * two_to(held)


def expm1_single(x: Any) -> Any:
    """exp(x) - 1 = 4**n ((exp(r) - 1) + (1 - 4**-n)). Below the bound it is -1."""
    y = np.float32(-20.0) if x < -20.0 else x
    y = np.float32(89.0) if y > 89.0 else y
    held = y * (0.5 * LOG2_E) + HOLD_SINGLE
    n = held - HOLD_SINGLE
    r = (y - n * (2.0 * LN2_HIGH_SINGLE)) - n * (2.0 * LN2_LOW_SINGLE)
    power = two_to(held)
    inverse = two_to(HOLD_SINGLE - n)
    result = (wide_single(r) + (1.0 - inverse * inverse)) * power * power
    return x if abs(x) < 1e-8 else result


def expm1_double(x: Any) -> Any:
    """exp(x) - 1 = 4**n ((exp(r) - 1) + (1 - 4**-n)). Below the bound it is -1."""
    y = np.float64(-40.0) if x < -40.0 else x
    y = np.float64(710.0) if y > 710.0 else y
    held = y * (0.5 * LOG2_E) + HOLD_DOUBLE
    n = held - HOLD_DOUBLE
    r = (y - n * (2.0 * LN2_HIGH_DOUBLE)) - n * (2.0 * LN2_LOW_DOUBLE)
    power = two_to(held)
    inverse = two_to(HOLD_DOUBLE - n)
    result = (wide_double(r) + (1.0 - inverse * inverse)) * power * power
    return x if abs(x) < 1e-17 else result


def log_parts_single(n: Any, f: Any) -> Any:
    """log(2**n (1 + f)) for f in [sqrt(1/2) - 1, sqrt(2) - 1]: a polynomial in f."""
    p = -0.0763178766 * f + 0.127606243
    p = p * f - 0.131606922
    p = p * f + 0.142019153
    p = p * f - 0.166233256
    p = p * f + 0.200012192
    p = p * f - 0.250008225
    p = p * f + 0.333333313
    z = f * f
    rest = (p * f * z + n * LN2_LOW_SINGLE) - 0.5 * z
    return (f + rest) + n * LN2_HIGH_SINGLE


def log_parts_double(n: Any, f: Any) -> Any:
    """log(2**n (1 + f)) for f in [sqrt(1/2) - 1, sqrt(2) - 1].

    With s = f / (2 + f): log(1 + f) = 2 atanh(s) = 2 s + s**3 p(s**2).
    """
    s = f / (2.0 + f)
    z = s * s
    p = 0.1479644177221207 * z + 0.15314008223194556
    p = p * z + 0.1818356569826626
    p = p * z + 0.2222219855236919
    p = p * z + 0.2857142874253726
    p = p * z + 0.39999999999414215
    p = p * z + 0.6666666666666734
    half = 0.5 * f * f
    rest = half - (s * (half + z * p) + n * LN2_LOW_DOUBLE)
    return n * LN2_HIGH_DOUBLE - (rest - f)


def log_single(x: Any) -> Any:
    """log(x); a subnormal number is scaled up by 2**23 first."""
    tiny = x < 1.17549435e-38
    y = x * 8388608.0 if tiny else x
    n = exponent(y)
    n = n - 23.0 if tiny else n
    result = log_parts_single(n, mantissa(y) - 1.0)
    result = result if x < INFINITY else x
    outside = -INFINITY if x == 0.0 else INFINITY - INFINITY
    return result if x > 0.0 else outside


def log_double(x: Any) -> Any:
    """log(x); a subnormal number is scaled up by 2**52 first."""
    tiny = x < 2.2250738585072014e-308
    y = x * 4503599627370496.0 if tiny else x
    n = exponent(y)
    n = n - 52.0 if tiny else n
    result = log_parts_double(n, mantissa(y) - 1.0)
    result = result if x < INFINITY else x
    outside = -INFINITY if x == 0.0 else INFINITY - INFINITY
    return result if x > 0.0 else outside


def log1p_single(x: Any) -> Any:
    """log(1 + x), with what the sum 1 + x lost put back (nothing, where it is large)."""
    u = 1.0 + x
    n = exponent(u)
    lost = (x - (u - 1.0)) * two_to(HOLD_SINGLE - n)
    f = mantissa(u) - 1.0
    f = f + lost if x < 1e30 else f
    result = log_parts_single(n, f)
    result = result if x < INFINITY else x
    result = x if abs(x) < 1e-8 else result
    outside = -INFINITY if x == -1.0 else INFINITY - INFINITY
    return result if x > -1.0 else outside


def log1p_double(x: Any) -> Any:
    """log(1 + x), with what the sum 1 + x lost put back (nothing, where it is large)."""
    u = 1.0 + x
    n = exponent(u)
    lost = (x - (u - 1.0)) * two_to(HOLD_DOUBLE - n)
    f = mantissa(u) - 1.0
    f = f + lost if x < 1e200 else f
    result = log_parts_double(n, f)
    result = result if x < INFINITY else x
    result = x if abs(x) < 1e-17 else result
    outside = -INFINITY if x == -1.0 else INFINITY - INFINITY
    return result if x > -1.0 else outside


def tanh_single(x: Any) -> Any:
    """tanh(x): a polynomial around 0, elsewhere 1 - 2 / (exp(2 x) + 1)."""
    z = x * x
    p = -0.00628258986 * z + 0.0210778899
    p = p * z - 0.0538539067
    p = p * z + 0.133326024
    p = p * z - 0.333333194
    small = x * (p * z + 1.0)
    a = abs(x)
    t = np.float32(10.0) if a > 10.0 else a
    large = 1.0 - 2.0 / (near_exp_single(t + t) + 1.0)
    large = large if x > 0.0 else -large
    return small if a < 0.55 else large


def tanh_double(x: Any) -> Any:
    """tanh(a) = e / (e + 2) with e = exp(2 a) - 1 = 2**n (exp(r) - 1) + (2**n - 1).

    Three roundings, up to 2.5 units, which float64 has to spare; and a third faster than above.
    """
    a = abs(x)
    y = np.float64(20.0) if a > 20.0 else a
    y = y + y
    held = y * LOG2_E + HOLD_DOUBLE
    n = held - HOLD_DOUBLE
    r = (y - n * LN2_HIGH_DOUBLE) - n * LN2_LOW_DOUBLE
    power = two_to(held)
    e = narrow_double(r) * power + (power - 1.0)
    result = e / (e + 2.0)
    result = -result if x < 0.0 else result
    return x if a < 1e-8 else result


def erf_single(x: Any) -> Any:
    """erf(x): a polynomial around 0, elsewhere 1 - exp(-a (1 + q(a))) with a = abs(x)."""
    z = x * x
    p = -0.000611129217 * z + 0.00501623051
    p = p * z - 0.0267819613
    p = p * z + 0.112822302
    p = p * z - 0.376125336
    p = p * z + 0.128379151
    small = x * p + x
    a = abs(x)
    t = np.float32(4.0) if a > 4.0 else a
    q = 1.04290639e-05 * t - 0.0003148182
    q = q * t + 0.00361018442
    q = q * t - 0.023694247
    q = q * t + 0.106158696
    q = q * t + 0.635198236
    q = q * t + 0.128637031
    large = 1.0 - near_exp_single(-(q * t + t))
    large = large if x > 0.0 else -large
    return small if a < 0.9 else large


def erf_double(x: Any) -> Any:
    """erf(x): a polynomial around 0, elsewhere 1 - exp(-a (1 + q(a))) with a = abs(x)."""
    z = x * x
    p = -8.497784841792478e-10 * z + 1.4053170480317343e-08
    p = p * z - 1.627685161579122e-07
    p = p * z + 1.6455364093780596e-06
    p = p * z - 1.4925309923357528e-05
    p = p * z + 0.0001205532148611339
    p = p * z - 0.000854832676735515
    p = p * z + 0.005223977621820572
    p = p * z - 0.02686617064482882
    p = p * z + 0.1128379167095382
    p = p * z - 0.3761263890318373
    p = p * z + 0.1283791670955126
    small = x * p + x
    a = abs(x)
    t = np.float64(6.0) if a > 6.0 else a
    q = -1.773835960247177e-12 * t + 7.74802591857798e-11
    q = q * t - 1.5854152324672365e-09
    q = q * t + 2.018553074203328e-08
    q = q * t - 1.7893108870977052e-07
    q = q * t + 1.1682211371729478e-06
    q = q * t - 5.771782811896632e-06
    q = q * t + 2.163459345551535e-05
    q = q * t - 5.9375678833361586e-05
    q = q * t + 0.00010232401547181916
    q = q * t - 1.201267402516828e-05
    q = q * t - 0.0005606982474362946
    q = q * t + 0.001678942153689893
    q = q * t - 0.00020189888640687316
    q = q * t - 0.019130469068364228
    q = q * t + 0.10277288882236889
    q = q * t + 0.636619776928749
    q = q * t + 0.12837916179152054
    large = 1.0 - near_exp_double(-(q * t + t))
    large = large if x > 0.0 else -large
    return small if a < 0.9 else large
