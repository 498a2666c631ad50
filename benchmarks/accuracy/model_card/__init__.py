r"""Model cards in Markdown: what a model is, how accurate and fast it is, and where it fails.

    python -m h2ot_edge.benchmarks.accuracy.model_card motionbert-s --data test.npz

`measuring` runs the models, `kinds` and `failures` choose the frames to look at, `page` and
`pictures` write them down, `document` makes the JSON object that a release puts into the card.
"""
