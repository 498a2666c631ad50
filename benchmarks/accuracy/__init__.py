"""Accuracy of models on clips whose true poses are known: metrics, protocols, tables.

Everything here runs on numpy and an `Engine`, so on the device as well.
Letters: t frames of a clip, j joints.
"""

from h2ot_edge.benchmarks.accuracy.h36m import H36M
from h2ot_edge.benchmarks.accuracy.mpi_inf_3dhp import MPI_INF_3DHP
from h2ot_edge.benchmarks.accuracy.protocols import CMU, Protocol

__all__ = ["PROTOCOLS"]

PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in (CMU, H36M, MPI_INF_3DHP)}
"""Every protocol, by name."""
