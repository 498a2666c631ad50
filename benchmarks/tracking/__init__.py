"""How well people keep their ids, on scenes whose identities are known; against libraries.

python -m h2ot_edge.benchmarks.tracking MOTIONS.npz [--scenes 12] [--libraries]
"""
