"""Engines that were built on this machine, kept so that each is built once.

>>> from h2ot_edge.engines.cache import EngineCache
"""

from h2ot_edge.engines.cache.clearing import Cleared
from h2ot_edge.engines.cache.engine_cache import EngineCache
from h2ot_edge.engines.cache.entry import CacheEntry, gpu_in_words

__all__ = ["CacheEntry", "Cleared", "EngineCache", "gpu_in_words"]
