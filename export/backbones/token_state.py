"""The frame tokens between two blocks, and taking some of them."""

from dataclasses import dataclass

from torch import Tensor

from h2ot_edge.export.tokens.constants import constant


@dataclass(frozen=True)
class Tokens:
    """The tokens between two blocks.

    Attributes:
        rows: (frames b j, c), see `layers`.
        frames: how many frames there are.
        numbers: which frames of the window they are, ascending: known at export, or (b, frames)
            int64 where the data decides.
    """

    rows: Tensor
    frames: int
    numbers: tuple[int, ...] | Tensor

    def numbers_by_window(self) -> Tensor:
        """(b, frames), or (1, frames) where they are the same for all windows."""
        return constant([self.numbers]) if isinstance(self.numbers, tuple) else self.numbers

    def of_table(self, table: Tensor, entries: int) -> Tensor:
        """What a per-frame table holds for the frames still there.

        Args:
            table: (entries, ...), one entry per frame of the window or per frame still there.
            entries: which of the two; a number, since a traced shape is none.

        Returns:
            (frames, 1 or b, ...), ready to broadcast over batch.
        """
        if entries == self.frames:
            return table.unsqueeze(1)
        return table[self.numbers_by_window().permute(1, 0)]

    def take_fixed(self, positions: list[int]) -> "Tokens":
        """Keep the frames at `positions`, the same in every window."""
        width = self.rows.shape[-1]
        rows = self.rows.reshape(self.frames, -1)[constant(positions)].reshape(-1, width)
        if isinstance(self.numbers, tuple):
            return Tokens(rows, len(positions), tuple(self.numbers[p] for p in positions))
        return Tokens(rows, len(positions), self.numbers[:, constant(positions)])

    def take(self, positions: Tensor, keep: int, joints: int) -> "Tokens":
        """Keep the frames at `positions`, (b, keep) int64, ascending.

        Args:
            positions: where the frames are among those still there.
            keep: how many; a number, since a traced shape is none.
            joints: tokens of a frame.
        """
        width = self.rows.shape[-1]
        windows = self.rows.reshape(self.frames, -1, joints * width)
        # An index for every element costs little and needs no arithmetic on the batch size.
        index = positions.permute(1, 0).unsqueeze(2).expand(-1, -1, joints * width)
        rows = windows.gather(0, index).reshape(-1, width)
        # Before the first pruning step a frame's position is its number.
        first = isinstance(self.numbers, tuple)
        numbers = positions if first else self.numbers_by_window().gather(1, positions)
        return Tokens(rows, keep, numbers)
