"""The order in which TensorRT's objects are freed.

The bindings keep what an object needs alive, so a wrong order is no crash in Python; but memory is
then freed late, and whoever frees a stream or the CUDA context in between does crash. Here the
order counts: contexts, their engine, its runtime.
"""

import weakref


class Lives:
    """Which objects are alive, and what each depends on."""

    def __init__(self, gpu):
        self._gpu = gpu
        self._depend = weakref.WeakKeyDictionary()

    def born(self, made, title, owner=None):
        """Note a new object."""
        made._title = title
        self._gpu.borrowers.add(made)
        if owner is not None:
            self._depend.setdefault(owner, weakref.WeakSet()).add(made)

    def dependants(self, owner):
        """What depends on an object."""
        return list(self._depend.get(owner, ()))

    def died(self, gone, kind):
        """Note that an object goes; what depends on it should be gone."""
        left = len(self._depend.get(gone, ()))
        if left:
            self._gpu.misuse.append(f"{gone._title} was destroyed before {left} {kind} of it")
