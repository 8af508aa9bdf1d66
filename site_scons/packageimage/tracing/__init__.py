"""Recording which specialisations a program compiles, and writing them as a workload."""
