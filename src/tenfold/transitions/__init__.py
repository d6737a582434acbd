"""From one topology to the next: steps and planner decide, journal and runner carry out."""
