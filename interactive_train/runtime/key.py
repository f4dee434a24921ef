"""Random keys: where every random number comes from, without any hidden stream.

A `Key` is 128 bits. `fold` derives another key from names and numbers, so that
the key of "dropout at layers.2, step 17" depends on the seed and on these words
alone: adding a layer, running a step twice or using more threads changes nothing.
Bits are counter-based (Philox): number i of a key is a pure function of (key, i).
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interactive_train.runtime.errors import refusal


@dataclass(frozen=True, slots=True)
class Key:
    """A 128-bit key, as two unsigned 64-bit words.

    Examples
    --------
    >>> key = Key.from_seed(42)
    >>> key.fold("layers.0.weight") == Key.from_seed(42).fold("layers.0.weight")
    True
    >>> key.uniform(2) == key.uniform(3)[:2]
    array([ True,  True])
    """

    high: int
    low: int

    @classmethod
    def from_seed(cls, seed: int | None, where: str = "seed") -> Key:
        """Return the key of an integer seed; None draws fresh entropy.

        Raises
        ------
        TypeError
            If `seed` is a bool or no integer.
        """
        if seed is None:
            return cls(secrets.randbits(64), secrets.randbits(64))
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
            raise TypeError(
                refusal(
                    where,
                    "a seed is an integer, or None for a fresh one",
                    repr(seed),
                    "Give for example 0; True and False are refused because shuffle=True "
                    "would silently mean seed 1.",
                )
            )
        return cls(0, 0).fold("seed", int(seed))

    def fold(self, *words: int | str) -> Key:
        """Derive the key that belongs to these words."""
        text = "\x1f".join(f"{type(word).__name__[0]}{word}" for word in words)
        digest = hashlib.blake2b(
            text.encode(),
            digest_size=16,
            key=self.high.to_bytes(8, "little") + self.low.to_bytes(8, "little"),
        ).digest()
        return Key(int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little"))

    def at(self, step: int) -> Key:
        """Return the key of one step: the lower word counts on, wrapping around at its end.

        Kernels take the lower word as the upper half of the counter (`kernels.random`), so that
        distinct steps read distinct streams and a compiled step gets its next key by adding 1.

        Examples
        --------
        >>> Key(1, 2**64 - 1).at(3)
        Key(high=1, low=2)
        """
        return Key(self.high, (self.low + step) % 2**64)

    def words(self) -> NDArray[np.uint64]:
        """Return the key as an array of two unsigned 64-bit words, for kernels."""
        return np.array([self.high, self.low], dtype=np.uint64)

    def bits(self, count: int) -> NDArray[np.uint64]:
        """Return `count` random 64-bit words."""
        stream = np.random.Philox(key=self.words())
        return np.asarray(stream.random_raw(count), dtype=np.uint64)

    def uniform(self, count: int) -> NDArray[np.float64]:
        """Return `count` float64 numbers in [0, 1)."""
        return (self.bits(count) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def permutation(self, count: int) -> NDArray[np.int64]:
        """Return a random order of ``0 .. count - 1`` as int64."""
        # Random upper bits with the index below them: one sort of words, several times as quick as
        # an argsort; equal upper bits keep their order.
        index = np.uint64((1 << max(1, (count - 1).bit_length())) - 1)
        words = self.bits(count)
        words &= ~index
        words |= np.arange(count, dtype=np.uint64)
        words.sort()
        words &= index
        return words.view(np.int64)


def key_of(rng: Key | int, where: str) -> Key:
    """Return a key as it is, and an integer as the key of that seed.

    Raises
    ------
    TypeError
        For anything else.

    Examples
    --------
    >>> key_of(3, "trainer.step") == Key.from_seed(3)
    True
    """
    if rng is None:
        raise TypeError(refusal(where, "rng is a Key or an integer seed", "None", "Leave it out."))
    return rng if isinstance(rng, Key) else Key.from_seed(rng, f"{where}, rng=")
