"""Colours of phases and labels: Okabe and Ito's, and a grey.  Loads no matplotlib."""

PHASE_COLOURS = {"pore": "#5b6770", "surface": "#d55e00", "bulk": "#0072b2"}
# For phases without a colour of their own.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5b6770", "#000000")
