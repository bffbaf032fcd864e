"""What layouts of a model were measured to cost and to lose, committed as JSON; without torch."""
