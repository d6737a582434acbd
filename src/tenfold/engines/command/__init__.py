"""Any program that serves HTTP, behind a door: one unit is the program, its door and a watcher."""
