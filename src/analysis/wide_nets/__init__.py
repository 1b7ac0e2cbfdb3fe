"""Wide nets, whose learning has a closed form.

Begin with `kernels`: the tangent kernel of ReLU nets, and how soon it learns a pattern of levels.
`conservation` shows what no encoding can change, `generalisation` predicts the error on new levels;
`learning_speed` makes tables of both, and `two_layer` trains finite nets beside them.
"""
