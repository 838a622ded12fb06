"""Fitting: from expert outputs and a likelihood to a pool that keeps its guarantee.

How data flow through the room::

    data, estimated          rows in blocks; risks calibrated anew without each fold (risk)
    prior, problems          what is fitted and how firmly it is held; a batch of such heads
    constant, network        their objectives: constant weights in NumPy, gates in torch
    coordinates, curvature   the metric in which these objectives are easy
    lbfgs                    minimises a batch of them; Newton's method stands in constant
    trainer                  puts these together: the constant pool first, then the rest
    path, search             many candidates: mixed (automatic gate) or compared
    guarantee, fit           blends with the best reference, and runs it all
    panel, panel_path        the same for several labels at a time (panel_gaps)

Symbols that recur, with their shapes:

=============  ==================================================================================
``head``       one weighted product: gate, sharpness, class bias, perhaps a correction
``pool``       heads with shares, which is one more weighted product
``spec``       ``HeadSpec``: what kind of head is fitted, and under which priors
``weights``    ``(n_parts, n_samples)``, sample weights; 0 where a fold holds a row out
``part``       one row of ``weights``: all rows, or those that a fold is fitted on
``deff``       design effect, by which the weights of dependent rows are divided
``problem``    a part and a spec; number ``part * n_specs + position`` in its batch
``which``      ``(n,)``, sorted numbers of the problems that a call is about
``theta``      ``(n, size)``, parameters of problems, one flat vector each
``layout``     where each group of parameters lies in ``theta``, with centre and precision
``column``     what the product runs over: the experts, and the linear pool as one more
``base``       the constant pool of a spec: the same head without gate and correction
``near``       a trainer of one part whose solutions others start from
``limit``      ``(n_problems,)``, nats in total that may be left to gain when a fit ends
``scores``     ``(n, n_samples, n_classes)``, fused scores F before they are normalised
``state``      what a likelihood makes its curvature of; for classes the probabilities
``share``      of a candidate in the mixture, or of a reference in the blend; in [0, 1]
``trial``      a candidate of the automatic path, with its held-out scores
``tilt``       ``(n_candidates,)``, added to the log prior of candidates before their softmax
=============  ==================================================================================
"""
